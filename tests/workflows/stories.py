"""The stories whose histories are kept and replayed, and the command that records them.

`make histories` runs every story on the real stack and writes `histories/<story>.json`. Record anew only what a
change of the workflow is meant to change: histories of runs that are open in production look like the old ones.
"""

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from api.engine import workflow_id
from domain.identifiers import derived_id, new_id
from embedded.mongod import Mongod
from embedded.ports import free_port
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from tests.iris import Iris, running_iris

HISTORIES: Final = Path(__file__).with_name("histories")

Story = Callable[[Iris], Awaitable[str]]
"""Runs one interaction to where its history is taken; its id."""


def _ending(channel: str, destination: str) -> Story:
    async def story(iris: Iris) -> str:
        interaction = await iris.send(channel, destination)
        await iris.ended(interaction["id"])
        return interaction["id"]

    return story


def _waiting(channel: str, destination: str, status: str, custom_status: str) -> Story:
    async def story(iris: Iris) -> str:
        interaction = await iris.send(channel, destination)
        await iris.until_status(interaction["id"], status, custom_status)
        return interaction["id"]

    return story


async def _refused_submission(iris: Iris) -> str:
    body = iris.request("sms", "34600000001", AutoCreateProcess=False)
    response = await iris.post(body)
    interaction_id = response.json()["payload"]["id"]
    await iris.ended(interaction_id)
    return interaction_id


async def _late_receipt(iris: Iris) -> str:
    """The second run, begun by a receipt that came after the first had ended."""
    interaction = await iris.send("sms", "34600000004")
    await iris.ended(interaction["id"])
    await iris.receive(interaction["id"], "delivered")
    await iris.until_status(interaction["id"], "COMPLETED")
    await iris.ended(interaction["id"])
    return interaction["id"]


async def _inbound(iris: Iris) -> str:
    """A message that an end user sends."""
    integration_id, message_id = iris.demo.integrations["sms"], f"in_{new_id()}"
    message = {
        "id": message_id,
        "channel": "SMS",
        "from": "34638766068",
        "payload": {"Type": "simple-text", "Text": "BAJA"},
        "callbackUrl": f"{iris.settings.public_url}/webhooks/sandbox/{integration_id}",
    }
    response = await iris.gateway.post("/v1/inbound", json=message)
    response.raise_for_status()
    interaction_id = derived_id("inbound", integration_id, message_id)

    async def is_there() -> bool:
        return (await iris.http.get(f"/v1/interactions/{interaction_id}")).status_code == 200

    async with asyncio.timeout(20):
        await until(is_there)
    return interaction_id


STORIES: Final[Mapping[str, Story]] = {
    "delivered": _ending("sms", "34600000001"),
    "delivered_and_read": _ending("whatsapp", "34600000002"),
    "refused_by_the_provider": _ending("sms", "34600000003"),
    "failed_after_acceptance": _ending("rcs", "34600000004"),
    "throttled_twice": _ending("sms", "34600000005"),
    "answer_lost_once": _ending("sms", "34600000006"),
    "every_answer_lost": _ending("sms", "34600000007"),
    "receipt_before_the_answer": _ending("sms", "34600000008"),
    "receipts_out_of_order": _ending("whatsapp", "34600000009"),
    "waiting_for_receipts": _waiting("email", "silent@sandbox.example.com", "SENT", "queued"),
    "refused_submission": _refused_submission,
    "late_receipt": _late_receipt,
    "inbound": _inbound,
}


async def record() -> None:
    """Run every story on the real stack and write its history down."""
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="iris-histories-") as directory:
        folder = Path(directory)
        async with (
            Mongod(folder / "mongodb", free_port(), folder / "mongodb.log") as mongod,
            TemporalServer(free_port(), folder / "temporal.log") as temporal,
            running_iris(mongod.uri, temporal.address, "histories") as iris,
        ):
            await asyncio.gather(*(_record(iris, name, story) for name, story in STORIES.items()))


async def _record(iris: Iris, name: str, story: Story) -> None:
    interaction_id = await story(iris)
    history = await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).fetch_history()
    # Where this machine keeps its files is nobody's business.
    without_traces = re.sub(r'("stackTrace": )"(?:[^"\\]|\\.)*"', r'\1""', history.to_json())
    (HISTORIES / f"{name}.json").write_text(without_traces + "\n")
    print(f"{name}: {len(history.events)} events")  # noqa: T201 - the command's output


if __name__ == "__main__":
    asyncio.run(record())
