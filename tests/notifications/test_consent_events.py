"""Changed consents, delivered to the endpoints that subscribed to them by name."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from domain.clock import to_milliseconds, utc_now
from domain.destinations import Destination, DestinationKind
from domain.gate.consent import ConsentCategory, ConsentChange, ConsentSource, ConsentState, Coverage
from domain.identifiers import new_id
from models.consent import Consent
from models.notification import Notification
from models.user import OwnedDestination
from queries.consent_events import ConsentEvents
from queries.consents import Consents
from temporal import notifications
from tests.api.support import mobile, reasons, written_by
from tests.iris import Iris
from tests.notifications.receiver import Receiver, receiving
from wire.consents import ConsentAnswer

EVENT = "CONSENT_CHANGED_EVT"


@dataclass(frozen=True)
class Subscriber:
    """An integration of the demo whose endpoint wants the consents."""

    iris: Iris
    integration_id: str
    receiver: Receiver

    async def put(self, destination: str, state: str, **changes: str) -> str:
        """Record a consent about the integration; return its id."""
        body = {"destination": destination, "state": state, "category": "all", "integrationId": self.integration_id}
        response = await self.iris.http.put("/v1/consents", json=body | changes)
        assert response.status_code == 200, response.text
        return response.json()["payload"]["id"]

    async def heard(self, number: int) -> list[dict[str, Any]]:
        """The events received, once there are so many, in the order of their statements."""
        calls = await self.receiver.calls_of(number)
        return sorted((call.json() for call in calls), key=lambda one: (one["Created"], one["Payload"]["at"]))


async def subscribe(iris: Iris, url: str, *subscriptions: str) -> str:
    integration_id = await iris.sandbox(iris.gateway_url)
    path = f"/v1/integrations/{integration_id}/webhook"
    response = await iris.http.put(path, json={"Url": url, "Subscriptions": subscriptions})
    assert response.status_code == 200, response.text
    return integration_id


@pytest.fixture
async def subscriber(iris: Iris) -> AsyncIterator[Subscriber]:
    async with receiving() as receiver:
        yield Subscriber(iris, await subscribe(iris, receiver.url, EVENT), receiver)


async def test_every_change_is_delivered_whatever_its_source(subscriber: Subscriber) -> None:
    iris, number = subscriber.iris, mobile()
    consent_id = await subscriber.put(number, "out", at="2026-01-01T10:00:00Z", text="Por teléfono")
    await subscriber.put(number, "out", at="2026-01-02T10:00:00Z")
    await subscriber.receiver.calls_of(1)
    row = {"destination": number, "state": "in", "category": "all", "integrationId": subscriber.integration_id}
    row["at"] = "2026-01-03T10:00:00Z"
    for _ in range(2):
        imported = await iris.http.post("/v1/consents/import", json={"consents": [row]})
        assert imported.status_code == 200, imported.text
    await subscriber.receiver.calls_of(2)
    written = await written_by(iris, number, {"Type": "simple-text", "Text": "STOP"}, "", subscriber.integration_id)
    await subscriber.receiver.calls_of(3)
    address = Destination(key=DestinationKind.EMAIL, value=f"ana-{new_id()}@example.com")
    tokens = Consents()
    token = await tokens.unsubscribe_token(iris.demo.tenant, subscriber.integration_id, written, address)
    for _ in range(2):
        assert (await iris.http.post(f"/u/{token}", headers={"Authorization": ""})).status_code == 200
    await subscriber.receiver.calls_of(4)
    await iris.http.delete(f"/v1/consents/{consent_id}")
    heard = await subscriber.heard(5)
    assert {one["Event"] for one in heard} == {EVENT}
    seen = [(one["Payload"]["source"], one["Payload"]["state"]) for one in heard]
    assert seen == [("api", "out"), ("import", "in"), ("keyword", "out"), ("one_click", "out"), ("keyword", None)]
    first = heard[0]["Payload"]
    assert (first["id"], first["destination"], first["at"]) == (consent_id, number, "2026-01-01T10:00:00.000Z")
    assert first["evidence"]["text"] == "Por teléfono"
    assert "history" not in first


async def test_a_change_whose_process_dies_before_it_is_published_is_published_by_the_reconciliation(
    subscriber: Subscriber,
) -> None:
    iris, tenant = subscriber.iris, subscriber.iris.demo.tenant
    change = ConsentChange(
        kind=DestinationKind.PHONE_NUMBER,
        value=mobile(),
        coverage=Coverage.of_sender(subscriber.integration_id, ConsentCategory.ALL),
        state=ConsentState.OUT,
        source=ConsentSource.API,
        at=to_milliseconds(utc_now()),
    )
    await Consent.write(tenant, [(new_id(), change)], is_published=True)
    left = [one for one in await Consent.unpublished_before(utc_now(), 100) if one.value == change.value]
    events = ConsentEvents(partial(notifications.begin, iris.temporal, iris.settings), ConsentAnswer.shown)
    await events.publish_missing(left)
    await events.publish_missing(left)
    [heard] = await subscriber.heard(1)
    assert heard["Payload"]["destination"] == change.value
    assert change.value not in [one.value for one in await Consent.unpublished_before(utc_now(), 100)]
    assert await Notification.find({"integration_id": subscriber.integration_id}).count() == 1


async def test_each_deletion_is_an_event(subscriber: Subscriber) -> None:
    number = mobile()
    for statements in (1, 2):
        consent_id = await subscriber.put(number, "out")
        await subscriber.receiver.calls_of(2 * statements - 1)
        await subscriber.iris.http.delete(f"/v1/consents/{consent_id}")
        await subscriber.receiver.calls_of(2 * statements)
    heard = await subscriber.heard(4)
    assert sorted(str(one["Payload"]["state"]) for one in heard) == ["None", "None", "out", "out"]


async def test_only_endpoints_of_what_the_consent_is_about_hear_of_it_and_only_by_name(subscriber: Subscriber) -> None:
    iris, number = subscriber.iris, mobile()
    async with receiving() as other, receiving() as all_of_interactions:
        await subscribe(iris, other.url, EVENT)
        await subscribe(iris, all_of_interactions.url, "*")
        await subscriber.put(number, "out")
        body = {"destination": number, "state": "out", "category": "marketing", "channel": "SMS"}
        assert (await iris.http.put("/v1/consents", json=body)).status_code == 200

        def about(receiver: Receiver) -> list[str]:
            payloads = [call.json()["Payload"] for call in receiver.calls]
            return sorted(one["scope"] for one in payloads if one["destination"] == number)

        await other.until(lambda _: about(other) == ["channel"])
        await subscriber.receiver.until(lambda _: about(subscriber.receiver) == ["channel", "sender"])
        assert all_of_interactions.calls == []
    stream = await iris.http.get("/v1/events", params={"event": EVENT})
    assert reasons(stream, 422) == [("event[0]", "not_allowed")]


async def test_the_notifications_of_an_erased_recipient_do_not_name_it(subscriber: Subscriber) -> None:
    number = mobile()
    await subscriber.put(number, "out", text="Ana llamó")
    await subscriber.receiver.calls_of(1)
    erased = OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value=number, normal_form=number)
    await Consents().erase(subscriber.iris.demo.tenant, [erased])
    [notification] = await Notification.find({"integration_id": subscriber.integration_id}).to_list()
    assert number not in notification.body
    assert "Ana" not in notification.body
    response = await subscriber.iris.http.get(f"/v1/notifications/{notification.id}")
    shown = response.json()["payload"]
    assert (shown["interactionId"], shown["body"]["Payload"]["state"]) == (None, "out")
