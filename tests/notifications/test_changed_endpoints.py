"""A change of an endpoint applies from the next attempt on: its URL, its secret, its creation and its removal."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.clock import utc_now
from domain.webhook_events import host_of
from embedded.processes import until
from models.notification import Notification, SuspendedHost
from tests.api.support import mobile
from tests.iris import Iris
from tests.notifications.receiver import Receiver, receiving

OUT = "INTERACTION_OUT_CREATED_EVT"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def integration_id(iris: Iris) -> str:
    """Create an integration that the API and the worker have cached without an endpoint."""
    integration_id = await iris.sandbox(iris.gateway_url)
    await send(iris, integration_id)
    return integration_id


async def send(iris: Iris, integration_id: str) -> str:
    return (await iris.send("sms", mobile(), integrationId=integration_id))["id"]


async def set_endpoint(iris: Iris, integration_id: str, url: str) -> str | None:
    body = {"Url": url, "Subscriptions": [OUT]}
    response = await iris.http.put(f"/v1/integrations/{integration_id}/webhook", json=body)
    assert response.status_code == 200, response.text
    return response.json()["payload"]["secret"]


async def test_a_new_endpoint_gets_the_next_event(iris: Iris, integration_id: str, receiver: Receiver) -> None:
    await set_endpoint(iris, integration_id, receiver.url)
    sent = await send(iris, integration_id)
    (call,) = await receiver.until(bool, 4)
    assert sent in call.body.decode()


async def test_a_new_secret_signs_the_next_event(iris: Iris, integration_id: str, receiver: Receiver) -> None:
    await set_endpoint(iris, integration_id, receiver.url)
    await send(iris, integration_id)
    await receiver.calls_of(1)
    rotated = await iris.http.post(f"/v1/integrations/{integration_id}/webhook/rotate-secret")
    await send(iris, integration_id)
    calls = await receiver.calls_of(2)
    assert calls[1].verified(rotated.json()["payload"]["secret"])["Event"] == OUT


async def test_a_changed_url_does_not_wait_for_the_former_host(
    iris: Iris, integration_id: str, receiver: Receiver
) -> None:
    async with receiving() as former:
        former.status = 503
        await set_endpoint(iris, integration_id, former.url)
        first = await send(iris, integration_id)
        await former.calls_of(1)
        hour = utc_now() + timedelta(hours=1)
        await SuspendedHost.suspend(iris.demo.tenant, host_of(former.url), hour)
        second = await send(iris, integration_id)
        await former.calls_of(1)
        await _are_postponed(iris, integration_id, 2)
        await set_endpoint(iris, integration_id, receiver.url)
        third = await send(iris, integration_id)
    calls = await receiver.until(lambda calls: len({call.id for call in calls}) == 3, 20)
    delivered = " ".join(call.body.decode() for call in calls)
    assert all(sent in delivered for sent in (first, second, third))


async def _are_postponed(iris: Iris, integration_id: str, number: int) -> None:
    soon = utc_now() + timedelta(minutes=30)

    async def are() -> bool:
        late = {"tenant": iris.demo.tenant, "integration_id": integration_id, "next_attempt": {"$gt": soon}}
        return await Notification.find(late).count() == number

    await asyncio.wait_for(until(are), 30)


async def test_a_deleted_endpoint_leaves_nothing_pending(iris: Iris, integration_id: str, receiver: Receiver) -> None:
    receiver.status = 503
    await set_endpoint(iris, integration_id, receiver.url)
    await send(iris, integration_id)
    await receiver.calls_of(1)
    assert (await iris.http.delete(f"/v1/integrations/{integration_id}/webhook")).status_code == 200
    listed = await iris.http.get("/v1/notifications", params={"integrationId": integration_id})
    assert [one["state"] for one in listed.json()["payload"]["items"]] == ["CANCELLED"]


async def test_a_deleted_integration_leaves_nothing_pending(
    iris: Iris, integration_id: str, receiver: Receiver
) -> None:
    receiver.status = 503
    await set_endpoint(iris, integration_id, receiver.url)
    await send(iris, integration_id)
    await receiver.calls_of(1)
    assert (await iris.http.delete(f"/v1/integrations/{integration_id}")).status_code == 200
    listed = await iris.http.get("/v1/notifications", params={"integrationId": integration_id})
    assert [one["state"] for one in listed.json()["payload"]["items"]] == ["CANCELLED"]
