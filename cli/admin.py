"""`iris admin`: setup in the database itself, before anybody has access."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.client import OUT, fail, print_json, server_settings
from cli.options import AsJson, DataDirectory, Generate, PasswordFile
from cli.passwords import chosen_password, show_generated

if TYPE_CHECKING:
    from pymongo.asynchronous.client_session import AsyncClientSession

    from models.access import Account
    from settings import Settings

admin = typer.Typer(help="Administration directly on the database, before anybody has access.", no_args_is_help=True)


@admin.callback()
def _admin() -> None:
    """Let there be commands of this name, though there is one."""


@admin.command()
def create(
    tenant: Annotated[str, typer.Option(help="The tenant's name; the tenant is created if it does not exist.")],
    email: Annotated[str, typer.Option(help="The administrator's e-mail address for login.")],
    country: Annotated[
        str | None,
        typer.Option(help="A new tenant's own country, as ES: national numbers are read in it."),
    ] = None,
    password_file: PasswordFile = None,
    generate: Generate = False,
    as_json: AsJson = False,
    data_dir: DataDirectory = Path(".iris"),
) -> None:
    """Make a tenant's administrator, who gives access to everybody else.

    A new tenant monitors its messages to all countries but its own (`iris reach`).

    The database is that of the environment, else that of the running `iris up`. The password is asked for unless it
    comes from a file or is made up.
    """
    from pymongo.errors import PyMongoError

    from api.schemas.sessions import MAX_EMAIL_LENGTH, MAX_TENANT_LENGTH
    from domain.access import account_address
    from domain.destinations import InvalidDestinationError
    from domain.phone_numbers import COUNTRIES

    if not 1 <= len(tenant) <= MAX_TENANT_LENGTH or len(email) > MAX_EMAIL_LENGTH:
        fail(f"a tenant's name has 1 to {MAX_TENANT_LENGTH} characters, an address at most {MAX_EMAIL_LENGTH}", 2)
    try:
        address = account_address(email)
    except InvalidDestinationError:
        fail(f"{email} is no e-mail address", 2)
    if country is not None and country not in COUNTRIES:
        fail(f"{country} is no country (ISO 3166-1), such as ES", 2)
    password = chosen_password(password_file, generate=generate, personal=[address, tenant])
    try:
        account = asyncio.run(_create(server_settings(data_dir), tenant, country, address, password))
    except PyMongoError as error:
        fail(f"MongoDB: {error}", 2)
    if account is None:
        fail(f"{address} already has an account in {tenant}")
    show_generated(password, generate=generate)
    if as_json:
        print_json({"id": account.id, "tenant": account.tenant, "email": account.email, "role": account.role})
    else:
        OUT.print(f"{account.id}  {account.email} administers {account.tenant}", highlight=False, markup=False)


async def _create(
    settings: "Settings", tenant: str, country: str | None, email: str, password: str
) -> "Account | None":
    """Create the administrator, and the tenant if there is none; return None if the address already has an account."""
    from pymongo.errors import DuplicateKeyError

    from bootstrap import mongodb
    from domain.access import Role
    from domain.gate.reach import initial_reach
    from models.access import Account, Tenant
    from models.audit import AuditEntry
    from models.sending_rules import SendingRules
    from security.credential_encryption import hash_password

    async with mongodb(settings):
        account = Account(tenant=tenant, email=email, password_hash=hash_password(password), role=Role.ADMIN)
        entry = AuditEntry(
            tenant=tenant,
            account_id=None,
            operation="account.created",
            thing="account",
            thing_id=account.id,
            fields=["email", "role"],
        )

        async def insert(session: "AsyncClientSession") -> None:
            await account.insert(session=session)
            await entry.insert(session=session)

        with suppress(DuplicateKeyError):
            await Tenant(name=tenant, default_country=country).insert()
            await SendingRules.change(tenant, {"reach": initial_reach(country).as_json()}, None)
        try:
            await Account.in_transaction(insert)
        except DuplicateKeyError:
            return None
        return account
