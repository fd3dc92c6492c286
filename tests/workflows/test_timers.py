"""The workflow of every open state has the timer that `domain.deadlines` gives."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.history.v1 import HistoryEvent

from domain.deadlines import PendingWait, WaitReason, waiting_for
from domain.identifiers import workflow_id
from embedded.processes import until
from models.interaction import Interaction
from tests.iris import Iris
from tests.silent_provider import SilentProvider

CLOSE = timedelta(seconds=3)
"""Maximum difference between the workflow's clock and the record's on a busy machine."""


async def _wait(iris: Iris, interaction_id: str) -> tuple[PendingWait, Sequence[HistoryEvent]]:
    """Return an interaction's pending wait by its record, and its workflow's events."""
    document = await Interaction.get(interaction_id)
    assert document is not None
    wait = waiting_for(document.situation, iris.settings.windows, document.updated)
    assert wait is not None
    handle = iris.temporal.get_workflow_handle(workflow_id(interaction_id))
    return wait, (await handle.fetch_history()).events


async def _timer(iris: Iris, interaction_id: str) -> tuple[PendingWait, datetime]:
    """Return an interaction's pending wait, and when its workflow's only timer fires."""

    async def is_started() -> bool:
        return bool(_pending_timers((await _wait(iris, interaction_id))[1]))

    await asyncio.wait_for(until(is_started), 60)
    wait, events = await _wait(iris, interaction_id)
    (fires,) = _pending_timers(events)
    return wait, fires


def _pending_timers(events: Sequence[HistoryEvent]) -> list[datetime]:
    """Return when the pending timers fire."""
    over = {event.timer_canceled_event_attributes.started_event_id for event in events}
    over |= {event.timer_fired_event_attributes.started_event_id for event in events}
    return [
        event.event_time.ToDatetime(UTC) + event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for event in events
        if event.HasField("timer_started_event_attributes") and event.event_id not in over
    ]


@pytest.mark.parametrize(
    ("channel", "destination", "status", "awaited"),
    [
        ("sms", "34600000010", "SENT", WaitReason.DELIVERY),
        ("email", "silent@sandbox.example.com", "SENT", WaitReason.DELIVERY),
        ("whatsapp", "34600000001", "COMPLETED", WaitReason.READ),
    ],
)
async def test_a_wait_for_receipts_has_a_timer_that_closes_the_window(
    iris: Iris, channel: str, destination: str, status: str, awaited: WaitReason
) -> None:
    sent = await iris.send(channel, destination)
    await iris.until_status(sent["id"], status)
    wait, fires = await _timer(iris, sent["id"])
    assert wait.awaited is awaited
    assert abs(fires - wait.until) < CLOSE


async def test_an_unanswered_send_has_a_timer_for_its_search(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(fake_provider.url))
        await fake_provider.until_connections(1)
    await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "unknown")
    wait, fires = await _timer(iris, sent["id"])
    assert wait.awaited is WaitReason.SEARCH
    assert abs(fires - wait.until) < CLOSE


async def test_a_send_has_a_deadline(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(fake_provider.url))
        wait, events = await _wait(iris, sent["id"])
        (scheduled,) = [event for event in events if event.HasField("activity_task_scheduled_event_attributes")]
        deadline = scheduled.activity_task_scheduled_event_attributes.schedule_to_close_timeout.ToTimedelta()
    assert wait.awaited is WaitReason.SEND
    assert abs(scheduled.event_time.ToDatetime(UTC) + deadline - wait.until) < CLOSE
