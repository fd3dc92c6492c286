"""Retry schedule of notifications, in virtual time: the whole product on Temporal's time-skipping server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.webhook_events import NotificationState, backoff, suspends_host
from embedded.ports import free_port
from embedded.processes import until
from models.notification import Attempt, Notification
from tests.iris import Iris, running_iris
from tests.notifications.receiver import receiving

SILENT = "34600000010"
SLACK = timedelta(seconds=2)
"""Maximum delay of an attempt, by a clock that time skipping does not stop."""


@pytest.fixture(scope="module")
async def iris(environment: WorkflowEnvironment, mongodb_uri: str, database_name: str) -> AsyncIterator[Iris]:
    address = environment.client.service_client.config.target_host
    async with running_iris(mongodb_uri, address, f"{database_name}_law") as running:
        yield running


async def listening(iris: Iris, url: str) -> tuple[str, str]:
    """Create an integration whose webhook subscribes to all events, and return it with its secret."""
    integration_id = await iris.sandbox(iris.gateway_url)
    body = {"Url": url, "Subscriptions": ["*"]}
    response = await iris.http.put(f"/v1/integrations/{integration_id}/webhook", json=body)
    return integration_id, response.json()["payload"]["secret"]


async def of(integration_id: str) -> list[Notification]:
    return await Notification.find({"integration_id": integration_id}).sort("position").to_list()


async def ended(integration_id: str, number: int) -> list[Notification]:
    """Wait until so many of an integration's notifications are delivered, and return them."""

    async def are_delivered() -> bool:
        return [one.state for one in await of(integration_id)] == [NotificationState.DELIVERED] * number

    await asyncio.wait_for(until(are_delivered), 60)
    return await of(integration_id)


def _is_suspended_at(attempts: list[Attempt], moment: datetime) -> bool:
    return any(
        one.error and suspends_host(backoff(one.number)) and one.date <= moment < one.date + backoff(one.number) - SLACK
        for one in attempts
    )


async def test_an_unreachable_host_gets_every_event_by_the_retry_schedule_and_delays_no_other(
    iris: Iris, environment: WorkflowEnvironment
) -> None:
    port = free_port()
    dead, secret = await listening(iris, f"http://127.0.0.1:{port}")
    await iris.until_status((await iris.send("sms", SILENT, integrationId=dead))["id"], "SENT")
    # Ten minutes: the first event's waits come to 2 + 4 + … + 256 seconds.
    for _ in range(10):
        await environment.sleep(timedelta(minutes=1))
    late = await iris.send("sms", SILENT, integrationId=dead)
    async with receiving() as alive:
        other, other_secret = await listening(iris, alive.url)
        await iris.until_status((await iris.send("sms", SILENT, integrationId=other))["id"], "SENT")
        assert {one.verified(other_secret)["Event"] for one in await alive.calls_of(3)}
        for one in await ended(other, 3):
            assert [attempt.number for attempt in one.attempts] == [1]
    async with receiving(port) as receiver:
        async with asyncio.timeout(60):
            while len(receiver.calls) < 6:
                await environment.sleep(timedelta(minutes=1))
        delivered = await ended(dead, 6)
        assert {call.id for call in receiver.calls} == {one.id for one in delivered}
        assert len(receiver.calls) == 6
        for call in receiver.calls:
            call.verified(secret)
    attempts = [attempt for one in delivered for attempt in one.attempts]
    assert max(attempt.number for attempt in attempts) >= 8
    for one in delivered:
        assert [attempt.number for attempt in one.attempts] == list(range(1, len(one.attempts) + 1))
        assert [bool(attempt.error) for attempt in one.attempts] == [True] * (len(one.attempts) - 1) + [False]
        for attempt, following in zip(one.attempts, one.attempts[1:], strict=False):
            assert following.date >= attempt.date + backoff(attempt.number)
            # No attempt while the host is suspended, and none later than scheduled.
            others = [other for other in attempts if other.date < following.date - SLACK]
            assert not _is_suspended_at(others, following.date)
            free = max([attempt.date + backoff(attempt.number), *_ends(others, attempt, following)])
            assert following.date - free < SLACK
    of_late = [one for one in delivered if one.interaction_id == late["id"]]
    (not_received,) = {one.attempts[0].date for one in of_late if one.position == 0}
    assert not_received - min(one.created for one in of_late) > SLACK


def _ends(attempts: list[Attempt], attempt: Attempt, following: Attempt) -> list[datetime]:
    """Return when suspensions of the host ended between an attempt and the following one."""
    ends = [one.date + backoff(one.number) for one in attempts if one.error and suspends_host(backoff(one.number))]
    return [end for end in ends if attempt.date < end <= following.date]


async def test_after_seven_days_a_notification_is_given_up_and_stays_with_its_attempts(
    iris: Iris, environment: WorkflowEnvironment
) -> None:
    dead, _ = await listening(iris, f"http://127.0.0.1:{free_port()}")
    path = f"/v1/integrations/{dead}/webhook"
    only = {"Url": f"http://127.0.0.1:{free_port()}", "Subscriptions": ["INTERACTION_OUT_CREATED_EVT"]}
    assert (await iris.http.put(path, json=only)).status_code == 200
    await iris.until_status((await iris.send("sms", SILENT, integrationId=dead))["id"], "SENT")
    async with asyncio.timeout(60):
        while (notification := (await of(dead))[0]).state is NotificationState.PENDING:
            await environment.sleep(timedelta(hours=12))
    assert notification.state is NotificationState.GIVEN_UP
    waits = [backoff(number) for number in range(1, 158)]
    assert sum(waits, timedelta()) < timedelta(days=7) < sum(waits, backoff(158))
    assert [attempt.number for attempt in notification.attempts] == list(range(1, 159))
