"""Submissions while no worker runs: they can be read, explained, cancelled and resent from the response on."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from api.app import create_app
from domain.clock import to_wire, utc_now
from domain.identifiers import derived_id, new_id
from embedded.demo import seed_open_database
from embedded.gateway.server import running
from embedded.processes import until
from security.credential_encryption import Vault
from tests.api.support import ABSENT_ID, mobile, post_webhook, reasons, signature, states
from tests.iris import Iris, calling, demo_settings, open_database, running_worker

CANCELLED = ("PROVIDER_SENDING_ERROR", "cancelled")


@asynccontextmanager
async def without_worker(iris: Iris) -> AsyncGenerator[Iris]:
    """The product with a task queue that no worker polls."""
    alone = {"task_queue": f"alone-{new_id()}", "admission_timeout": timedelta(seconds=0.3)}
    settings = iris.settings.model_copy(update=alone)
    async with (
        open_database(iris.settings),  # reopen the client that a stopped application leaves closed
        running(create_app(settings)) as url,
        calling(url, iris.demo.api_key) as http,
    ):
        yield replace(iris, settings=settings, http=http)


@pytest.fixture(scope="module")
async def alone(iris: Iris) -> AsyncIterator[Iris]:
    async with without_worker(iris) as alone:
        yield alone


async def explanation(iris: Iris, interaction_id: str) -> dict[str, Any]:
    response = await iris.http.get(f"/v1/interactions/{interaction_id}/explanation")
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def cancel(iris: Iris, interaction_id: str) -> httpx2.Response:
    return await iris.http.post(f"/v1/interactions/{interaction_id}/cancel")


async def test_it_is_read_as_it_was_answered(alone: Iris) -> None:
    sent = await alone.send("sms", mobile(), metadata={"order": "4711"})
    assert sent["status"] == "VALIDATION_PENDING"
    assert await alone.read(sent["id"]) == sent
    vendors = await alone.http.post(f"/conversation/interaction/{sent['id']}")
    assert vendors.json()["payload"] == sent


async def test_its_explanation_says_that_no_worker_has_taken_it(alone: Iris) -> None:
    sent = await alone.send("sms", mobile())
    said = await explanation(alone, sent["id"])
    assert "ningún worker la ha tomado" in said["explanation"]
    assert (said["waitsFor"]["awaited"], said["waitsFor"]["until"]) == ("worker", None)
    assert (said["isFinal"], said["mayStillArrive"]) == (False, True)
    assert said["workflow"]["state"] == "running"


async def test_a_cancelled_message_is_never_sent_by_a_later_worker(alone: Iris) -> None:
    cancelled, sent = await alone.send("sms", mobile()), await alone.send("sms", mobile())
    for _ in range(2):
        response = await cancel(alone, cancelled["id"])
        assert response.status_code == 200, response.text
        assert states(response.json()["payload"]) == [("VALIDATION_PENDING", None), CANCELLED]
    assert states(await alone.read(cancelled["id"]))[-1] == CANCELLED
    said = await explanation(alone, cancelled["id"])
    assert (said["status"], said["customStatus"], said["isFinal"], said["mayStillArrive"]) == (*CANCELLED, True, False)
    async with running_worker(alone.temporal, alone.settings):
        await alone.until_status(sent["id"], "COMPLETED")
        await alone.ended(cancelled["id"])
        assert states(await alone.read(cancelled["id"]))[-1] == CANCELLED
        assert (await cancel(alone, cancelled["id"])).status_code == 200
    assert await alone.taken_by_gateway(cancelled["id"]) == []
    assert await alone.taken_by_gateway(sent["id"]) != []


async def test_it_may_still_arrive_unless_it_is_cancelled(alone: Iris) -> None:
    sent = await alone.send("sms", mobile())
    path = f"/v1/interactions/{sent['id']}/resend"
    assert reasons(await alone.http.post(path, json={}), 409) == [("id", "may_still_arrive")]
    await cancel(alone, sent["id"])
    assert (await alone.http.post(path, json={})).json()["payload"]["payload"] == sent["payload"]


async def test_other_tenants_cannot_read_it(alone: Iris, stranger_key: str) -> None:
    sent = await alone.send("sms", mobile())
    paths = (f"/v1/interactions/{sent['id']}", f"/v1/interactions/{ABSENT_ID}", "/v1/interactions/%20")
    async with calling(str(alone.http.base_url), stranger_key) as stranger:
        for path in paths:
            assert reasons(await stranger.get(path), 404) == [("id", "not_found")]
        assert (await stranger.post(f"{paths[0]}/cancel")).status_code == 404
    assert (await alone.read(sent["id"]))["status"] == "VALIDATION_PENDING"


async def test_an_inbound_message_is_not_found_until_it_is_recorded(alone: Iris) -> None:
    integration_id, message_id = alone.demo.integrations["sms"], new_id()
    payload = {"Type": "simple-text", "Text": "Hola"}
    message = {"id": message_id, "channel": "SMS", "from": mobile(), "payload": payload}
    body = json.dumps({"inbound": message | {"timestamp": to_wire(utc_now())}}).encode()
    taken = await post_webhook(alone, integration_id, body, signature(body))
    assert taken.status_code == 200, taken.text
    path = f"/v1/interactions/{derived_id('inbound', integration_id, message_id)}"
    for response in (await alone.http.get(path), await alone.http.get(f"{path}/explanation")):
        assert reasons(response, 404) == [("id", "not_found")]
    for action in ("cancel", "resend"):
        assert reasons(await alone.http.post(f"{path}/{action}"), 404) == [("id", "not_found")]
    async with running_worker(alone.temporal, alone.settings):
        await asyncio.wait_for(until(lambda: is_found(alone, path)), 60)
    assert (await alone.http.get(path)).json()["payload"]["status"] == "RECEIVED"


async def is_found(iris: Iris, path: str) -> bool:
    return (await iris.http.get(path)).status_code == 200


@pytest.fixture
async def stranger_key(iris: Iris) -> str:
    vault = Vault(iris.settings.vault_keys())
    return (await seed_open_database(vault, demo_settings(iris.gateway_url, tenant="stranger"))).api_key


async def test_readiness_says_that_no_worker_polls(iris: Iris) -> None:
    async with without_worker(iris) as alone:
        without, having = [await one.http.get("/health/ready") for one in (alone, iris)]
    assert (without.status_code, without.json()["status"]) == (200, "degraded")
    having_not, parts = without.json()["parts"], having.json()["parts"]
    assert having.json()["status"] == "ok"
    assert set(parts.values()) == {"ok"}
    assert having_not == parts | {"workers": "unavailable"}
