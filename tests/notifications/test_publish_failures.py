"""A notification that cannot be published delays no interaction, outbound or inbound."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import JsonValue
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.bulkheads import KeyedLimiter
from activities.internal_faults import QUICK_RETRIES, InternalFaults
from activities.late_begins import LateBegins
from activities.notification import HttpNotifications
from activities.notification_interfaces import DeliverInput
from activities.publishing import NotificationPublisher
from bootstrap import data_converter, http_client
from domain.clock import utc_now
from domain.identifiers import derived_id, new_id
from domain.interaction import Interaction
from domain.webhook_events import NotificationState
from embedded.processes import until
from integrations.cache import Integrations
from models.notification import Notification
from security.credential_encryption import Vault
from temporal.notifications import begin
from tests.api.routes.test_metrics import grown, scrape
from tests.api.support import mobile
from tests.iris import Iris
from tests.notifications.receiver import Receiver, receiving
from tests.notifications.test_notifications import CUSTOM, OUT, STATUS, set_endpoint
from wire.interactions import InteractionAnswer

IN = "INTERACTION_IN_CREATED_EVT"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def integration_id(iris: Iris, receiver: Receiver) -> str:
    """Create an integration whose webhook subscribes to all events."""
    integration_id = await iris.sandbox(iris.gateway_url)
    assert (await set_endpoint(iris, integration_id, receiver.url)).status_code == 200
    return integration_id


@pytest.fixture
async def refused(integration_id: str) -> AsyncIterator[None]:
    """Make MongoDB refuse the integration's notifications, by the collection's validator."""
    database = Notification.collection().database
    await database.command("collMod", "notifications", validator={"integration_id": {"$ne": integration_id}})
    yield
    await database.command("collMod", "notifications", validator={})


async def receive_text(iris: Iris, integration_id: str, text: str) -> str:
    """Let an end user write, and return the interaction's id."""
    message: dict[str, Any] = {
        "id": f"in_{new_id()}",
        "channel": "SMS",
        "from": mobile(),
        "payload": {"Type": "simple-text", "Text": text},
        "callbackUrl": f"{iris.settings.public_url}/webhooks/sandbox/{integration_id}",
    }
    response = await iris.gateway.post("/v1/inbound", json=message)
    assert response.is_success, response.text
    return derived_id("inbound", integration_id, message["id"])


async def test_an_inbound_message_is_delivered_to_the_webhook(
    iris: Iris, integration_id: str, receiver: Receiver
) -> None:
    interaction_id = await receive_text(iris, integration_id, "¿Está abierto?")
    (call,) = await receiver.calls_of(1)
    (notification,) = await Notification.find({"interaction_id": interaction_id}).to_list()
    assert (notification.id, notification.event) == (call.id, IN)
    seen = await iris.read(interaction_id)
    body = json.loads(call.body)
    assert body["Event"] == IN
    assert body["Payload"]["payload"]["Text"] == "¿Está abierto?"
    assert body["Payload"]["auditTrail"]["history"] == seen["auditTrail"]["history"]
    assert body["Created"] == seen["auditTrail"]["history"][0]["date"]


@pytest.mark.usefixtures("refused")
async def test_an_outbound_message_is_sent_although_its_notifications_cannot_be_stored(
    iris: Iris, integration_id: str
) -> None:
    before = await scrape(iris)
    sent = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(sent["id"], "COMPLETED")
    await iris.ended(sent["id"])
    assert await Notification.find({"interaction_id": sent["id"]}).to_list() == []
    assert grown(before, await scrape(iris), "iris_notifications_dropped_total") == 5


@pytest.mark.usefixtures("refused")
async def test_an_inbound_message_is_recorded_although_its_notification_cannot_be_stored(
    iris: Iris, integration_id: str
) -> None:
    before = await scrape(iris)
    interaction_id = await receive_text(iris, integration_id, "Hola")

    async def is_received() -> bool:
        return (await iris.http.get(f"/v1/interactions/{interaction_id}")).status_code == 200

    await asyncio.wait_for(until(is_received), 60)
    await iris.ended(interaction_id)
    assert grown(before, await scrape(iris), "iris_notifications_dropped_total") == 1


async def test_an_event_that_cannot_be_serialized_is_dropped(
    iris: Iris, integration_id: str, receiver: Receiver
) -> None:
    sent = await iris.send("sms", mobile(), integrationId=integration_id)
    await receiver.calls_of(5)

    def fail(interaction: Interaction) -> JsonValue:
        raise ValueError(interaction.id)

    before = await scrape(iris)
    start = partial(begin, iris.temporal, iris.settings)
    publisher = NotificationPublisher(Integrations(iris.settings.lookup_cache_ttl), fail, start, LateBegins(start))
    await publisher.publish(integration_id, 0, sent["id"], 0)
    assert grown(before, await scrape(iris), "iris_notifications_dropped_total") == 1


async def _is_nothing_late(interaction_id: str) -> bool:
    """Whether all of an interaction's notifications are started and delivered."""
    stored = await Notification.find({"interaction_id": interaction_id}).to_list()
    return all(one.state is NotificationState.DELIVERED and not one.is_unbegun for one in stored)


async def test_a_start_that_temporal_does_not_accept_is_retried_within_seconds(
    iris: Iris, integration_id: str, receiver: Receiver
) -> None:
    sent = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(sent["id"], "COMPLETED")
    await receiver.calls_of(5)
    await Notification.find({"interaction_id": sent["id"]}).delete_many()
    before = len(receiver.calls)
    nowhere = await Client.connect(
        iris.settings.temporal_address, namespace=new_id(), data_converter=data_converter(iris.settings), lazy=True
    )
    late = LateBegins(partial(begin, iris.temporal, iris.settings))
    publisher = NotificationPublisher(
        integrations=Integrations(iris.settings.lookup_cache_ttl),
        show=lambda interaction: InteractionAnswer.of(interaction).on_the_wire(),
        begin=partial(begin, nowhere, iris.settings),
        late=late,
    )
    await publisher.publish(integration_id, 0, sent["id"], 0)
    stored = await Notification.find({"interaction_id": sent["id"]}).sort("position").to_list()
    assert [one.event for one in stored] == [OUT, STATUS, STATUS, CUSTOM, STATUS]
    assert [(one.state, one.attempts) for one in stored] == [(NotificationState.PENDING, [])] * 5
    async with late.running(), asyncio.timeout(30):
        await receiver.calls_of(before + 5)
        await until(lambda: _is_nothing_late(sent["id"]))


async def test_a_secret_that_a_worker_cannot_decrypt_is_no_attempt_at_the_endpoint(
    iris: Iris, integration_id: str, receiver: Receiver
) -> None:
    """A missing key is an internal fault: another worker retries soon, later the notification waits for the key."""
    sent = await iris.send("sms", mobile(), integrationId=integration_id)
    (first, *_) = await receiver.calls_of(5)
    await Notification.collection().update_one({"_id": first.id}, {"$set": {"state": "PENDING", "attempts": []}})
    async with http_client(iris.settings.address_guard()) as http:
        activities = HttpNotifications(
            http=http,
            vault=Vault([Fernet.generate_key().decode()]),
            integrations=Integrations(iris.settings.lookup_cache_ttl),
            limiter=KeyedLimiter(1),
            show=lambda interaction: InteractionAnswer.of(interaction).on_the_wire(),
            begin=partial(begin, iris.temporal, iris.settings),
            timeout=iris.settings.notification_timeout,
            faults=InternalFaults(new_id()),
        )
        now = utc_now()
        delivery = DeliverInput(notification_id=first.id, at=now, deadline=now + timedelta(days=7))
        environment = ActivityEnvironment()
        with pytest.raises(ApplicationError, match="no encryption key opens"):
            await environment.run(activities.deliver, delivery)
        environment.info = replace(environment.info, attempt=QUICK_RETRIES)
        postponed = await environment.run(activities.deliver, delivery)
    assert postponed.next_attempt is not None
    assert postponed.next_attempt > now
    pending = await Notification.pending(first.id)
    assert pending is not None
    assert (pending.interaction_id, pending.attempts) == (sent["id"], [])
    await pending.delete()
