"""Webhooks: only a provider's valid signature is accepted, and no event is lost."""

from typing import Any

import httpx2
import pytest
from cryptography.fernet import Fernet

from domain.identifiers import new_id
from embedded.demo import Demo
from models.integration import Integration
from models.unmatched import UnmatchedEvent
from providers.sandbox import Sandbox
from security.credential_encryption import Vault
from tests.api.support import (
    ABSENT_ID,
    SIGNING_SECRET,
    Callback,
    post_callback,
    post_webhook,
    reasons,
    sent_silently,
    signature,
)
from tests.iris import Iris


async def unmatched(integration_id: str, **criteria: Any) -> list[UnmatchedEvent]:  # noqa: ANN401 - a query's values
    return await UnmatchedEvent.find({"integration_id": integration_id, **criteria}).to_list()


async def test_a_webhook_that_is_not_signed_as_agreed_changes_nothing(iris: Iris) -> None:
    sent = await sent_silently(iris)
    body = sent.callback("delivered").body()
    before = await iris.read(sent.id)
    right = signature(body)
    forged = {
        "unsigned": {},
        "no signature": {"X-Sandbox-Timestamp": right["X-Sandbox-Timestamp"]},
        "no time": {"X-Sandbox-Signature": right["X-Sandbox-Signature"]},
        "another body's": signature(sent.callback("read").body()),
        "another secret's": signature(body, secret=SIGNING_SECRET + "x"),
        "no secret's": signature(body, secret=""),
        "stale": signature(body, age=301),
        "of the future": signature(body, age=-310),
        "another time": right | {"X-Sandbox-Timestamp": str(int(right["X-Sandbox-Timestamp"]) + 1)},
        "time that is none": signature(body, timestamp="yesterday"),
        "another version": {**right, "X-Sandbox-Signature": right["X-Sandbox-Signature"].replace("v1", "v0")},
        "cut": {**right, "X-Sandbox-Signature": right["X-Sandbox-Signature"][:-1]},
        "API key": {"Authorization": f"Bearer {iris.demo.api_key}"},
    }
    for name, headers in forged.items():
        response = await post_webhook(iris, sent.integration_id, body, headers)
        assert (name, reasons(response, 401)) == (name, [("", "unverified")])
    assert await iris.read(sent.id) == before


async def test_a_tampered_body_changes_nothing(iris: Iris) -> None:
    sent = await sent_silently(iris)
    body = sent.callback("delivered").body()
    response = await post_webhook(iris, sent.integration_id, body.replace(b"delivered", b"read"), signature(body))
    assert reasons(response, 401) == [("", "unverified")]
    assert (await iris.read(sent.id))["auditTrail"]["providerEvents"] == []


async def test_a_signature_within_its_window_is_believed(iris: Iris) -> None:
    sent = await sent_silently(iris)
    body = sent.callback("delivered").body()
    response = await post_webhook(iris, sent.integration_id, body, signature(body, age=240))
    assert (response.status_code, response.content) == (200, b"")
    await iris.until_status(sent.id, "COMPLETED", "delivered")


@pytest.mark.parametrize("provider", ["twilio", "sandbox2", "nobody", "%00"])
async def test_an_integrations_webhook_is_only_its_own_providers(iris: Iris, provider: str) -> None:
    response = await iris.http.post(f"/webhooks/{provider}/{iris.demo.integrations['sms']}", content=b"{}")
    assert reasons(response, 404) == [("", "not_found")]


@pytest.mark.parametrize("integration_id", [ABSENT_ID, "nope", "%00", "$ne", "x" * 2_000])
async def test_an_integration_that_does_not_exist_has_no_webhook(iris: Iris, integration_id: str) -> None:
    body = Callback("sbx_1", "delivered").body()
    assert reasons(await post_webhook(iris, integration_id, body, signature(body)), 404) == [("", "not_found")]


async def test_a_webhook_that_is_too_large_is_refused(iris: Iris) -> None:
    body = b" " * (Sandbox.max_webhook_bytes + 1)
    response = await post_webhook(iris, iris.demo.integrations["sms"], body, signature(body))
    assert reasons(response, 413) == [("", "body_too_large")]


@pytest.mark.parametrize(
    "garbage",
    ["{} of %s", '"%s"', '{"id": 5, "marker": "%s"}', '{"status": "delivered", "marker": "%s"}', "\udcff\x00%s", "[%s"],
)
async def test_verified_garbage_is_accepted_and_stored(iris: Iris, garbage: str) -> None:
    integration_id, marker = iris.demo.integrations["sms"], new_id()
    body = (garbage % marker).encode("utf-8", "surrogateescape")
    response = await post_webhook(iris, integration_id, body, signature(body))
    assert (response.status_code, response.content) == (200, b"")
    [event] = await unmatched(integration_id, body={"$regex": marker})
    assert event.tenant == iris.demo.tenant
    assert event.reason.startswith("unreadable")
    assert event.event is None


@pytest.mark.parametrize("reference", [None, ABSENT_ID, "nope", "", "$ne"])
async def test_unmatched_events_are_accepted_and_stored(iris: Iris, reference: str | None) -> None:
    integration_id, message_id = iris.demo.integrations["sms"], f"sbx_{new_id()}"
    await post_callback(iris, integration_id, Callback(message_id, "delivered", reference))
    [event] = await unmatched(integration_id, **{"event.provider_message_id": message_id})
    assert event.event is not None
    assert (event.event.provider_status, event.event.reference, event.body) == ("delivered", reference or None, None)


async def test_a_repeated_unmatched_event_is_stored_once(iris: Iris) -> None:
    integration_id, message_id, marker = iris.demo.integrations["sms"], f"sbx_{new_id()}", new_id()
    garbage = marker.encode()
    for _ in range(3):
        await post_callback(iris, integration_id, Callback(message_id, "delivered"))
        assert (await post_webhook(iris, integration_id, garbage, signature(garbage))).status_code == 200
    assert len(await unmatched(integration_id, **{"event.provider_message_id": message_id})) == 1
    assert len(await unmatched(integration_id, body=marker)) == 1


async def test_another_integrations_webhook_cannot_touch_an_interaction(iris: Iris, other_tenant: Demo) -> None:
    sent = await sent_silently(iris)
    before = await iris.read(sent.id)
    others = [iris.demo.integrations["whatsapp"], other_tenant.integrations["sms"]]
    for other in others:
        await post_callback(iris, other, sent.callback("delivered"))
        await post_callback(iris, other, Callback(sent.message_id, "failed"))
        assert len(await unmatched(other, **{"event.provider_message_id": sent.message_id})) == 2
    # Events are applied in their order, so that the others would precede its own.
    await post_callback(iris, sent.integration_id, sent.callback("sent"))
    seen = await iris.until_status(sent.id, "SENT", "sent")
    events = [len(one["auditTrail"]["providerEvents"]) for one in (before, seen)]
    assert events[1] == events[0] + 1


async def test_an_unmatched_event_of_another_tenant_is_stored_as_that_tenants(iris: Iris, other_tenant: Demo) -> None:
    sent = await sent_silently(iris)
    await post_callback(iris, other_tenant.integrations["sms"], sent.callback("delivered"))
    [event] = await unmatched(other_tenant.integrations["sms"], **{"event.reference": sent.id})
    assert event.tenant == "other"


async def test_a_webhook_needs_no_key_of_ours_and_a_wrong_one_does_not_matter(iris: Iris) -> None:
    sent = await sent_silently(iris)
    body = sent.callback("delivered").body()
    headers = signature(body) | {"Authorization": "Bearer iris_wrong"}
    response: httpx2.Response = await post_webhook(iris, sent.integration_id, body, headers)
    assert response.status_code == 200


async def test_a_webhook_of_an_integration_that_this_process_cannot_open_is_asked_for_again(iris: Iris) -> None:
    """A missing key is an internal fault: the provider retries after a 503."""
    integration_id = await iris.sandbox(iris.gateway_url)
    foreign = Vault([Fernet.generate_key().decode()]).encrypt({"token": "a", "signingSecret": "b"})
    await Integration.collection().update_one({"_id": integration_id}, {"$set": {"credentials": foreign}})
    response = await iris.http.post(f"/webhooks/sandbox/{integration_id}", content=b"{}")
    assert (response.status_code, "Retry-After" in response.headers) == (503, True)
