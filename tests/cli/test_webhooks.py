"""`iris webhooks`, `iris notifications` and `iris events`: output for people and for programs."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from domain.clock import to_wire, utc_now
from embedded.processes import until
from tests.api.support import mobile
from tests.iris import Iris
from tests.notifications.receiver import receiving

Command = Callable[..., Coroutine[Any, Any, Result]]
OUT = "INTERACTION_OUT_CREATED_EVT"


@pytest.fixture
def command(iris: Iris) -> Command:
    where = {"IRIS_API_URL": str(iris.http.base_url), "IRIS_API_KEY": iris.demo.api_key, "COLUMNS": "200"}

    async def run(*arguments: str) -> Result:
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=where)
        assert done.exit_code == 0, done.output
        return done

    return run


async def payload(command: Command, *arguments: str) -> dict[str, Any]:
    return json.loads((await command(*arguments, "--json")).output)["payload"]


async def test_a_webhook_is_set_shown_rotated_redelivered_and_removed(iris: Iris, command: Command) -> None:
    integration_id, began = await iris.sandbox(iris.gateway_url), to_wire(utc_now())
    async with receiving() as receiver:
        made = await payload(command, "webhooks", "set", integration_id, receiver.url, "--event", OUT)
        assert made["secret"].startswith("whsec_")
        shown = (await command("webhooks", "show", integration_id)).output
        assert receiver.url in shown
        assert made["secret"] not in shown
        assert "shown only now" in (await command("webhooks", "rotate-secret", integration_id)).output
        await iris.send("sms", mobile(), integrationId=integration_id)

        async def is_delivered() -> bool:
            filters = ("--integration", integration_id, "--state", "DELIVERED")
            return len((await payload(command, "notifications", "list", *filters))["items"]) == 1

        await asyncio.wait_for(until(is_delivered), 60)
        assert (
            "1 of 1 are delivered again"
            in (await command("webhooks", "redeliver", integration_id, "--since", began)).output
        )
        await receiver.calls_of(2)
        table = (await command("notifications", "list", "--integration", integration_id)).output
        assert OUT in table
        (listed,) = (await payload(command, "notifications", "list", "--integration", integration_id))["items"]
        assert "204" in (await command("notifications", "show", listed["id"])).output
    assert "removed" in (await command("webhooks", "remove", integration_id)).output


async def test_events_are_seen_live(iris: Iris, command: Command) -> None:
    integration_id = await iris.sandbox(iris.gateway_url)
    watching = asyncio.create_task(command("events", "--integration", integration_id, "--event", OUT, "-n", "2"))
    sending = asyncio.create_task(_send_until(iris, integration_id, watching))
    seen = (await asyncio.wait_for(watching, 20)).output
    await sending
    assert [line.split("  ")[1:4:2] for line in seen.splitlines()] == [[OUT, "VALIDATION_PENDING"]] * 2


async def _send_until(iris: Iris, integration_id: str, watching: asyncio.Task[Result]) -> None:
    """Send repeatedly, since nothing reports when the command has started to watch."""
    while not watching.done():
        await iris.send("sms", mobile(), integrationId=integration_id)
        await asyncio.wait({watching}, timeout=0.5)
