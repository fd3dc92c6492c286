"""Cancellations racing the worker: of queued, sending, throttled, lost and delivered messages."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from temporalio.api.enums.v1 import EventType

from domain.identifiers import new_id, workflow_id
from embedded.temporal_server import TemporalServer
from tests.api.routes.test_erasing_users import erase
from tests.api.routes.test_users import created
from tests.api.support import mobile, reasons, states, verdicts
from tests.iris import Iris, running_iris
from tests.silent_provider import SilentProvider
from tests.workflows.scenarios_of_cancelling import cancelled_before_it_is_sent

CANCELLED = ("PROVIDER_SENDING_ERROR", "cancelled")
PENDING = {"VALIDATION_PENDING", "DISPATCH_PENDING"}
UNKNOWN = ("PROVIDER_SENDING_ERROR", "unknown")

AT_ONCE = 2
"""Maximum concurrent sends of the worker; others wait in the provider's queue."""


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    """A product whose worker sends few messages at a time, and whose API has short timeouts."""
    async with running_iris(
        mongodb_uri,
        temporal_server.address,
        f"{database_name}_cancelling",
        max_concurrent_sends_per_provider=AT_ONCE,
        admission_timeout=timedelta(seconds=2),
    ) as running:
        yield running


async def test_a_slow_send_is_not_retried_after_cancellation(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", mobile(), integrationId=await iris.sandbox(fake_provider.url))
        await fake_provider.until_connections(1)
        assert await cancel(iris, sent["id"]) == "being_sent"
        fake_provider.let_go.set()
        await iris.until_status(sent["id"], *UNKNOWN)
        assert await cancel(iris, sent["id"]) == "may_have_been_sent"
        assert fake_provider.connections == 1


async def test_a_queued_send_is_cancelled_before_any_worker_has_it(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        for _ in range(AT_ONCE):
            await iris.send("sms", mobile(), integrationId=await iris.sandbox(fake_provider.url))
        await fake_provider.until_connections(AT_ONCE)
        waiting = [await iris.send("sms", mobile()) for _ in range(2)]
        for one in waiting:
            assert await cancel(iris, one["id"]) is None
        fake_provider.let_go.set()
    sent = await iris.send("sms", mobile())
    await iris.until_status(sent["id"], "COMPLETED")
    for one in waiting:
        assert states(await iris.read(one["id"]))[-1] == CANCELLED
        assert await verdicts(iris, one["id"]) == []


async def test_a_visible_cancellation_survives_a_lost_task(iris: Iris) -> None:
    """The cancellation is in the workflow's history before the record shows it."""
    interaction_id = await cancelled_before_it_is_sent(iris)
    history = await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).fetch_history()
    kinds = [event.event_type for event in history.events]
    accepted = kinds.index(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
    last_step = len(kinds) - 1 - kinds[::-1].index(EventType.EVENT_TYPE_MARKER_RECORDED)
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in kinds[accepted:last_step]


async def test_a_queued_send_to_an_erased_user_goes_to_the_others_alone_or_is_not_sent(iris: Iris) -> None:
    fake_provider = SilentProvider()
    goes, stays = [await created(iris, primaryKey={"Email": [f"{new_id()}@dominio.com"]}) for _ in range(2)]
    addresses = [user["primaryKey"]["Email"][0] for user in (goes, stays)]
    async with fake_provider.serving():
        for _ in range(AT_ONCE):
            await iris.send("sms", mobile(), integrationId=await iris.sandbox(fake_provider.url))
        await fake_provider.until_connections(AT_ONCE)
        alone = await iris.send("email", addresses[0])
        of_both = await iris.send("email", addresses[0], Destinations=addresses)
        for one in (alone, of_both):
            await iris.until_status(one["id"], "DISPATCH_PENDING")
        await erase(iris, goes["id"])
        await iris.until_status(alone["id"], *CANCELLED)
        fake_provider.let_go.set()
    await iris.until_status(of_both["id"], "COMPLETED")
    assert [one["to"] for one in await iris.taken_by_gateway(of_both["id"])] == [[addresses[1]]]
    assert await verdicts(iris, alone["id"]) == []


class Race(NamedTuple):
    """An interaction, and the delays after its admission at which it is cancelled."""

    recipient: str
    after: list[float]


RACES = st.builds(
    Race,
    st.sampled_from([f"346000000{ending}" for ending in ("01", "03", "04", "05", "06", "07", "08", "10")]),
    st.lists(st.sampled_from([0.0, 0.002, 0.01, 0.03, 0.1, 0.3, 1.0]), min_size=1, max_size=2),
)


@settings(
    max_examples=2,
    # A lost race may not be lost again: shrinking it would take long and show little.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(races=st.lists(RACES, min_size=14, max_size=20))
async def test_a_cancellation_at_any_moment_has_a_true_response(iris: Iris, races: list[Race]) -> None:
    for race, answers, seen, taken in await asyncio.gather(*(run(iris, race) for race in races)):
        story = (race, answers, states(seen))
        if None in answers:
            assert states(seen)[-1] == CANCELLED, story
        if CANCELLED in states(seen):
            assert states(seen).count(CANCELLED) == 1, story
            assert taken == [], story
            assert set(answers) <= {None, "being_sent"}, story
        elif "already_sent" in answers:
            assert taken, story


async def run(iris: Iris, race: Race) -> tuple[Race, list[str | None], dict[str, Any], list[dict[str, Any]]]:
    """Responses to each cancellation, the final state, and the messages that the gateway accepted."""
    sent = await iris.send("sms", race.recipient)
    # On a busy machine the response may precede the record.
    await iris.until(sent["id"], lambda seen: seen["status"] != "VALIDATION_PENDING")

    async def later(seconds: float) -> str | None:
        await asyncio.sleep(seconds)
        return await cancel(iris, sent["id"])

    answers = await asyncio.gather(*map(later, race.after))
    await iris.until(sent["id"], lambda seen: seen["status"] not in PENDING)
    # Longer than any retry delay: every pending send would have been made.
    await asyncio.sleep(1.5)
    return race, list(answers), await iris.read(sent["id"]), await iris.taken_by_gateway(sent["id"])


async def cancel(iris: Iris, interaction_id: str) -> str | None:
    """Problem code of a cancellation; None if it succeeded. A busy machine is asked again."""
    path = f"/v1/interactions/{interaction_id}/cancel"
    while (response := await iris.http.post(path)).status_code == 503:  # noqa: ASYNC110 - the answer is not an event
        await asyncio.sleep(0.2)
    if response.status_code == 200:
        return None
    [(field, code)] = reasons(response, 409)
    assert field == "id"
    return code
