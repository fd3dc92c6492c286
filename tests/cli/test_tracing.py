"""`iris trace`, and exit codes of commands that follow a message."""

import asyncio
import json

from typer.testing import CliRunner

from cli.main import app
from domain.identifiers import new_id
from tests.api.support import mobile
from tests.cli.running import Command, payload
from tests.iris import Iris


async def test_a_message_is_traced_by_its_destination_its_id_and_its_user(iris: Iris, command: Command) -> None:
    phone = mobile()
    sent = await iris.send("sms", phone)
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    for known_by in (phone, sent["id"], sent["users"][0]["id"], sent["processId"]):
        traced = await command("trace", known_by)
        assert all(text in traced for text in (sent["id"], "COMPLETED delivered", "It has ended well", "next: nothing"))


async def test_a_message_is_traced_by_its_metadata(iris: Iris, command: Command) -> None:
    order = new_id()
    by_key = await iris.send("sms", mobile(), primaryKey={"order": order})
    by_metadata = await iris.send("sms", mobile(), metadata={"order": order})
    traced = json.loads(await command("trace", f"order={order}", "--json"))
    assert [one["interaction"]["id"] for one in traced] == [by_metadata["id"], by_key["id"]]
    for option, sent in (("--metadata", by_metadata), ("--primary-key", by_key)):
        found = await payload(command, "interactions", "list", option, f"order={order}")
        assert [one["id"] for one in found["items"]] == [sent["id"]]


async def test_following_a_message_that_fails_ends_with_1(iris: Iris) -> None:
    where = {"IRIS_API_URL": str(iris.http.base_url), "IRIS_API_KEY": iris.demo.api_key}
    sent = await iris.send("sms", "34600000003")
    followed = await asyncio.to_thread(CliRunner().invoke, app, ["interactions", "watch", sent["id"]], env=where)
    assert (followed.exit_code, "PROVIDER_SENDING_ERROR" in followed.output) == (1, True)


async def test_the_version_is_shown(command: Command) -> None:
    assert (await command("--version")).startswith("iris 0.")
