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
from tests.product.inbound_simulators import MessengerVoice
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


async def tell(page: Line, kind: str, reader: str, until: datetime) -> None:
    """Report that a user received or read everything until a moment."""
    voice = page.voice
    assert isinstance(voice, MessengerVoice)
    watermark = {"watermark": int(until.timestamp() * 1_000)}
    await page.told(page.webhook(voice.event(reader, **{kind: watermark})))


@pytest.mark.parametrize(("kind", "word"), [("delivery", "delivered"), ("read", "read")])
async def test_a_watermark_completes_what_was_sent_to_that_person_until_then_and_nothing_else(
    page: Line, other_page: Line, kind: str, word: str
) -> None:
    ana, luis = page.somebody(), page.somebody()
    earlier = await sent_before(page, ana, ana, ana)
    unconcerned = [
        *await sent_before(page, luis),
        *await sent_before(other_page, ana),
        await page.sent(ana),
    ]
    await tell(page, kind, ana, utc_now() - AGO / 2)
    for interaction_id in earlier:
        await page.iris.until_status(interaction_id, "COMPLETED", word)
    for interaction_id in unconcerned:
        seen = await page.iris.read(interaction_id)
        assert (seen["status"], seen["auditTrail"]["providerEvents"]) == ("SENT", [])


async def test_what_is_read_after_it_was_delivered_is_told_to_each_message_once(page: Line) -> None:
    ana = page.somebody()
    earlier = await sent_before(page, ana, ana)
    for kind, word in {"delivery": "delivered", "read": "read"}.items():
        for _ in range(2):
            await tell(page, kind, ana, utc_now() - AGO / 2)
            for interaction_id in earlier:
                await page.iris.until_status(interaction_id, "COMPLETED", word)
    for interaction_id in earlier:
        seen = await page.iris.read(interaction_id)
        assert [event["event"] for event in seen["auditTrail"]["providerEvents"]] == ["delivered", "read"]


async def test_a_watermark_about_nobody_changes_nothing_and_is_not_kept(page: Line) -> None:
    interaction_id = await page.sent()
    await tell(page, "read", page.somebody(), utc_now())
    seen = await page.iris.read(interaction_id)
    assert (seen["status"], seen["auditTrail"]["providerEvents"]) == ("SENT", [])
