"""Webhooks of the sandbox: callbacks about sent messages, and inbound messages."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.destinations import DestinationKind, normalise
from domain.events import InboundMessage, ProviderEvent
from domain.identifiers import new_id
from domain.outcomes import FailureClass
from domain.status import Milestone
from embedded.gateway import create_gateway, running
from providers.base import UnreadableError, UnverifiedError, Webhook
from providers.sandbox import Sandbox
from tests.embedded.gateway.caller import SECRET, TOKEN, settings
from tests.embedded.gateway.receiver import Receiver
from tests.plain_http import plain_client
from tests.providers.sandbox.sends import accepted, offline, opened, to_phone

NOW: Final = datetime(2026, 7, 21, 10, 30, tzinfo=UTC)
CALLBACK: Final[Mapping[str, JsonValue]] = {
    "id": "sbx_1",
    "reference": "685bc5d05a72ed2a5f8d0e41",
    "channel": "WhatsApp",
    "to": ["34638766068"],
    "status": "delivered",
    "timestamp": "2026-07-21T10:29:59.246Z",
    "sequence": 2,
}
INBOUND: Final[Mapping[str, JsonValue]] = {
    "id": "sbx_in_1",
    "channel": "WhatsApp",
    "from": "+34 638 766 068",
    "to": "34600000000",
    "name": "Ana",
    "payload": {"Type": "simple-text", "Text": "hola"},
    "inReplyTo": "sbx_1",
    "timestamp": "2026-07-21T10:29:59.246Z",
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
near_callbacks = st.dictionaries(st.sampled_from([*CALLBACK, "error"]), json_values).map(
    lambda changes: {**CALLBACK, **changes}
)
near_inbound = st.dictionaries(st.sampled_from([*INBOUND]), json_values).map(
    lambda changes: {"inbound": {**INBOUND, **changes}}
)


def callback(body: bytes) -> Webhook:
    timestamp = str(int(NOW.timestamp()))
    signature = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-sandbox-timestamp": timestamp, "x-sandbox-signature": f"v1={signature}"}
    return Webhook("https://iris.example/webhooks/sandbox/1", headers, body, received_at=NOW)


def status_callback(**changes: JsonValue) -> Webhook:
    return callback(json.dumps({**CALLBACK, **changes}).encode())


def events_in(webhook: Webhook) -> ProviderEvent:
    (item,) = offline().parse(webhook)
    assert isinstance(item, ProviderEvent)
    return item


def writing(**changes: JsonValue) -> Webhook:
    return callback(json.dumps({"inbound": {**INBOUND, **changes}}).encode())


def written_in(webhook: Webhook) -> InboundMessage:
    (item,) = offline().parse(webhook)
    assert isinstance(item, InboundMessage)
    return item


@pytest.fixture(scope="module")
async def gateway_url() -> AsyncIterator[str]:
    async with running(create_gateway(settings())) as url:
        yield url


@pytest.fixture
def sandbox(http: httpx2.AsyncClient, gateway_url: str) -> Sandbox:
    return opened(http, gateway_url)


async def test_a_callback_of_the_gateway_is_verified_and_parsed(sandbox: Sandbox) -> None:
    async with Receiver().listening() as receiver:
        outbound = to_phone("04", callback_url=receiver.url)
        outcome = accepted(await sandbox.send(outbound))
        received = await receiver.wait_for(outbound.reference, 2)
    webhooks = [Webhook(receiver.url, each.headers, each.body, datetime.now(UTC)) for each in received]
    for webhook in webhooks:
        sandbox.verify(webhook)
    sent, failed = (events_in(webhook) for webhook in webhooks)
    assert (sent.milestone, failed.milestone) == (Milestone.SENT, Milestone.FAILED)
    assert (failed.reference, failed.provider_message_id) == (outbound.reference, outcome.provider_message_id)
    assert (failed.code, failed.failure) == ("recipient_unreachable", FailureClass.DESTINATION)
    assert failed.occurred_at is not None


def test_a_signed_callback_is_believed() -> None:
    offline().verify(status_callback())


def without(header: str) -> Webhook:
    webhook = status_callback()
    return replace(webhook, headers={name: value for name, value in webhook.headers.items() if name != header})


def having(header: str, value: str) -> Webhook:
    webhook = status_callback()
    return replace(webhook, headers={**webhook.headers, header: value})


@pytest.mark.parametrize(
    "webhook",
    [
        without("x-sandbox-timestamp"),
        without("x-sandbox-signature"),
        having("x-sandbox-timestamp", "now"),
        having("x-sandbox-timestamp", "9" * 400),
        having("x-sandbox-timestamp", str(int(NOW.timestamp()) + 1)),
        having("x-sandbox-signature", ""),
        having("x-sandbox-signature", "v1="),
        having("x-sandbox-signature", "v1=ñ\udcff"),
        replace(status_callback(), body=status_callback().body + b" "),
        replace(status_callback(), received_at=NOW + timedelta(minutes=5, seconds=1)),
        replace(status_callback(), received_at=NOW - timedelta(minutes=5, seconds=1)),
    ],
)
def test_a_callback_that_is_not_signed_lately_is_not_believed(webhook: Webhook) -> None:
    with pytest.raises(UnverifiedError):
        offline().verify(webhook)


def test_without_a_secret_nothing_is_believed() -> None:
    signed = str(int(NOW.timestamp())).encode() + b"." + status_callback().body
    forged = having("x-sandbox-signature", "v1=" + hmac.new(b"", signed, hashlib.sha256).hexdigest())
    with pytest.raises(UnverifiedError):
        offline(signingSecret="").verify(forged)


@pytest.mark.parametrize(
    ("word", "milestone"),
    [
        ("queued", Milestone.ACCEPTED),
        ("sent", Milestone.SENT),
        ("failed", Milestone.FAILED),
        ("delivered", Milestone.DELIVERED),
        ("read", Milestone.READ),
        ("teleported", Milestone.NONE),
    ],
)
def test_a_status_is_stored_in_lower_case_beside_its_milestone(word: str, milestone: Milestone) -> None:
    event = events_in(status_callback(status=word.upper()))
    assert (event.provider_status, event.milestone) == (word, milestone)


def test_the_same_event_has_the_same_key_and_another_event_another() -> None:
    def key(**changes: JsonValue) -> str:
        return events_in(status_callback(**changes)).key

    assert key() == key(sequence=7, timestamp=None)
    assert len({key(), key(status="read"), key(id="sbx_2")}) == 3


def test_an_event_of_several_recipients_is_about_none_of_them() -> None:
    assert events_in(status_callback()).destination == "34638766068"
    assert events_in(status_callback(to=["a@example.org", "b@example.org"])).destination is None


@pytest.mark.parametrize("timestamp", ["yesterday", "", 12, None, {}, "0001-01-01T00:00:00+23:59"])
def test_an_event_counts_even_if_its_time_is_unreadable(timestamp: JsonValue) -> None:
    assert events_in(status_callback(timestamp=timestamp)).occurred_at is None
    assert written_in(writing(timestamp=timestamp)).occurred_at is None


def test_the_time_of_an_event_is_in_utc() -> None:
    for text in ("2026-07-21T10:30:00Z", "2026-07-21T12:30:00+02:00", "2026-07-21T10:30:00"):
        assert events_in(status_callback(timestamp=text)).occurred_at == NOW


def test_an_inbound_message_has_a_normalised_sender() -> None:
    assert written_in(writing()) == InboundMessage(
        provider_message_id="sbx_in_1",
        sender="34638766068",
        sender_kind=DestinationKind.PHONE_NUMBER,
        sender_name="Ana",
        payload={"Type": "simple-text", "Text": "hola"},
        in_reply_to="sbx_1",
        occurred_at=NOW - timedelta(seconds=1) + timedelta(milliseconds=246),
    )


@pytest.mark.parametrize(
    ("channel", "sender", "kind", "normal"),
    [
        ("SMS", "0034638766068", DestinationKind.PHONE_NUMBER, "34638766068"),
        ("WhatsApp", "ES.1234567890", DestinationKind.BUSINESS_SCOPED_ID, "ES.1234567890"),
        ("RCS", "+34638766068", DestinationKind.PHONE_NUMBER, "34638766068"),
        ("Email", "Ana@Example.ORG", DestinationKind.EMAIL, "Ana@example.org"),
        ("FacebookMessenger", " 1000000000000002 ", DestinationKind.PAGE_SCOPED_ID, "1000000000000002"),
    ],
)
def test_a_sender_is_what_an_answer_on_the_channel_would_be_sent_to(
    channel: str, sender: str, kind: DestinationKind, normal: str
) -> None:
    message = written_in(writing(**{"channel": channel, "from": sender}))
    assert (message.sender_kind, message.sender) == (kind, normal)


async def test_an_inbound_message_of_the_gateway_is_verified_and_parsed(sandbox: Sandbox, gateway_url: str) -> None:
    async with Receiver().listening() as receiver, plain_client() as client:
        message_id = new_id()
        message = {**INBOUND, "id": message_id, "callbackUrl": receiver.url}
        del message["timestamp"]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = await client.post(f"{gateway_url}/v1/inbound", json=message, headers=headers)
        assert answer.status_code == 201, answer.text
        (received,) = await receiver.wait_for(message_id, 1)
    webhook = Webhook(receiver.url, received.headers, received.body, datetime.now(UTC))
    sandbox.verify(webhook)
    (read,) = sandbox.parse(webhook)
    assert isinstance(read, InboundMessage)
    assert read == written_in(writing(id=message_id)).model_copy(update={"occurred_at": read.occurred_at})


def read_or_refuse(body: bytes) -> None:
    try:
        (item,) = offline().parse(callback(body))
    except UnreadableError:
        return
    assert (item,) == offline().parse(callback(body))
    if isinstance(item, ProviderEvent):
        assert item.provider_status == item.provider_status.lower()
    elif isinstance(item, InboundMessage):
        assert normalise(item.sender_kind, item.sender) == item.sender
        json.dumps(item.payload, allow_nan=False)


@given(st.binary())
def test_any_bytes_are_read_or_unreadable(body: bytes) -> None:
    read_or_refuse(body)


@given(json_values | near_callbacks | near_inbound)
def test_any_json_is_read_or_unreadable(value: JsonValue) -> None:
    read_or_refuse(json.dumps(value).encode())


UNSUPPORTED: Final = {"Type": "unsupported", "Kind": "message"}


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        (writing(payload={}).body, UNSUPPORTED),
        (writing(payload="hola").body, UNSUPPORTED),
        (writing(payload=None).body, UNSUPPORTED),
        (writing(payload={"Text": None}).body, UNSUPPORTED),
        (writing(payload={"Type": "a", "Text": {"nested": True}}).body, {"Type": "a"}),
        (writing(payload={"Type": "a", "Te\0xt": "hola"}).body, {"Type": "a"}),
        (writing(payload={"Type": "a", "Latitude": float("inf")}).body, {"Type": "a"}),
        (writing(payload={"Type": "a", "Text": "#"}).body.replace(b'"#"', b"1e999"), {"Type": "a"}),
        (writing(payload={"Type": "a", "Text": "#"}).body.replace(b'"#"', b"9" * 4_000), {"Type": "a"}),
        (writing(payload={"Type": "a", "Text": "#"}).body.replace(b"#", b"\\ud800"), {"Type": "a", "Text": "\ufffd"}),
        (writing(payload={"Type": "a", "Text": "a\0b"}, name=7, inReplyTo=[]).body, {"Type": "a", "Text": "a\0b"}),
    ],
)
def test_undocumented_content_is_still_a_message(said: bytes, payload: dict[str, JsonValue]) -> None:
    assert written_in(callback(said)).payload == payload


@pytest.mark.parametrize(
    ("changes", "destination"),
    [({"to": "34638766068", "error": "x", "reference": 7}, "34638766068"), ({"to": None, "error": None}, None)],
)
def test_a_malformed_optional_field_costs_no_event(changes: dict[str, JsonValue], destination: str | None) -> None:
    event = events_in(status_callback(**changes))
    assert (event.milestone, event.destination) == (Milestone.DELIVERED, destination)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps({**CALLBACK, "status": 7}).encode(),
        json.dumps({**CALLBACK, "status": ""}).encode(),
        b'{"inbound": {}}',
        writing(channel="Telegram").body,
        writing(**{"from": "nobody"}).body,
        writing(**{"from": ""}).body,
        writing(id="").body,
    ],
)
def test_another_body_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        offline().parse(callback(body))
