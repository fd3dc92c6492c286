"""`iris admin`, `iris accounts`, `iris keys`, `iris audit`: output for people and for programs."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from cli import admin
from cli.main import app
from domain.identifiers import new_id
from models.access import Account, Tenant
from models.audit import AuditEntry
from security.credential_encryption import password_matches
from tests.cli.running import Command, payload
from tests.iris import PASSWORD, Iris

ROOT: Final = Path(__file__).parents[2]
ACCOUNT: Final = ("accounts", "create", "--role")


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    return str(file)


def address() -> str:
    return f"a-{new_id()}@iris.example.com"


async def admin_create(iris: Iris, *arguments: str, typed: str = "") -> tuple[int, str]:
    """Exit code and output of `iris admin create`, in a separate process, since it opens the product's database."""
    where = {
        "MONGODB_URI": iris.settings.mongodb_uri.get_secret_value(),
        "IRIS_MONGODB_DATABASE": iris.settings.mongodb_database,
        "TEMPORAL_ADDRESS": iris.settings.temporal_address,
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "admin", "create", *arguments),
        env={**os.environ, **where},
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,  # without a terminal for prompts
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate(typed.encode())
    return process.returncode or 0, output.decode()


async def test_the_first_administrator_of_a_new_tenant_logs_in_with_a_password_that_is_shown_once(iris: Iris) -> None:
    tenant, email = f"new-{new_id()}", address()
    options = ("--tenant", tenant, "--email", email.upper(), "--generate", "--country", "ES")
    code, output = await admin_create(iris, *options)
    assert (code, email in output) == (0, True), output
    [password] = re.findall(r"not shown again: (\S+)", output)
    login = {"tenant": tenant, "email": email, "password": password}
    tokens = (await iris.http.post("/v1/sessions", json=login)).json()["payload"]
    bearer = {"Authorization": f"Bearer {tokens['accessToken']}"}
    me = (await iris.http.get("/v1/accounts/me", headers=bearer)).json()["payload"]
    assert (me["role"], me["tenant"]) == ("admin", tenant)
    reach = (await iris.http.get("/v1/reach", headers=bearer)).json()["payload"]
    assert reach["rules"][0]["countries"] == {"ES": "allow", "*": "monitor"}
    [entry] = (await iris.http.get("/v1/audit-log", headers=bearer)).json()["payload"]["items"]
    assert (entry["operation"], entry["accountId"], entry["thingId"]) == ("account.created", None, me["id"])
    code, output = await admin_create(iris, *options)
    assert (code, "already has an account" in output, "not shown again" in output) == (1, True, False), output
    assert await Tenant.find({"name": tenant}).count() == 1
    assert await AuditEntry.find({"tenant": tenant}).count() == 1


async def test_a_password_is_prompted_for_without_echo(iris: Iris) -> None:
    tenant, email = f"new-{new_id()}", address()
    answers = f"{PASSWORD}\n{PASSWORD}\n"
    code, output = await admin_create(iris, "--tenant", tenant, "--email", email, typed=answers)
    assert (code, PASSWORD in output) == (0, False), output
    account = await Account.find_one({"tenant": tenant, "email": email})
    assert account is not None
    assert password_matches(account.password_hash, PASSWORD)


def test_a_password_may_come_from_a_file(password_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    async def create(_settings: object, _tenant: str, _country: str | None, _email: str, password: str) -> None:
        given.append(password)

    monkeypatch.setattr(admin, "_create", create)
    options = ("--tenant", "t", "--email", address(), "--password-file", password_file)
    done = CliRunner().invoke(app, ["admin", "create", *options])
    assert (done.exit_code, given) == (1, [PASSWORD]), done.output


async def test_a_password_is_made_up_and_shown_only_for_an_account_that_is_new(iris: Iris, command: Command) -> None:
    email = address()
    assert "not shown again: " in await command(*ACCOUNT, "reader", email, "--generate")
    where = {"IRIS_API_URL": str(iris.http.base_url), "IRIS_API_KEY": iris.demo.api_key}
    arguments = [*ACCOUNT, "reader", email, "--generate"]
    again = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=where)
    assert (again.exit_code, "not shown again" in again.output) == (1, False), again.output


@pytest.mark.parametrize(
    ("options", "typed"),
    [
        (("--tenant", "t", "--email", "nobody", "--generate"), ""),
        (("--tenant", "", "--email", "a@iris.example.com", "--generate"), ""),
        (("--tenant", "t", "--email", "a@iris.example.com"), "short\nshort\n"),
        (("--tenant", "t", "--email", "a@iris.example.com", "--password-file", "/nowhere"), ""),
        (("--tenant", "t", "--email", "a@iris.example.com", "--password-file", "x", "--generate"), ""),
    ],
)
def test_an_invalid_administrator_is_refused_before_the_database_is_accessed(
    options: tuple[str, ...], typed: str
) -> None:
    done = CliRunner().invoke(app, ["admin", "create", *options], input=typed, env={"MONGODB_URI": "nowhere"})
    assert done.exit_code == 2, done.output


async def test_accounts_are_made_listed_changed_disabled_and_deleted(command: Command, password_file: str) -> None:
    email = address()
    made = await payload(command, *ACCOUNT, "reader", email, "--password-file", password_file)
    assert (made["email"], made["role"], made["disabled"]) == (email, "reader", False)
    account = await Account.get(made["id"])
    assert account is not None
    assert password_matches(account.password_hash, PASSWORD)
    assert made in (await payload(command, "accounts", "list"))["items"]
    assert email in await command("accounts", "list")
    assert "disabled" in await command("accounts", "disable", made["id"])
    assert (await payload(command, "accounts", "disable", made["id"]))["disabled"] is True
    assert "operator  disabled" in await command("accounts", "update", made["id"], "--role", "operator")
    assert "operator  enabled" in await command("accounts", "enable", made["id"])
    assert await command("accounts", "delete", made["id"], "--yes") == f"deleted {made['id']}\n"
    assert made["id"] not in await command("accounts", "list")


async def test_keys_are_made_listed_rotated_and_revoked(command: Command, iris: Iris) -> None:
    async def status(secret: str) -> int:
        bearer = {"Authorization": f"Bearer {secret}"}
        return (await iris.http.get("/v1/accounts/me", headers=bearer)).status_code

    def secret_in(output: str) -> str:
        [secret] = re.findall(r"^iris_\S+$", output, re.MULTILINE)
        return secret

    name = f"key-{new_id()}"
    options: tuple[str, ...] = ("--scope", "users:read", "--scope", "users:write", "--expires", "2100-01-01T00:00:00Z")
    first = secret_in(await command("keys", "create", name, *options))
    [key] = [one for one in (await payload(command, "keys", "list"))["items"] if one["name"] == name]
    assert (key["scopes"], key["expires"]) == (["users:read", "users:write"], "2100-01-01T00:00:00.000Z")
    assert "key" not in key
    listed = await command("keys", "list")
    assert all(text in listed for text in (key["id"], name, "users:read"))
    second = secret_in(await command("keys", "rotate", key["id"], "--grace", "60"))
    third: dict[str, Any] = await payload(command, "keys", "rotate", key["id"])
    assert [await status(secret) for secret in (first, second, third["key"])] == [401, 401, 200]
    assert key["id"] in await command("keys", "revoke", key["id"])
    assert await status(third["key"]) == 401


async def test_the_audit_log_is_shown_and_filtered(command: Command) -> None:
    key = await payload(command, "keys", "create", f"key-{new_id()}")
    await command("keys", "revoke", key["id"])
    entries = (await payload(command, "audit", "--thing", "api-key", "--id", key["id"]))["items"]
    assert [entry["operation"] for entry in entries] == ["api-key.revoked", "api-key.created"]
    shown = await command("audit", "--account", entries[0]["accountId"], "--since", entries[1]["date"])
    assert "api-key.revoked" in shown
    assert key["key"] not in shown
