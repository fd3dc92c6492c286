"""Cancelling an interaction: 200 only if it was not sent and never will be."""

import asyncio

import httpx2

from embedded.processes import until
from tests.api.support import ABSENT_ID, mobile, reasons, states, verdicts
from tests.iris import Iris

REFUSED, THROTTLED, SLOW = "34600000003", "34600000005", "34600000011"
CANCELLED = ("PROVIDER_SENDING_ERROR", "cancelled")


async def cancelled(iris: Iris, interaction_id: str) -> httpx2.Response:
    return await iris.http.post(f"/v1/interactions/{interaction_id}/cancel")


async def tried(iris: Iris, interaction_id: str, times: int = 1) -> None:
    """Wait until the gateway received a number of requests to send an interaction."""

    async def is_tried() -> bool:
        return len(await verdicts(iris, interaction_id)) >= times

    await until(is_tried)


async def test_an_interaction_waiting_for_a_retry_is_cancelled_and_never_retried(iris: Iris) -> None:
    sent = await iris.send("sms", THROTTLED)
    await tried(iris, sent["id"])
    response = await cancelled(iris, sent["id"])
    assert response.status_code == 200, response.text
    seen = response.json()["payload"]
    assert seen == await iris.read(sent["id"])
    assert states(seen)[-1] == CANCELLED
    assert seen["auditTrail"]["history"][-1]["notes"] == f"Cancelada por la cuenta {seen['auditTrail']['authorId']}"
    await iris.ended(sent["id"])
    asked = await verdicts(iris, sent["id"])
    # Longer than the provider's `Retry-After`.
    await asyncio.sleep(1.2)
    assert await verdicts(iris, sent["id"]) == asked
    assert await iris.taken_by_gateway(sent["id"]) == []


async def test_cancelling_again_is_the_same(iris: Iris) -> None:
    sent = await iris.send("sms", THROTTLED)
    await tried(iris, sent["id"])
    answers = await asyncio.gather(*(cancelled(iris, sent["id"]) for _ in range(5)))
    await iris.ended(sent["id"])
    answers.append(await cancelled(iris, sent["id"]))
    assert {response.status_code for response in answers} == {200}
    assert len({response.text for response in answers}) == 1
    assert states(await iris.read(sent["id"])).count(CANCELLED) == 1


async def test_a_send_in_progress_is_awaited_and_its_outcome_counts(iris: Iris) -> None:
    """The sandbox answers this recipient after three seconds; the worker has received the cancellation by then."""
    sent = await iris.send("sms", SLOW)
    await tried(iris, sent["id"])
    response = await cancelled(iris, sent["id"])
    assert reasons(response, 409) == [("id", "already_sent")]
    assert response.json()["payload"]["id"] == sent["id"]
    seen = await iris.until_status(sent["id"], "COMPLETED")
    assert "PROVIDER_SENDING_ERROR" not in {status for status, _ in states(seen)}


async def test_a_sent_interaction_is_not_cancelled(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    await iris.until_status(sent["id"], "COMPLETED")
    assert reasons(await cancelled(iris, sent["id"]), 409) == [("id", "already_sent")]


async def test_an_ended_interaction_is_not_cancelled(iris: Iris) -> None:
    sent = await iris.send("sms", REFUSED)
    await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR")
    response = await cancelled(iris, sent["id"])
    assert reasons(response, 409) == [("id", "already_ended")]
    assert response.json()["payload"]["customStatus"] == "rejected"


async def test_absent_and_foreign_interactions_are_not_found(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    sent = await iris.send("sms", THROTTLED)
    for response in (
        await cancelled(iris, ABSENT_ID),
        await stranger.post(f"/v1/interactions/{sent['id']}/cancel"),
    ):
        assert reasons(response, 404) == [("id", "not_found")]
    assert CANCELLED not in states(await iris.read(sent["id"]))
