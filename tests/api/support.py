"""Helpers of the API's tests: fresh destinations, error checks, and callbacks signed like the sandbox's."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from domain.identifiers import derived_id, new_id
from embedded.processes import until
from models.interaction import Interaction
from tests.iris import SANDBOX, Iris

SILENT = "34600000010"
"""Sandbox recipient without callbacks (`docs/providers/sandbox.md`), so that tests send its receipts."""

SIGNING_SECRET = SANDBOX.signing_secret.get_secret_value()
ABSENT_ID = "0" * 24
ENVELOPE = {"type", "title", "status", "detail", "instance", "error", "payload"}


def mobile() -> str:
    """A Spanish mobile number that no other test uses, and that is no sandbox recipient."""
    return f"346{10_000_000 + secrets.randbelow(90_000_000)}"


def refusal(response: httpx2.Response, status: int) -> dict[str, Any]:
    """Check that a response is a complete error envelope of a status, and return its body."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body.keys() == ENVELOPE
    assert (body["type"], body["status"], body["instance"]) == ("about:blank", status, None)
    assert body["title"]
    assert body["detail"]
    assert body["error"]
    for item in body["error"]:
        assert item.keys() == {"field", "code", "message"}
        assert item["message"]
    return body


def reasons(response: httpx2.Response, status: int) -> list[tuple[str, str]]:
    """The field and code of every problem of an error response."""
    return [(item["field"], item["code"]) for item in refusal(response, status)["error"]]


def states(interaction: dict[str, Any]) -> list[tuple[str, str | None]]:
    """The statuses of an interaction's history, each with the provider's status."""
    return [(entry["status"], entry["customStatus"]) for entry in interaction["auditTrail"]["history"]]


async def verdicts(iris: Iris, interaction_id: str) -> list[str]:
    """The gateway's verdicts on every request to send an interaction."""
    response = await iris.gateway.get("/v1/ledger", params={"reference": interaction_id})
    return [verdict for entry in response.json()["entries"] for verdict in entry["verdicts"]]


@dataclass(frozen=True)
class Callback:
    """A callback of the sandbox gateway about one message."""

    message_id: str
    status: str
    reference: str | None = None

    def body(self) -> bytes:
        """The body that the gateway would post."""
        return json.dumps({"id": self.message_id, "reference": self.reference, "status": self.status}).encode()


def signature(
    body: bytes, *, age: float = 0, secret: str = SIGNING_SECRET, timestamp: str | None = None
) -> dict[str, str]:
    """The headers by which the gateway signs a body (`docs/providers/sandbox.md`, «Callbacks»)."""
    timestamp = str(int(time.time() - age)) if timestamp is None else timestamp
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Sandbox-Timestamp": timestamp, "X-Sandbox-Signature": f"v1={digest}"}


async def post_webhook(iris: Iris, integration_id: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    """Post to an integration's webhook, without authentication."""
    return await iris.http.post(
        f"/webhooks/sandbox/{integration_id}", content=body, headers={"Authorization": "", **headers}
    )


async def post_callback(iris: Iris, integration_id: str, callback: Callback) -> None:
    """Post a signed callback, which must be accepted."""
    body = callback.body()
    response = await post_webhook(iris, integration_id, body, signature(body))
    assert (response.status_code, response.content) == (200, b"")


@dataclass(frozen=True)
class Sent:
    """An interaction that the gateway accepted and sends no callbacks about."""

    id: str
    message_id: str
    integration_id: str

    def callback(self, status: str) -> Callback:
        """A callback about this interaction."""
        return Callback(self.message_id, status, self.id)


async def sent_silently(iris: Iris, channel: str = "sms") -> Sent:
    """Send an interaction that stays `SENT` until the test posts callbacks."""
    admitted = await iris.send(channel, SILENT)
    await iris.until_status(admitted["id"], "SENT")
    [message] = await iris.taken_by_gateway(admitted["id"])
    return Sent(admitted["id"], message["id"], iris.demo.integrations[channel])


async def received(iris: Iris, interaction_id: str, number: int) -> dict[str, Any]:
    """Wait until an interaction has recorded a number of events, and return it."""
    return await iris.until(interaction_id, lambda seen: len(seen["auditTrail"]["providerEvents"]) >= number)


async def written_by(
    iris: Iris, phone: str, payload: Mapping[str, str], name: str = "", integration_id: str | None = None
) -> str:
    """Simulate an inbound message through an SMS integration, or the demo's; returns the id of its interaction."""
    integration_id, message_id = integration_id or iris.demo.integrations["sms"], f"in_{new_id()}"
    message = {
        "id": message_id,
        "channel": "SMS",
        "from": phone,
        "name": name,
        "payload": payload,
        "callbackUrl": f"{iris.settings.public_url}/webhooks/sandbox/{integration_id}",
    }
    (await iris.gateway.post("/v1/inbound", json=message)).raise_for_status()
    interaction_id = derived_id("inbound", integration_id, message_id)

    async def is_there() -> bool:
        return (await iris.http.get(f"/v1/interactions/{interaction_id}")).status_code == 200

    await asyncio.wait_for(until(is_there), 60)
    return interaction_id


@asynccontextmanager
async def spoilt_interaction(iris: Iris) -> AsyncGenerator[str]:
    """The id of an interaction whose record is unreadable within the block: an internal fault."""
    admitted = await iris.send("sms", mobile())
    await iris.until_status(admitted["id"], "COMPLETED")
    await iris.ended(admitted["id"])
    this, collection = {"_id": admitted["id"]}, Interaction.collection()
    await collection.update_one(this, {"$set": {"status": "SPOILT-BY-A-TEST"}})
    try:
        yield admitted["id"]
    finally:
        await collection.update_one(this, {"$set": {"status": "COMPLETED"}})
