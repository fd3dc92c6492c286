"""Sends through every provider, on each of its channels: from the caller to the vendor and back."""

import asyncio
import itertools
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from domain.channels import Channel
from tests.iris import Iris
from tests.product import provider_lines
from tests.product.fake_providers import ONE_OF_EACH, VENDORS, FaultyMailServer, FaultyProvider, label, statuses_of
from tests.product.provider_lines import Line
from tests.providers.fake_provider import Delivery
from tests.providers.fake_providers.meta import Messenger

RANK = ["VALIDATION_PENDING", "DISPATCH_PENDING", "PROVIDER_SENDING_ERROR", "SENT", "COMPLETED"]


def through(vendors: Iterable[type[FaultyProvider]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("line", [*vendors], ids=label, indirect=True)


every = through(VENDORS)
one_of_each = through(ONE_OF_EACH)
those_with_early_receipts = through(vendor for vendor in VENDORS if not issubclass(vendor, FaultyMailServer))
(messenger,) = (vendor for vendor in VENDORS if issubclass(vendor, Messenger))


@every
async def test_a_message_reaches_the_provider_once_and_is_sent(line: Line) -> None:
    to = line.somebody()
    interaction_id = await line.sent(to)
    delivery = line.delivery(interaction_id)
    assert delivery.destinations == (to,)
    assert "10:00" in delivery.text
    assert line.fake_provider.attempts == 1


@every
async def test_a_message_that_the_provider_refuses_is_rejected_and_not_sent_again(line: Line) -> None:
    code = next(iter(line.fake_provider.refusals))
    line.fake_provider.refuse(code)
    interaction_id = await line.admitted()
    await line.iris.ended(interaction_id)
    seen = await line.iris.read(interaction_id)
    assert (seen["status"], seen["customStatus"]) == ("PROVIDER_SENDING_ERROR", "rejected")
    assert code in seen["auditTrail"]["history"][-1]["notes"]
    assert (line.fake_provider.attempts, line.fake_provider.deliveries) == (1, [])


async def test_messages_that_busy_providers_put_off_are_sent_in_the_end(iris: Iris) -> None:
    async with AsyncExitStack() as opened:
        busy = [await opened.enter_async_context(provider_lines.line(iris, vendor)) for vendor in VENDORS]
        for each in busy:
            each.fake_provider.busy = 1
        sent = await asyncio.gather(*(each.sent() for each in busy))
        for each, interaction_id in zip(busy, sent, strict=True):
            assert each.delivery(interaction_id), each.fake_provider.label()
            assert each.fake_provider.attempts == 2, each.fake_provider.label()


@every
async def test_a_message_whose_answer_is_lost_is_not_repeated_and_a_late_receipt_corrects_it(line: Line) -> None:
    line.fake_provider.loses_responses = True
    interaction_id = await line.admitted()
    await line.iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "unknown")
    # A page reports deliveries by ids that we never learn; its echo has our own.
    word, status = ("echo", "SENT") if line.fake_provider.echoes else (statuses_of(line.fake_provider)[1], "COMPLETED")
    await line.send_receipt(interaction_id, word)
    await line.iris.until_status(interaction_id, status, word.lower())
    assert line.delivery(interaction_id)
    assert line.fake_provider.attempts == 1


@through([messenger])
async def test_the_providers_id_is_learnt_from_a_receipt_where_the_answer_was_lost(line: Line) -> None:
    line.fake_provider.loses_responses = True
    interaction_id = await line.admitted()
    await line.iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "unknown")
    await line.send_receipt(interaction_id, "echo")
    await line.iris.until_status(interaction_id, "SENT", "echo")
    await line.send_receipt(interaction_id, "delivered")
    await line.iris.until(interaction_id, lambda seen: seen["customStatus"] == "delivered", seconds=1)


@one_of_each
async def test_receipts_end_the_same_in_whichever_order_they_come(line: Line) -> None:
    words = statuses_of(line.fake_provider)
    orders = list(itertools.permutations(words))

    async def story(order: tuple[str, ...]) -> None:
        interaction_id = await line.sent()
        for word in order:
            await line.send_receipt(interaction_id, word)
        seen = await line.received(interaction_id, len(words))
        assert (seen["status"], seen["customStatus"]) == ("COMPLETED", words[-1].lower()), order
        statuses = [RANK.index(entry["status"]) for entry in seen["auditTrail"]["history"]]
        assert statuses == sorted(statuses), order
        assert len(seen["auditTrail"]["providerEvents"]) == len(words), order

    await asyncio.gather(*map(story, orders))


@one_of_each
async def test_a_repeated_receipt_changes_nothing(line: Line) -> None:
    interaction_id = await line.sent()
    word = statuses_of(line.fake_provider)[1]
    for number in (1, 2):
        await line.send_receipt(interaction_id, word)
        seen = await line.received(interaction_id, number)
    assert [event["reason"] for event in seen["auditTrail"]["providerEvents"]] == [None, "repetido"]
    assert [entry["status"] for entry in seen["auditTrail"]["history"]].count("COMPLETED") == 1


@those_with_early_receipts
async def test_a_receipt_before_the_sends_own_answer_is_not_lost(line: Line) -> None:
    # Of a page's messages only reads are reported by time, and so before we know their ids.
    word = statuses_of(line.fake_provider)[-1 if line.fake_provider.echoes else 1]
    seen = await receipt_before_the_response(line, word)
    assert (seen["status"], seen["customStatus"]) == ("COMPLETED", word.lower())
    assert [entry["status"] for entry in seen["auditTrail"]["history"]][-2:] == ["SENT", "COMPLETED"]


@through([messenger])
async def test_a_receipt_by_a_provider_id_that_is_not_recorded_yet_is_not_lost(line: Line) -> None:
    seen = await receipt_before_the_response(line, "delivered")
    assert seen["status"] == "COMPLETED"


async def receipt_before_the_response(line: Line, word: str) -> dict[str, Any]:
    """The interaction a moment after the send's response, which a receipt preceded."""

    async def send_receipt(delivery: Delivery) -> None:
        await line.send_receipt(delivery.reference, word)

    line.fake_provider.before_response = send_receipt
    interaction_id = await line.admitted()
    await line.iris.until(interaction_id, lambda seen: seen["status"] in {"SENT", "COMPLETED"})
    with suppress(TimeoutError):
        await line.iris.until(interaction_id, lambda seen: seen["status"] == "COMPLETED", seconds=1)
    return await line.iris.read(interaction_id)


@one_of_each
async def test_a_failure_after_acceptance_is_an_error_and_proof_of_delivery_wins(line: Line) -> None:
    failures = [word for word, milestone in line.fake_provider.status_map.items() if milestone.name == "FAILED"]
    interaction_id = await line.sent()
    for word in failures[:1]:
        await line.send_receipt(interaction_id, word)
        seen = await line.iris.until_status(interaction_id, "PROCESS_ERROR", word.lower())
        assert seen["auditTrail"]["providerEvents"][0]["failure"]
    await line.send_receipt(interaction_id, statuses_of(line.fake_provider)[1])
    await line.iris.until_status(interaction_id, "COMPLETED", "delivered")


@through(vendor for vendor in VENDORS if vendor.channel is Channel.SMS)
async def test_an_sms_records_its_number_of_segments(line: Line) -> None:
    for text, counted in {
        "a" * 161: {"encoding": "GSM-7", "segments": 2},
        "Hasta mañana 😀": {"encoding": "UCS-2", "segments": 1},
    }.items():
        interaction_id = await line.sent(payLoad={"Type": "simple-text", "Text": text}, metadata={"cita": 4711})
        assert (await line.iris.read(interaction_id))["metadata"] == {"cita": 4711, "sms": counted}
        assert line.delivery(interaction_id).text == text
