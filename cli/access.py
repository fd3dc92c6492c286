"""`iris keys`, `iris accounts`, `iris audit`: access, and the log of administrative changes."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.client import OUT, Connection, call, print_json, show_more
from cli.options import (
    AsJson,
    Connect,
    Generate,
    Limit,
    PageCursor,
    PasswordFile,
    connected,
)
from cli.passwords import chosen_password, show_generated
from cli.terminal import DataTable

keys = typer.Typer(help="API keys: credentials of programs that call the API.", no_args_is_help=True)
accounts = typer.Typer(help="Accounts: people with access, and their roles.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id.")]
AccountId = Annotated[str, typer.Argument(metavar="ID", help="The account's id.")]


@keys.command("list")
@connected
def list_keys(
    connect: Connect,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List API keys, also revoked ones, the newest first."""
    params = {"limit": limit, "cursor": cursor}
    envelope = call(connect(), "GET", "/v1/api-keys", params=params)
    columns = ("id", "name", "accountId", "expires", "lastUsed", "revoked", "scopes")
    _show_page(envelope, columns, as_json=as_json)


@keys.command("create")
@connected
def create_key(
    connect: Connect,
    name: Annotated[str, typer.Argument(help="A description of its purpose.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="An operation that it may do, as interactions:write; may be repeated; all by default."),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Id of the account that the key acts for; by default yours.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Expiry, as 2027-06-30T00:00:00Z.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key: calls with the same key create one API key.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and show its secret once."""
    body = {"name": name, "scopes": scope or None, "accountId": account, "expires": expires}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    connection = connect()
    _show_secret(call(connection, "POST", "/v1/api-keys", body, headers), as_json=as_json)


@keys.command("rotate")
@connected
def rotate_key(
    connect: Connect,
    key_id: KeyId,
    grace: Annotated[int, typer.Option(min=0, help="Seconds that the old secret still works.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Rotate an API key and show the new secret once."""
    path = f"/v1/api-keys/{quote(key_id)}/rotate"
    envelope = call(connect(), "POST", path, params={"grace": grace})
    _show_secret(envelope, as_json=as_json)


@keys.command("revoke")
@connected
def revoke_key(
    connect: Connect,
    key_id: KeyId,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key."""
    envelope = call(connect(), "DELETE", f"/v1/api-keys/{quote(key_id)}")
    if as_json:
        print_json(envelope)
    else:
        OUT.print(f"revoked {envelope['payload']['id']} ({envelope['payload']['name']})", highlight=False, markup=False)


@accounts.command("list")
@connected
def list_accounts(
    connect: Connect,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List accounts, the newest first."""
    envelope = call(connect(), "GET", "/v1/accounts", params={"limit": limit, "cursor": cursor})
    _show_page(envelope, ("id", "role", "disabled", "created", "email"), as_json=as_json)


@accounts.command("create")
@connected
def create_account(
    connect: Connect,
    email: Annotated[str, typer.Argument(help="The e-mail address for login.")],
    role: Annotated[str, typer.Option(help="admin, operator or reader.")],
    password_file: PasswordFile = None,
    generate: Generate = False,
    as_json: AsJson = False,
) -> None:
    """Create an account. The password is asked for unless it comes from a file or is made up."""
    password = chosen_password(password_file, generate=generate)
    body = {"email": email, "role": role, "password": password}
    created = call(connect(), "POST", "/v1/accounts", body)
    show_generated(password, generate=generate)
    _show_account(created, as_json=as_json)


@accounts.command("disable")
@connected
def disable_account(
    connect: Connect,
    account_id: AccountId,
    as_json: AsJson = False,
) -> None:
    """Disable an account: its password and keys stop working, and its sessions end."""
    _change(connect(), account_id, {"disabled": True}, as_json=as_json)


@accounts.command("enable")
@connected
def enable_account(
    connect: Connect,
    account_id: AccountId,
    as_json: AsJson = False,
) -> None:
    """Enable a disabled account."""
    _change(connect(), account_id, {"disabled": False}, as_json=as_json)


@accounts.command("update")
@connected
def update_account(
    connect: Connect,
    account_id: AccountId,
    role: Annotated[str, typer.Option(help="admin, operator or reader.")],
    as_json: AsJson = False,
) -> None:
    """Change an account's role."""
    _change(connect(), account_id, {"role": role}, as_json=as_json)


@accounts.command("delete")
@connected
def delete_account(
    connect: Connect,
    account_id: AccountId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete an account, and with it its keys and sessions."""
    if not yes:
        typer.confirm(f"Delete the account {account_id}?", abort=True)
    call(connect(), "DELETE", f"/v1/accounts/{quote(account_id)}")
    OUT.print(f"deleted {account_id}", highlight=False, markup=False)


@connected
def audit(
    connect: Connect,
    thing: Annotated[str | None, typer.Option(help="A noun, as user or api-key.")] = None,
    thing_id: Annotated[str | None, typer.Option("--id", help="Which one.")] = None,
    account: Annotated[str | None, typer.Option(help="Who changed it: an account's id.")] = None,
    since: Annotated[str | None, typer.Option(help="Only at or after this instant, as 2026-01-31T09:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this instant.")] = None,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what of all that is administered, the newest first."""
    params = {
        "thing": thing,
        "thingId": thing_id,
        "accountId": account,
        "since": since,
        "until": until,
        "limit": limit,
        "cursor": cursor,
    }
    envelope = call(connect(), "GET", "/v1/audit-log", params=params)
    _show_page(envelope, ("date", "accountId", "keyId", "operation", "thingId", "fields"), as_json=as_json)


def _change(connection: Connection, account_id: str, change: Mapping[str, object], *, as_json: bool) -> None:
    _show_account(call(connection, "PATCH", f"/v1/accounts/{quote(account_id)}", change), as_json=as_json)


def _show_page(envelope: dict[str, Any], columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    table = DataTable(*columns)
    for item in envelope["payload"]["items"]:
        table.add_row(*(_cell(item[column]) for column in columns))
    OUT.print(table)
    show_more(envelope)


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - any JSON
        case _:
            return str(value)


def _show_secret(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    key = envelope["payload"]
    OUT.print(f"{key['id']} ({key['name']}); its secret, which is not shown again:", highlight=False, markup=False)
    OUT.print(key["key"], highlight=False, markup=False, soft_wrap=True)


def _show_account(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    account = envelope["payload"]
    state = "disabled" if account["disabled"] else "enabled"
    OUT.print(f"{account['id']}  {account['email']}  {account['role']}  {state}", highlight=False, markup=False)
