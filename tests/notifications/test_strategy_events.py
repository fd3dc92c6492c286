"""Ends of strategies' runs, delivered to the endpoints that subscribed to them by name."""

from tests.iris import Iris
from tests.notifications.receiver import receiving
from tests.notifications.test_consent_events import subscribe
from tests.product.runs import ended, send, step


async def test_the_end_of_a_run_is_delivered_once_to_who_subscribed_by_name(iris: Iris) -> None:
    async with receiving() as named, receiving() as everything:
        first = await subscribe(iris, named.url, "STRATEGY_ENDED_EVT")
        second = await subscribe(iris, everything.url, "*")
        sent = await send(
            iris,
            step(iris, destination="34600000003", integrationId=first),
            step(iris, destination="34600000001", integrationId=second),
        )
        run = await ended(iris, sent)
        (call,) = await named.calls_of(1)
        event = call.json()
        assert (event["Event"], event["Payload"]["id"], event["Payload"]["outcome"]) == (
            "STRATEGY_ENDED_EVT",
            run["id"],
            "succeeded",
        )
        calls = await everything.calls_of(3)
        assert {call.json()["Payload"]["strategy"]["runId"] for call in calls} == {run["id"]}
