"""`iris users`: what people see, and what programs get."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from domain.identifiers import new_id
from tests.api.support import mobile
from tests.iris import Iris

Command = Callable[..., Awaitable[str]]


@pytest.fixture
def command(iris: Iris) -> Command:
    """What an `iris` command prints, once it has ended well."""
    where = {"IRIS_API_URL": str(iris.http.base_url), "IRIS_API_KEY": iris.demo.api_key, "COLUMNS": "200"}

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=where)
        assert done.exit_code == 0, done.output
        return done.output

    return run


async def payload(command: Command, *arguments: str) -> dict[str, Any]:
    return json.loads(await command(*arguments, "--json"))["payload"]


async def test_a_user_is_created_found_changed_and_shown(command: Command) -> None:
    number, word = mobile(), new_id()
    options = ("--phone", number, "--metadata", f"customer={word}")
    user = await payload(command, "users", "create", f"José {word}", *options)
    for option in (("--name", word), ("--destination", number), ("--metadata", f"customer={word}")):
        assert (await payload(command, "users", "list", *option))["items"] == [user]
        assert number in await command("users", "list", *option)
    changed = await payload(command, "users", "update", user["id"], "--name", "Ana")
    assert changed == user | {"name": "Ana"}
    shown = await command("users", "show", user["id"])
    assert all(text in shown for text in (user["id"], "Ana", number, word))


async def test_destinations_come_and_go(command: Command) -> None:
    user, address = await payload(command, "users", "create", "Ana"), f"{new_id()}@dominio.com"
    added = await payload(command, "users", "add-destination", user["id"], "email", address)
    assert added["primaryKey"] == {"Email": [address]}
    removed = await payload(command, "users", "remove-destination", user["id"], "email", address)
    assert removed["primaryKey"] == {}
