"""`iris users`: senders and recipients of messages."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.client import OUT, call, fail, print_json, show_more
from cli.options import AsJson, Connect, Limit, PageCursor, connected
from cli.terminal import DataTable

users = typer.Typer(help="Users: recipients and senders of messages.", no_args_is_help=True)

UserId = Annotated[str, typer.Argument(metavar="ID", help="The user's id.")]
Kind = Annotated[str, typer.Argument(help="PhoneNumber, Email, PageScopedId or BusinessScopedId.")]
Value = Annotated[str, typer.Argument(help="The number, address or id.")]
Metadata = Annotated[list[str] | None, typer.Option("--metadata", "-m", metavar="NAME=VALUE", help="May be repeated.")]
TimeZone = Annotated[str | None, typer.Option(help="IANA name of the zone in which it lives, as Europe/Madrid.")]
PrimaryKey = Annotated[
    list[str] | None, typer.Option("--primary-key", "-k", metavar="NAME=VALUE", help="May be repeated.")
]


@users.command("default-country")
@connected
def default_country(
    connect: Connect,
    code: Annotated[str | None, typer.Argument(help='An ISO 3166-1 code, such as ES; "" for none.')] = None,
    as_json: AsJson = False,
) -> None:
    """Show or choose the country in which phone numbers without + or 00 are read first."""
    connection = connect()
    change = ("GET", None) if code is None else ("PATCH", {"defaultCountry": code})
    envelope = call(connection, change[0], "/v1/tenant", change[1])
    if as_json:
        print_json(envelope)
    else:
        OUT.print(envelope["payload"]["defaultCountry"] or "none", highlight=False, markup=False)


@users.command("list")
@connected
def list_users(
    connect: Connect,
    name: Annotated[str | None, typer.Option(help="Prefix of the name, or of a word in it.")] = None,
    destination: Annotated[str | None, typer.Option(help="A destination, in any usual spelling.")] = None,
    metadata: Metadata = None,
    limit: Limit = 50,
    cursor: PageCursor = None,
    as_json: AsJson = False,
) -> None:
    """List users, the newest first."""
    asked = {"name": name, "destination": destination, "limit": limit, "cursor": cursor}
    params = asked | named_filters(metadata)
    envelope = call(connect(), "GET", "/v1/users", params=params)
    if as_json:
        print_json(envelope)
        return
    table = DataTable("id", "name", "destinations")
    for user in envelope["payload"]["items"]:
        table.add_row(user["id"], user["name"], _destinations(user))
    OUT.print(table)
    show_more(envelope)


@users.command()
@connected
def show(
    connect: Connect,
    user_id: UserId,
    as_json: AsJson = False,
) -> None:
    """Show a user; one that was merged is the one that it was merged into."""
    _show(call(connect(), "GET", f"/v1/users/{quote(user_id)}"), as_json=as_json)


@users.command()
@connected
def create(
    connect: Connect,
    name: Annotated[str, typer.Argument(help="The name.")],
    phone: Annotated[list[str] | None, typer.Option(help="A phone number; may be repeated.")] = None,
    email: Annotated[list[str] | None, typer.Option(help="An e-mail address; may be repeated.")] = None,
    metadata: Metadata = None,
    time_zone: TimeZone = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key: calls with the same key create one user.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a user."""
    body = {
        "name": name,
        "metadata": pairs(metadata) or None,
        "primaryKey": {"PhoneNumber": phone or [], "Email": email or []},
        "timeZone": time_zone,
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    _show(call(connect(), "POST", "/v1/users", body, headers), as_json=as_json)


@users.command()
@connected
def update(
    connect: Connect,
    user_id: UserId,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    metadata: Metadata = None,
    time_zone: TimeZone = None,
    as_json: AsJson = False,
) -> None:
    """Change a user's name, its time zone, or all its metadata."""
    given = {"name": name, "metadata": pairs(metadata), "timeZone": time_zone}
    body: dict[str, Any] = {field: value for field, value in given.items() if value}
    path = f"/v1/users/{quote(user_id)}"
    _show(call(connect(), "PATCH", path, body), as_json=as_json)


@users.command("add-destination")
@connected
def add_destination(
    connect: Connect,
    user_id: UserId,
    kind: Kind,
    value: Value,
    as_json: AsJson = False,
) -> None:
    """Add a destination to a user."""
    path, body = f"/v1/users/{quote(user_id)}/destinations", {"kind": kind, "value": value}
    _show(call(connect(), "POST", path, body), as_json=as_json)


@users.command("remove-destination")
@connected
def remove_destination(
    connect: Connect,
    user_id: UserId,
    kind: Kind,
    value: Value,
    as_json: AsJson = False,
) -> None:
    """Take a destination from a user."""
    path = f"/v1/users/{quote(user_id)}/destinations/{quote(kind)}/{quote(value, safe='')}"
    _show(call(connect(), "DELETE", path), as_json=as_json)


@users.command()
@connected
def merge(
    connect: Connect,
    user_id: UserId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Id of the user to merge into this one.")],
    as_json: AsJson = False,
) -> None:
    """Merge another user into one: its destinations, interactions and processes follow."""
    path = f"/v1/users/{quote(user_id)}/merge"
    _show(call(connect(), "POST", path, {"from": other}), as_json=as_json)


@users.command()
@connected
def erase(
    connect: Connect,
    user_id: UserId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase all that is personal of a user, for good; repeat it to see how far it has come."""
    if not yes:
        typer.confirm(f"Erase the user {user_id} for good?", abort=True)
    envelope = call(connect(), "DELETE", f"/v1/users/{quote(user_id)}")
    if as_json:
        print_json(envelope)
        return
    erasure = envelope["payload"]
    state = f"completed {erasure['completed']}" if erasure["completed"] else "under way"
    OUT.print(f"{state}; interactions: {erasure['interactions']}", highlight=False)


def pairs(given: list[str] | None) -> dict[str, str]:
    """Parse `NAME=VALUE` options; end the program if one is malformed."""
    parsed: dict[str, str] = {}
    for one in given or []:
        name, separator, value = one.partition("=")
        if not separator:
            fail(f"{one!r} is not NAME=VALUE", 2)
        parsed[name] = value
    return parsed


def named_filters(metadata: list[str] | None, primary_key: list[str] | None = None) -> dict[str, str]:
    """Query parameters that filter a list by `NAME=VALUE` options."""
    given = {"metadata": metadata, "primaryKey": primary_key}
    return {f"{field}.{name}": value for field, one in given.items() for name, value in pairs(one).items()}


def _show(envelope: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(envelope)
        return
    user = envelope["payload"]
    table = DataTable("", "")
    table.show_header = False
    for name in ("id", "name", "timeZone", "created"):
        table.add_row(name, user[name] or "")
    for kind, values in user["primaryKey"].items():
        table.add_row(kind, ", ".join(values))
    metadata: dict[str, Any] = user["metadata"] or {}
    for name, value in metadata.items():
        table.add_row(f"metadata.{name}", str(value))
    OUT.print(table)


def _destinations(user: dict[str, Any]) -> str:
    return ", ".join(value for values in user["primaryKey"].values() for value in values)
