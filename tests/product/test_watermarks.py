"""Watermark events: Messenger reports deliveries and reads up to a time, not by message."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from domain.clock import utc_now
from models.interaction import Interaction
from tests.iris import Iris
from tests.product import provider_lines
from tests.product.fake_providers import VENDORS
from tests.product.inbound_simulators import MessengerSimulator
from tests.product.provider_lines import Line
from tests.providers.fake_providers.meta import Messenger

AGO = timedelta(minutes=1)
"""Age of the earlier messages: longer than our record of a send may be late."""

(PAGE,) = (vendor for vendor in VENDORS if issubclass(vendor, Messenger))


@pytest.fixture
async def page(iris: Iris) -> AsyncIterator[Line]:
    async with provider_lines.line(iris, PAGE) as opened:
        yield opened


@pytest.fixture
async def other_page(iris: Iris) -> AsyncIterator[Line]:
    async with provider_lines.line(iris, PAGE) as opened:
        yield opened


async def sent_before(page: Line, *to: str) -> list[str]:
    """Messages that were sent a minute ago according to the record."""
    ids = list(await asyncio.gather(*map(page.sent, to)))
    then = utc_now() - AGO
    for interaction_id in ids:
        await Interaction.collection().update_one(
            {"_id": interaction_id}, {"$set": {"created": then, "history.$[].date": then}}
        )
    return ids


async def send_watermark(page: Line, kind: str, reader: str, until: datetime) -> None:
    """Report that a user received or read everything until a moment."""
    simulator = page.simulator
    assert isinstance(simulator, MessengerSimulator)
    watermark = {"watermark": int(until.timestamp() * 1_000)}
    await page.post_accepted(page.webhook(simulator.event(reader, **{kind: watermark})))


@pytest.mark.parametrize(("kind", "word"), [("delivery", "delivered"), ("read", "read")])
async def test_a_watermark_completes_only_earlier_messages_to_that_user(
    page: Line, other_page: Line, kind: str, word: str
) -> None:
    ana, luis = page.somebody(), page.somebody()
    earlier = await sent_before(page, ana, ana, ana)
    unconcerned = [
        *await sent_before(page, luis),
        *await sent_before(other_page, ana),
        await page.sent(ana),
    ]
    await send_watermark(page, kind, ana, utc_now() - AGO / 2)
    for interaction_id in earlier:
        await page.iris.until_status(interaction_id, "COMPLETED", word)
    for interaction_id in unconcerned:
        seen = await page.iris.read(interaction_id)
        assert (seen["status"], seen["auditTrail"]["providerEvents"]) == ("SENT", [])


async def test_a_read_watermark_after_delivery_applies_to_each_message_once(page: Line) -> None:
    ana = page.somebody()
    earlier = await sent_before(page, ana, ana)
    for kind, word in {"delivery": "delivered", "read": "read"}.items():
        for _ in range(2):
            await send_watermark(page, kind, ana, utc_now() - AGO / 2)
            for interaction_id in earlier:
                await page.iris.until_status(interaction_id, "COMPLETED", word)
    for interaction_id in earlier:
        seen = await page.iris.read(interaction_id)
        assert [event["event"] for event in seen["auditTrail"]["providerEvents"]] == ["delivered", "read"]


async def test_a_watermark_about_an_unknown_user_is_discarded(page: Line) -> None:
    interaction_id = await page.sent()
    await send_watermark(page, "read", page.somebody(), utc_now())
    seen = await page.iris.read(interaction_id)
    assert (seen["status"], seen["auditTrail"]["providerEvents"]) == ("SENT", [])
