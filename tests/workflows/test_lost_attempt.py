"""An attempt to send that is lost, as when its worker is killed while it sends."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.clock import utc_now
from domain.events import ProviderEvent, ReceivedEvent
from domain.identifiers import new_id
from domain.outcomes import Rejected
from domain.status import Milestone
from embedded.temporal_server import TemporalServer
from providers.base import Attempt, Outbound
from providers.twilio import Twilio
from tests.iris import Iris, running_iris
from tests.silent_provider import SilentProvider


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    database = f"{database_name}_lost"
    async with running_iris(
        mongodb_uri,
        temporal_server.address,
        database,
        dispatch_timeout=timedelta(seconds=1),
        dispatch_deadline=timedelta(seconds=4),
    ) as running:
        yield running


async def test_its_message_may_have_gone_out_and_is_not_sent_again(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(fake_provider.url))
        seen = await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "unknown")
        # Longer than the first wait of the retry policy, so that a repetition would have come.
        await asyncio.sleep(1.5)
    assert fake_provider.connections == 1
    assert "StartToClose" in seen["auditTrail"]["history"][-1]["notes"]


async def test_its_message_may_have_gone_out_although_an_earlier_attempt_was_not_accepted(iris: Iris) -> None:
    fake_provider = SilentProvider(throttled=1)
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(fake_provider.url))
        await iris.until(sent["id"], lambda seen: seen["status"] == "PROVIDER_SENDING_ERROR")
    assert fake_provider.connections == 2
    assert (await iris.read(sent["id"]))["customStatus"] == "unknown"


async def test_an_attempt_that_is_lost_before_it_hands_anything_over_was_not_sent(
    iris: Iris, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This happens when a worker is killed that has taken the retry of a throttled send but not started it."""
    prepare = Twilio.prepare
    attempts = 0

    async def lost_at_the_second(provider: Twilio, outbound: Outbound) -> Attempt | Rejected:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            await asyncio.Event().wait()
        return await prepare(provider, outbound)

    monkeypatch.setattr(Twilio, "prepare", lost_at_the_second)
    fake_provider = SilentProvider(throttled=1)
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(fake_provider.url))
        seen = await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "not_sent")
    assert (attempts, fake_provider.connections) == (2, 1)
    assert "before it handed the message over" in seen["auditTrail"]["history"][-1]["notes"]


async def test_a_provider_that_recognises_repetitions_is_asked_again(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.sandbox(fake_provider.url))
        await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "unknown")
    assert fake_provider.connections > 1


async def test_an_event_about_everything_until_then_does_not_confirm_a_send(iris: Iris) -> None:
    """It may be about earlier messages: the send is retried until its deadline."""
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.sandbox(fake_provider.url))
        event = ProviderEvent(key="read", provider_status="read", milestone=Milestone.READ, up_to=utc_now())
        await iris.signal_events(sent["id"], ReceivedEvent(id=new_id(), received_at=utc_now(), event=event))
        seen = await iris.until(sent["id"], lambda seen: len(seen["auditTrail"]["history"]) > 2)
    assert seen["auditTrail"]["history"][2]["status"] == "PROVIDER_SENDING_ERROR"
    assert fake_provider.connections > 1


async def test_its_receipts_confirm_a_send_whose_answer_never_comes(iris: Iris) -> None:
    """The sandbox answers this recipient after 3 seconds, an attempt times out after 1: only its receipts arrive."""
    sent = await iris.send("sms", "34600000011")
    seen = await iris.until_status(sent["id"], "COMPLETED", "delivered")
    assert "PROVIDER_SENDING_ERROR" not in {entry["status"] for entry in seen["auditTrail"]["history"]}
    assert "prueba que aceptó el mensaje" in seen["auditTrail"]["history"][2]["notes"]
    assert len(await iris.taken_by_gateway(sent["id"])) == 1
