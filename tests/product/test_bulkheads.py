"""Bulkheads: a hanging provider delays no other provider, and a hanging integration no other integration."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.identifiers import new_id
from embedded.temporal_server import TemporalServer
from models.integration import Integration
from tests.iris import Iris, running_iris
from tests.silent_provider import SilentProvider

SLOTS = 4
"""Concurrent sends per provider; an integration may have one."""


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    async with running_iris(
        mongodb_uri,
        temporal_server.address,
        f"{database_name}_bulkheads",
        max_concurrent_sends_per_provider=SLOTS,
        dispatch_timeout=timedelta(seconds=20),
    ) as running:
        yield running


async def sandbox_at(iris: Iris, base_url: str) -> str:
    """Create an SMS integration of the demo's tenant through another gateway; return its id."""
    demo = await Integration.get(iris.demo.integrations["sms"])
    assert demo
    elsewhere = demo.model_copy(
        update={"id": new_id(), "name": f"elsewhere-{new_id()}", "configuration": {"baseUrl": base_url}}
    )
    await elsewhere.insert()
    return elsewhere.id


async def test_a_provider_that_never_answers_holds_up_no_other(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        hanging = [await iris.twilio(fake_provider.url) for _ in range(SLOTS)]
        stuck = await asyncio.gather(
            *(iris.send("sms", "34600000001", integrationId=place) for place in hanging for _ in range(2))
        )
        await fake_provider.until_connections(SLOTS)
        sent = await iris.send("sms", "34600000001")
        await iris.until_status(sent["id"], "COMPLETED", "delivered")
        assert {(await iris.read(one["id"]))["status"] for one in stuck} == {"DISPATCH_PENDING"}
        assert fake_provider.connections == SLOTS
        fake_provider.let_go.set()
        for one in stuck:
            await iris.until_status(one["id"], "PROVIDER_SENDING_ERROR", "unknown")
    assert fake_provider.connections == len(stuck)


async def test_an_integration_that_never_answers_holds_up_no_other_of_its_provider(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        hanging = await sandbox_at(iris, fake_provider.url)
        stuck = await asyncio.gather(
            *(iris.send("sms", "34600000001", integrationId=hanging) for _ in range(2 * SLOTS))
        )
        await fake_provider.until_connections(1)
        sent = await iris.send("sms", "34600000001")
        await iris.until_status(sent["id"], "COMPLETED", "delivered")
        assert {(await iris.read(one["id"]))["status"] for one in stuck} == {"DISPATCH_PENDING"}
        assert fake_provider.connections == 1


async def test_waiting_for_a_slot_is_not_an_attempt_with_unknown_outcome(iris: Iris) -> None:
    """The gateway loses its first response to this recipient, and recognises the repetition."""
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        integration = await sandbox_at(iris, fake_provider.url)
        stuck = await iris.send("sms", "34600000001", integrationId=integration)
        await fake_provider.until_connections(1)
        sent = await iris.send("sms", "34600000006", integrationId=integration)
        # Longer than three attempts without a slot take, after which a lost response would be final.
        await asyncio.sleep(3.5)
        gateway = await Integration.get(integration)
        assert gateway
        gateway.configuration = {"baseUrl": iris.gateway_url}
        await gateway.save()
    for one in (stuck, sent):
        await iris.until_status(one["id"], "COMPLETED", "delivered")
    (message,) = await iris.taken_by_gateway(sent["id"])
    assert message["requests"] == 2
