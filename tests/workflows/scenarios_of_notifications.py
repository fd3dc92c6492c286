"""Scenarios of webhook notifications: retried, cancelled, sent to a changed URL, and redelivered."""

from datetime import timedelta

import httpx2

from domain.clock import utc_now
from domain.identifiers import new_id, notification_workflow_id, redelivery_workflow_id
from embedded.processes import until
from models.notification import Notification
from temporal.notifications import begin_redelivery
from tests.iris import Iris
from tests.notifications.receiver import Receiver, receiving
from workflows.messages import RedeliveryInput
from workflows.notification import RedeliveryWorkflow


async def delivered_at_the_second_attempt(iris: Iris) -> str:
    async with receiving() as receiver:
        receiver.first = [503]
        return await _ended(iris, await _notification(iris, receiver))


async def cancelled_while_it_waits(iris: Iris) -> str:
    """The notification is cancelled while it waits for its next attempt."""
    async with receiving() as receiver:
        receiver.status = 503
        notification = await _notification(iris, receiver)

        async def was_tried() -> bool:
            found = await Notification.get(notification.id)
            return found is not None and len(found.attempts) >= 3

        await until(was_tried)
        (await _post(iris, f"/v1/notifications/{notification.id}/cancel")).raise_for_status()
        return await _ended(iris, notification)


async def delivered_to_another_url(iris: Iris) -> str:
    """The endpoint's URL is changed while the notification waits for its next attempt."""
    async with receiving() as dead, receiving() as receiver:
        dead.status = 503
        notification = await _notification(iris, dead)
        await dead.calls_of(3)
        path = f"/configuration/integration/{notification.integration_id}/webhook"
        await _post(iris, path, {"Url": receiver.url, "Subscriptions": ["INTERACTION_OUT_CREATED_EVT"]})
        return await _ended(iris, notification)


async def redelivered(iris: Iris) -> str:
    async with receiving() as receiver:
        first = await _notification(iris, receiver)
        await _ended(iris, first)
        replay = RedeliveryInput(
            redelivery_id=new_id(),
            tenant=first.tenant,
            integration_id=first.integration_id,
            since=first.created - timedelta(seconds=1),
            until=utc_now() + timedelta(seconds=1),
            page_size=1,
        )
        await begin_redelivery(iris.temporal, iris.settings, replay)
        workflow = redelivery_workflow_id(replay.redelivery_id)
        await iris.temporal.get_workflow_handle_for(RedeliveryWorkflow.run, workflow).result()
        return workflow


async def _notification(iris: Iris, receiver: Receiver) -> Notification:
    """Send a message, and return the notification of its creation."""
    integration_id = await iris.sandbox(iris.gateway_url)
    body = {"Url": receiver.url, "Subscriptions": ["INTERACTION_OUT_CREATED_EVT"]}
    await _post(iris, f"/configuration/integration/{integration_id}/webhook", body)
    sent = await iris.send("sms", "34600000001", integrationId=integration_id)
    await receiver.calls_of(1)
    (notification,) = await Notification.find({"interaction_id": sent["id"]}).to_list()
    return notification


async def _post(iris: Iris, path: str, body: object = None) -> httpx2.Response:
    return await iris.http.post(path, json=body)


async def _ended(iris: Iris, notification: Notification) -> str:
    workflow = notification_workflow_id(notification.id, notification.round)
    await iris.temporal.get_workflow_handle(workflow).result()
    return workflow
