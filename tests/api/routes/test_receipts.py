"""Repeated, reordered and late receipts lead an interaction to the right final status."""

import asyncio
from collections import Counter
from itertools import permutations
from random import Random
from typing import Any

from tests.api.support import Callback, mobile, post_callback, received, refusal, sent_silently, states, verdicts
from tests.iris import Iris

ORDER = ("sent", "delivered", "read")


def applied(interaction: dict[str, Any]) -> list[tuple[str, bool]]:
    """The recorded events in order of receipt, and whether each was applied."""
    return [(event["event"], event["applied"]) for event in interaction["auditTrail"]["providerEvents"]]


async def test_a_repeated_receipt_is_recorded_twice_and_applied_once(iris: Iris) -> None:
    sent = await sent_silently(iris, "whatsapp")
    for _ in range(2):
        await post_callback(iris, sent.integration_id, sent.callback("delivered"))
    seen = await received(iris, sent.id, 2)
    assert applied(seen) == [("delivered", True), ("delivered", False)]
    assert seen["auditTrail"]["providerEvents"][1]["reason"]
    assert states(seen)[2:] == [("SENT", "queued"), ("COMPLETED", "delivered")]


async def test_the_order_of_receipts_does_not_change_the_end(iris: Iris) -> None:
    async def apply(words: tuple[str, ...]) -> None:
        sent = await sent_silently(iris, "whatsapp")
        for word in words:
            await post_callback(iris, sent.integration_id, sent.callback(word))
        seen = await received(iris, sent.id, len(words))
        assert (seen["status"], seen["customStatus"]) == ("COMPLETED", "read")
        furthest = [max(words[:count], key=ORDER.index) for count in range(1, len(words) + 1)]
        assert applied(seen) == [(word, word == most) for word, most in zip(words, furthest, strict=True)]

    await asyncio.gather(*map(apply, permutations(ORDER)))


async def test_concurrent_receipts_in_any_order_end_in_the_furthest_status(iris: Iris) -> None:
    furthest_last = ("Teleported", "queued", "sent", "failed", "delivered", "read")
    state = {"failed": "PROCESS_ERROR", "delivered": "COMPLETED", "read": "COMPLETED"}

    async def apply(random: Random) -> None:
        sent = await sent_silently(iris, "whatsapp")
        posted: list[str] = []
        while len(posted) < 6:
            at_once = random.choices(furthest_last, k=random.randint(1, 3))
            await asyncio.gather(*(post_callback(iris, sent.integration_id, sent.callback(word)) for word in at_once))
            posted += at_once
        seen = await received(iris, sent.id, len(posted))
        assert Counter(word for word, _ in applied(seen)) == Counter(word.lower() for word in posted)
        furthest = max([*posted, "queued"], key=furthest_last.index)
        assert (seen["status"], seen["customStatus"]) == (state.get(furthest, "SENT"), furthest), posted
        assert await verdicts(iris, sent.id) == ["accepted"]

    await asyncio.gather(*(apply(Random(seed)) for seed in range(10)))


async def test_a_failure_after_the_delivery_is_recorded_and_not_applied(iris: Iris) -> None:
    sent = await sent_silently(iris, "whatsapp")
    for word in ("delivered", "failed"):
        await post_callback(iris, sent.integration_id, sent.callback(word))
    seen = await received(iris, sent.id, 2)
    assert (seen["status"], seen["customStatus"]) == ("COMPLETED", "delivered")
    assert applied(seen) == [("delivered", True), ("failed", False)]


async def test_a_delivery_after_a_failure_corrects_it(iris: Iris) -> None:
    sent = await sent_silently(iris)
    await post_callback(iris, sent.integration_id, sent.callback("failed"))
    await iris.until_status(sent.id, "PROCESS_ERROR", "failed")
    await iris.ended(sent.id)
    await post_callback(iris, sent.integration_id, sent.callback("delivered"))
    seen = await iris.until_status(sent.id, "COMPLETED", "delivered")
    assert states(seen)[2:] == [("SENT", "queued"), ("PROCESS_ERROR", "failed"), ("COMPLETED", "delivered")]


async def test_an_unknown_provider_status_is_recorded_and_not_applied(iris: Iris) -> None:
    sent = await sent_silently(iris)
    await post_callback(iris, sent.integration_id, sent.callback("Teleported"))
    seen = await received(iris, sent.id, 1)
    assert applied(seen) == [("teleported", False)]
    assert (seen["status"], seen["customStatus"]) == ("SENT", "queued")


async def test_receipts_after_the_end_are_applied_by_a_new_run_that_never_sends_again(iris: Iris) -> None:
    sent = await sent_silently(iris)
    await post_callback(iris, sent.integration_id, sent.callback("delivered"))
    await iris.until_status(sent.id, "COMPLETED", "delivered")
    await iris.ended(sent.id)
    await post_callback(iris, sent.integration_id, sent.callback("read"))
    await iris.until_status(sent.id, "COMPLETED", "read")
    await iris.ended(sent.id)
    await post_callback(iris, sent.integration_id, sent.callback("delivered"))
    seen = await received(iris, sent.id, 3)
    assert applied(seen) == [("delivered", True), ("read", True), ("delivered", False)]
    assert (seen["status"], seen["customStatus"]) == ("COMPLETED", "read")
    await iris.ended(sent.id)
    assert await verdicts(iris, sent.id) == ["accepted"]


async def test_a_receipt_after_a_refused_send_corrects_it_without_sending_again(iris: Iris) -> None:
    admitted = await iris.send("sms", "34600000003")
    await iris.until_status(admitted["id"], "PROVIDER_SENDING_ERROR", "rejected")
    await iris.ended(admitted["id"])
    callback = Callback("sbx_refused", "delivered", admitted["id"])
    await post_callback(iris, iris.demo.integrations["sms"], callback)
    await iris.until_status(admitted["id"], "COMPLETED", "delivered")
    await iris.ended(admitted["id"])
    assert await verdicts(iris, admitted["id"]) == ["refused"]


async def test_a_receipt_about_a_rejected_submission_sends_nothing_and_leaves_it_rejected(iris: Iris) -> None:
    response = await iris.post(iris.request("sms", mobile(), AutoCreateProcess=False))
    rejected = refusal(response, 422)["payload"]
    await iris.ended(rejected["id"])
    await post_callback(iris, iris.demo.integrations["sms"], Callback("sbx_rejected", "delivered", rejected["id"]))
    seen = await received(iris, rejected["id"], 1)
    assert applied(seen) == [("delivered", False)]
    assert states(seen) == states(rejected)
    await iris.ended(rejected["id"])
    assert await verdicts(iris, rejected["id"]) == []


async def test_a_receipt_is_matched_by_the_providers_id_alone(iris: Iris) -> None:
    sent = await sent_silently(iris)
    await post_callback(iris, sent.integration_id, Callback(sent.message_id, "delivered"))
    seen = await iris.until_status(sent.id, "COMPLETED", "delivered")
    assert seen["auditTrail"]["providerEvents"][0]["providerMessageId"] == sent.message_id
