"""Webhook notifications of interaction events: signed, delivered once each, retried while the endpoint fails."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import pytest
from standardwebhooks import WebhookVerificationError

from activities.interfaces import RecordStepInput
from activities.late_begins import LateBegins
from activities.publishing import NotificationPublisher
from activities.record import MongoRecord
from domain.clock import to_wire, utc_now
from domain.interaction import HistoryEntry
from domain.status import InteractionState, Status
from embedded.processes import until
from integrations.cache import Integrations
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Notification
from temporal import notifications
from tests.api.routes.test_erasing_users import erase
from tests.api.support import SILENT, mobile, reasons, sent_silently
from tests.iris import Iris, calling
from tests.notifications.receiver import Receiver, receiving
from wire.interactions import InteractionAnswer

OUT, STATUS, CUSTOM = (
    "INTERACTION_OUT_CREATED_EVT",
    "INTERACTION_STATUSCHANGED_EVT",
    "INTERACTION_CUSTOMSTATUSCHANGED_EVT",
)


@dataclass(frozen=True)
class Tenant:
    """A tenant with its own integration, and the endpoint of its webhook."""

    iris: Iris
    integration_id: str
    receiver: Receiver
    secret: str

    @property
    def path(self) -> str:
        return f"/v1/integrations/{self.integration_id}/webhook"

    async def send(self, to: str | None = None) -> str:
        sent = await self.iris.send("sms", to or mobile(), integrationId=self.integration_id)
        return sent["id"]

    async def notifications(self, **filters: str | int) -> list[dict[str, Any]]:
        response = await self.iris.http.get(
            "/v1/notifications", params={"integrationId": self.integration_id, **filters}
        )
        assert response.status_code == 200, response.text
        return response.json()["payload"]["items"]

    async def notification(self, notification_id: str) -> dict[str, Any]:
        response = await self.iris.http.get(f"/v1/notifications/{notification_id}")
        assert response.status_code == 200, response.text
        return response.json()["payload"]

    async def in_state(self, state: str, number: int = 1) -> list[dict[str, Any]]:
        """Wait for so many notifications in a state, and return them."""

        async def are_there() -> bool:
            return len(await self.notifications(state=state)) >= number

        await asyncio.wait_for(until(are_there), 60)
        return await self.notifications(state=state)


def steps(body: dict[str, Any]) -> int:
    return len(body["Payload"]["auditTrail"]["history"])


async def set_endpoint(iris: Iris, integration_id: str, url: str, *subscriptions: str) -> httpx2.Response:
    return await iris.http.put(
        f"/v1/integrations/{integration_id}/webhook", json={"Url": url, "Subscriptions": subscriptions or ["*"]}
    )


@pytest.fixture
async def tenant(iris: Iris) -> AsyncIterator[Tenant]:
    integration_id = await iris.sandbox(iris.gateway_url)
    async with receiving() as receiver:
        response = await set_endpoint(iris, integration_id, receiver.url)
        assert response.status_code == 200, response.text
        yield Tenant(iris, integration_id, receiver, response.json()["payload"]["secret"])


async def test_all_events_of_an_interaction_are_delivered(tenant: Tenant) -> None:
    interaction_id = await tenant.send()
    calls = await tenant.receiver.calls_of(5)
    delivered = sorted((call.verified(tenant.secret) for call in calls), key=steps)
    assert [one["Event"] for one in delivered] == [OUT, STATUS, STATUS, CUSTOM, STATUS]
    assert [one["Payload"]["status"] for one in delivered] == [
        *("VALIDATION_PENDING", "DISPATCH_PENDING", "SENT", "SENT", "COMPLETED"),
    ]
    seen = await tenant.iris.read(interaction_id)
    for position, one in enumerate(delivered):
        assert one.keys() == {"Event", "Created", "Payload"}
        history = seen["auditTrail"]["history"][: position + 1]
        assert one["Payload"]["auditTrail"]["history"] == history
        assert one["Created"] == history[-1]["date"]
        assert one["Payload"].keys() == seen.keys()
    assert len({call.id for call in calls}) == len(calls)


async def test_a_step_that_has_another_result_when_it_is_repeated_is_delivered_as_well(tenant: Tenant) -> None:
    """Its task was lost with the worker after the step was written, and the next task has more information."""
    iris, receiver = tenant.iris, tenant.receiver
    interaction_id = await tenant.send(SILENT)
    await receiver.calls_of(3)
    stored = await Interaction.get(interaction_id)
    assert stored is not None
    state = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="unknown")
    again = RecordStepInput(
        interaction_id=interaction_id,
        integration_id=tenant.integration_id,
        sequence=stored.sequence,
        revision=stored.revision.model_copy(update={"history_length": stored.revision.history_length + 1}),
        state=state,
        updated=utc_now(),
        history_before=2,
        history=[HistoryEntry(date=utc_now(), status=state.status, custom_status=state.custom_status)],
        recorded_before=0,
    )
    begin = partial(notifications.begin, iris.temporal, iris.settings)
    publisher = NotificationPublisher(
        Integrations(timedelta()),
        lambda interaction: InteractionAnswer.of(interaction).on_the_wire(),
        begin,
        LateBegins(begin),
    )
    for _ in range(2):
        await MongoRecord(publisher.publish).record(again)
    delivered = [call.verified(tenant.secret) for call in await receiver.calls_of(4)]
    assert [one["Payload"]["customStatus"] for one in sorted(delivered, key=steps)][2:] == ["queued", "unknown"]
    assert len(await tenant.in_state("DELIVERED", 4)) == 4


async def test_another_secret_does_not_verify(tenant: Tenant) -> None:
    await tenant.send()
    (call, *_) = await tenant.receiver.calls_of(1)
    with pytest.raises(WebhookVerificationError):
        call.verified("whsec_" + "A" * 43 + "=")


async def test_only_subscribed_events_are_delivered(iris: Iris) -> None:
    integration_id = await iris.sandbox(iris.gateway_url)
    async with receiving() as receiver:
        response = await set_endpoint(iris, integration_id, receiver.url, "*", f"-{OUT}", f"-{CUSTOM}")
        assert response.json()["payload"]["events"] == ["INTERACTION_IN_CREATED_EVT", STATUS]
        tenant = Tenant(iris, integration_id, receiver, response.json()["payload"]["secret"])
        await iris.until_status(await tenant.send(), "COMPLETED")
        calls = await receiver.calls_of(3)
        assert {call.verified(tenant.secret)["Event"] for call in calls} == {STATUS}
        assert len(await tenant.in_state("DELIVERED", 3)) == 3


async def test_a_failed_attempt_is_retried_and_both_are_recorded(tenant: Tenant) -> None:
    await set_endpoint(tenant.iris, tenant.integration_id, tenant.receiver.url, OUT)
    tenant.receiver.first = [500]
    await tenant.send()
    first, second = await tenant.receiver.calls_of(2)
    assert (first.id, first.body) == (second.id, second.body)
    (delivered,) = await tenant.in_state("DELIVERED")
    whole = await tenant.notification(delivered["id"])
    assert [(one["number"], one["status"], one["error"]) for one in whole["attempts"]] == [
        (1, 500, "it answered 500"),
        (2, 204, None),
    ]
    dates = [datetime.fromisoformat(one["date"]) for one in whole["attempts"]]
    assert dates[1] - dates[0] >= timedelta(seconds=2)
    assert whole["body"] == second.verified(tenant.secret)
    assert (whole["id"], whole["nextAttempt"], whole["attemptCount"]) == (second.id, None, 2)


async def test_a_redirect_is_not_followed(tenant: Tenant) -> None:
    tenant.receiver.headers, tenant.receiver.status = {"Location": f"{tenant.receiver.url}/elsewhere"}, 307
    await set_endpoint(tenant.iris, tenant.integration_id, tenant.receiver.url, OUT)
    await tenant.send()
    await tenant.receiver.calls_of(1)

    async def has_failed() -> bool:
        return (await tenant.notifications())[0]["lastError"] is not None

    await asyncio.wait_for(until(has_failed), 60)
    (found,) = await tenant.notifications()
    assert found["lastError"] == "it answered 307"


async def test_a_failing_notification_can_be_cancelled_and_redelivered(tenant: Tenant) -> None:
    tenant.receiver.status = 503
    await set_endpoint(tenant.iris, tenant.integration_id, tenant.receiver.url, OUT)
    await tenant.send()
    await tenant.receiver.calls_of(1)
    (pending,) = await tenant.in_state("PENDING")
    path = f"/v1/notifications/{pending['id']}"
    assert reasons(await tenant.iris.http.post(f"{path}/redeliver"), 409) == [("id", "notification_pending")]
    cancelled = await tenant.iris.http.post(f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()["payload"]["state"]) == (200, "CANCELLED")
    assert (await tenant.iris.http.post(f"{path}/cancel")).status_code == 200
    tenant.receiver.status = 200
    assert (await tenant.iris.http.post(f"{path}/redeliver")).json()["payload"]["state"] == "PENDING"
    (delivered,) = await tenant.in_state("DELIVERED")
    attempts = (await tenant.notification(delivered["id"]))["attempts"]
    assert (attempts[-1]["round"], attempts[-1]["number"], attempts[-1]["status"]) == (2, 1, 200)
    assert reasons(await tenant.iris.http.post(f"{path}/cancel"), 409) == [("id", "notification_ended")]


async def test_all_notifications_since_a_time_are_redelivered(tenant: Tenant) -> None:
    await set_endpoint(tenant.iris, tenant.integration_id, tenant.receiver.url, OUT)
    since = utc_now() - timedelta(seconds=1)
    for _ in range(3):
        await tenant.send()
    await tenant.in_state("DELIVERED", 3)
    body, key = {"Since": to_wire(since)}, {"Idempotency-Key": f"redelivery-{tenant.integration_id}"}
    response = await tenant.iris.http.post(f"{tenant.path}/redeliveries", json=body, headers=key)
    assert response.status_code == 201, response.text
    repeated = await tenant.iris.http.post(f"{tenant.path}/redeliveries", json=body, headers=key)
    assert repeated.json()["payload"]["id"] == response.json()["payload"]["id"]
    other = {"Since": to_wire(since - timedelta(hours=1))}
    refused = await tenant.iris.http.post(f"{tenant.path}/redeliveries", json=other, headers=key)
    assert reasons(refused, 422) == [("Idempotency-Key", "idempotency_key_reused")]
    calls = await tenant.receiver.calls_of(6)
    assert len({call.id for call in calls}) == 3
    redelivery_id = response.json()["payload"]["id"]

    async def progress() -> dict[str, Any]:
        return (await tenant.iris.http.get(f"{tenant.path}/redeliveries/{redelivery_id}")).json()["payload"]

    async def is_done() -> bool:
        return (await progress())["isDone"]

    await asyncio.wait_for(until(is_done), 60)
    done = await progress()
    assert (done["examined"], done["started"]) == (3, 3)


async def test_both_secrets_sign_after_a_rotation(tenant: Tenant) -> None:
    rotated = await tenant.iris.http.post(f"{tenant.path}/rotate-secret")
    payload = rotated.json()["payload"]
    assert payload["secret"] not in {None, tenant.secret}
    assert payload["formerSecretUntil"] is not None
    await tenant.send()
    (call, *_) = await tenant.receiver.calls_of(1)
    assert call.verified(payload["secret"]) == call.verified(tenant.secret)


async def test_the_secret_is_shown_once_and_stored_encrypted(tenant: Tenant) -> None:
    read = await tenant.iris.http.get(tenant.path)
    again = await set_endpoint(tenant.iris, tenant.integration_id, tenant.receiver.url)
    assert (read.json()["payload"]["secret"], again.json()["payload"]["secret"]) == (None, None)
    stored = await Integration.get(tenant.integration_id)
    assert stored is not None
    assert tenant.secret not in stored.model_dump_json()


async def test_nothing_is_delivered_after_the_endpoint_is_removed(tenant: Tenant) -> None:
    tenant.receiver.status = 500
    await set_endpoint(tenant.iris, tenant.integration_id, tenant.receiver.url, OUT)
    await tenant.send()
    await tenant.receiver.calls_of(1)
    assert (await tenant.iris.http.delete(tenant.path)).status_code == 200
    assert reasons(await tenant.iris.http.get(tenant.path), 404) == [("webhook", "not_found")]
    assert [one["state"] for one in await tenant.notifications()] == ["CANCELLED"]


async def test_the_vendors_own_call_sets_it(iris: Iris) -> None:
    integration_id = await iris.sandbox(iris.gateway_url)
    body = {"Url": "http://127.0.0.1:9/", "Subscriptions": ["*"]}
    response = await iris.http.post(f"/configuration/integration/{integration_id}/webhook", json=body)
    assert response.status_code == 200, response.text
    assert response.json()["payload"]["url"] == body["Url"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Url": "ftp://example.com", "Subscriptions": ["*"]}, [("Url", "bad_url")]),
        ({"Url": "https://u:p@example.com", "Subscriptions": ["*"]}, [("Url", "bad_url")]),
        ({"Url": "https://[", "Subscriptions": ["*"]}, [("Url", "bad_url")]),
        ({"Url": "http://169.254.169.254/latest", "Subscriptions": ["*"]}, [("Url", "forbidden_address")]),
        ({"Url": "http://127.0.0.1:9", "Subscriptions": ["ALL"]}, [("Subscriptions[0]", "not_allowed")]),
        ({"Url": "http://127.0.0.1:9", "Subscriptions": []}, [("Subscriptions", "subscribes_to_nothing")]),
    ],
)
async def test_an_invalid_endpoint_is_refused(iris: Iris, body: dict[str, Any], expected: list[Any]) -> None:
    path = f"/v1/integrations/{iris.demo.integrations['sms']}/webhook"
    assert reasons(await iris.http.put(path, json=body), 422) == expected


async def test_lists_are_pages_and_each_filter_filters(tenant: Tenant) -> None:
    first, _ = await tenant.send(), await tenant.send()
    everything = await tenant.in_state("DELIVERED", 10)
    assert len(everything) == 10
    page = await tenant.iris.http.get("/v1/notifications", params={"integrationId": tenant.integration_id, "limit": 6})
    cursor = page.json()["payload"]["nextCursor"]
    rest = await tenant.notifications(limit=6, cursor=cursor)
    assert [one["id"] for one in [*page.json()["payload"]["items"], *rest]] == [one["id"] for one in everything]
    assert len(await tenant.notifications(interactionId=first)) == 5
    assert {one["event"] for one in await tenant.notifications(event=OUT)} == {OUT}
    host = tenant.receiver.url.removeprefix("http://")
    assert len(await tenant.notifications(host=host)) == 10
    middle = everything[4]["created"]
    later = await tenant.notifications(since=middle)
    earlier = await tenant.notifications(until=middle)
    assert len(later) + len(earlier) == 10
    assert min(one["created"] for one in later) >= middle > max(one["created"] for one in earlier)


async def test_an_integration_without_an_endpoint_has_no_notifications(iris: Iris) -> None:
    sent = await sent_silently(iris)
    assert await Notification.find({"interaction_id": sent.id}).count() == 0


async def test_a_key_without_interactions_read_sees_notifications_without_their_bodies(tenant: Tenant) -> None:
    await tenant.send()
    (delivered, *_) = await tenant.in_state("DELIVERED")
    path = f"/v1/notifications/{delivered['id']}"
    async with limited(tenant.iris, "webhooks:read", "webhooks:write") as keeper:
        listed = (await keeper.get("/v1/notifications", params={"interactionId": delivered["interactionId"]})).text
        shown = await keeper.get(path)
        assert shown.json()["payload"]["attempts"]
        assert shown.json()["payload"]["body"] is None
        again = await keeper.post(f"{path}/redeliver")
        assert again.json()["payload"]["body"] is None
        for answer in (listed, shown.text, again.text):
            assert "Su cita es" not in answer
        body = {"Url": tenant.receiver.url, "Subscriptions": ["*"]}
        assert reasons(await keeper.put(tenant.path, json=body), 403) == [("Url", "more_than_own")]
    async with limited(tenant.iris, "webhooks:read", "interactions:read") as reader:
        body = (await reader.get(path)).json()["payload"]["body"]
        assert body["Payload"]["payload"]["Text"].startswith("Su cita es")


@asynccontextmanager
async def limited(iris: Iris, *scopes: str) -> AsyncGenerator[httpx2.AsyncClient]:
    """Open a client whose key has only these scopes."""
    response = await iris.http.post("/v1/api-keys", json={"name": "limited", "scopes": scopes})
    async with calling(str(iris.http.base_url), response.json()["payload"]["key"]) as http:
        yield http


async def test_notifications_of_an_erased_users_interactions_do_not_name_it(tenant: Tenant) -> None:
    number = mobile()
    interaction_id = await tenant.send(number)
    delivered = await tenant.receiver.calls_of(5)
    tenant.receiver.status = 503
    pending = await tenant.send(number)
    await tenant.receiver.until(lambda calls: len(calls) > len(delivered))
    user = (await tenant.iris.read(interaction_id))["users"][0]["id"]
    assert all(number in one.body for one in await bodies(interaction_id, pending))
    await erase(tenant.iris, user)
    stored = await bodies(interaction_id, pending)
    assert [one.id for one in stored if number in one.body or "Su cita" in one.body] == []
    before = {call.id: call.verified(tenant.secret) for call in delivered}
    for one in stored:
        if one.interaction_id == interaction_id:
            body = json.loads(one.body)
            assert [body[name] for name in ("Event", "Created")] == [
                before[one.id][name] for name in ("Event", "Created")
            ]
            assert body["Payload"]["status"] == before[one.id]["Payload"]["status"]
            assert steps(body) == steps(before[one.id])


async def bodies(*interaction_ids: str) -> list[Notification]:
    return await Notification.find({"interaction_id": {"$in": interaction_ids}}).to_list()
