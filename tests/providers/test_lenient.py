"""A malformed optional field costs no event, and a malformed item of a batch costs no other, at every provider."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import pytest
from pydantic import JsonValue

from domain.events import InboundMessage, ProviderEvent, UnreadableItem, WebhookItem
from providers.base import AnyProvider, UnreadableError, Webhook
from providers.lenient import read_document
from tests.providers.arbitrary import places
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.meta import PAGE_ID, PHONE_NUMBER_ID
from tests.providers.fake_providers.meta import reader as meta_reader
from tests.providers.sandbox.sends import offline
from tests.providers.sandbox.test_sandbox_webhooks import CALLBACK, INBOUND
from tests.providers.sinch.recordings import READER as SINCH_READER
from tests.providers.sinch.recordings import inbound as sinch_inbound
from tests.providers.twilio.recordings import reader as twilio_reader
from tests.providers.twilio.recordings import webhook as twilio_webhook
from tests.providers.vonage.test_webhooks import BODIES as VONAGE_BODIES
from tests.providers.vonage.test_webhooks import reader as vonage_reader

RECORDED: Final = Path(__file__).parent / "recorded"
URL: Final = "https://iris.example/webhooks/x/685bc5d05a72ed2a5f8d0e42"

OTHERWISE: Final[Sequence[JsonValue]] = (None, 7, 7.5, True, "x", "", [], {}, [7], {"x": 7}, "\x00", 10**30)
"""Replacements of a value."""

GARBAGE: Final[Sequence[JsonValue]] = (7, "x", [], {}, {"id": None, "sender": {}})
"""Replacements of an item of a batch."""

Essence = tuple[str, str | None, str]


def essences(items: Sequence[WebhookItem]) -> set[Essence]:
    """Essence of each event: the status of which message, or the sender of which message."""
    return {
        ("status", one.provider_message_id, one.provider_status)
        if isinstance(one, ProviderEvent)
        else ("inbound", one.provider_message_id.partition(":")[0].partition("#")[0], one.sender)
        for one in items
        if isinstance(one, ProviderEvent | InboundMessage)
    }


def recording(name: str) -> Any:  # noqa: ANN401 - whatever JSON was recorded
    return json.loads((RECORDED / f"{name}.json").read_bytes())


def read(provider: AnyProvider, content: JsonValue) -> Sequence[WebhookItem]:
    return provider.parse(Webhook(URL, {}, json.dumps(content).encode(), NOW))


def _meta(kind: str) -> list[JsonValue]:
    return [
        recording(f"meta/webhooks/{path.stem}") for path in sorted((RECORDED / "meta/webhooks").glob(f"{kind}_*.json"))
    ]


_SINCH_REPORTS: Final = ("queued", "delivered", "read", "failed", "timed_out", "switching_channel")

SPEAKERS: Final[Mapping[str, tuple[Callable[[], AnyProvider], Sequence[JsonValue]]]] = {
    "whatsapp": (lambda: meta_reader(PHONE_NUMBER_ID), _meta("whatsapp")),
    "messenger": (lambda: meta_reader(PAGE_ID), _meta("messenger")),
    "vonage": (vonage_reader, VONAGE_BODIES),
    "sinch": (
        lambda: SINCH_READER,
        [
            *(recording(f"sinch/{name}") for name in _SINCH_REPORTS),
            *(
                sinch_inbound(recording(f"sinch/inbound/{path.stem}"))
                for path in (RECORDED / "sinch/inbound").iterdir()
            ),
        ],
    ),
    "sandbox": (offline, [{**CALLBACK, "error": {"code": "a", "message": "b"}}, {"inbound": {**INBOUND}}]),
}

ESSENTIAL: Final[Mapping[str, frozenset[str]]] = {
    speaker: frozenset(names.split())
    for speaker, names in {
        "whatsapp": "object entry changes field value metadata phone_number_id statuses messages user_preferences "
        "id status from from_user_id wa_id user_id",
        "messenger": "object entry id messaging sender message mid is_echo metadata postback reaction delivery mids "
        "read watermark payload title",
        "vonage": "message_uuid status from channel",
        "sinch": "message_delivery_report message_id status message id channel_identity channel identity",
        "sandbox": "id status inbound channel from",
    }.items()
}
"""Names that identify an event, and those of their containers."""


def mutations(content: JsonValue, essential: frozenset[str]) -> Iterator[tuple[object, JsonValue]]:
    """Content with each value that is not essential replaced or omitted; the positions of lists are essential.

    Each is the same object, changed only for one iteration, because copying takes longer than parsing.
    """
    changed = copy.deepcopy(content)
    for container, key in list(places(changed)):
        if not isinstance(key, str) or key in essential:
            continue
        kept = container[key]
        for value in OTHERWISE:
            container[key] = value
            yield (key, value), changed
        del container[key]
        yield key, changed
        container[key] = kept
    assert changed == content


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_a_malformed_optional_field_costs_no_event(speaker: str) -> None:
    opened, contents = SPEAKERS[speaker]
    provider = opened()
    lost: list[object] = []
    for content in contents:
        expected = essences(read(provider, content))
        for what, changed in mutations(content, ESSENTIAL[speaker]):
            try:
                found = essences(read(provider, changed))
            except UnreadableError as error:
                lost.append((what, str(error)))
                continue
            if not expected <= found:
                lost.append((what, expected - found))
    assert not lost, lost[:5]


def test_a_parameter_of_twilio_of_another_form_costs_no_event() -> None:
    essential = {"MessageSid", "MessageStatus", "SmsStatus", "From", "NumMedia"}
    recorded = (path for path in (RECORDED / "twilio").glob("*.txt") if b"MessageSid" in path.read_bytes())
    for path in recorded:
        pairs = parse_qsl(path.read_text(), keep_blank_values=True)
        expected = essences(twilio_reader().parse(twilio_webhook(path.read_bytes())))
        assert expected
        for place, (name, _) in enumerate(pairs):
            if name in essential:
                continue
            for value in (b"", b"x", b"7", b"%E1", b"\xe1", b"%00", b"a%ED%A0%BD"):
                rest = urlencode([*pairs[:place], *pairs[place + 1 :]]).encode()
                for body in (rest, rest + b"&" + name.encode() + b"=" + value):
                    assert essences(twilio_reader().parse(twilio_webhook(body))) == expected, (path.name, name, value)


def whatsapp_batch() -> dict[str, Any]:
    """All recordings of WhatsApp in one webhook."""
    webhooks: list[Any] = _meta("whatsapp")
    return {"object": "whatsapp_business_account", "entry": [entry for one in webhooks for entry in one["entry"]]}


def messenger_batch() -> dict[str, Any]:
    """All recordings of Messenger in one webhook."""
    webhooks: list[Any] = _meta("messenger")
    return {"object": "page", "entry": [entry for one in webhooks for entry in one["entry"]]}


BATCHES: Final = {
    "whatsapp": (lambda: meta_reader(PHONE_NUMBER_ID), whatsapp_batch, ("entry", "changes", "statuses", "messages")),
    "messenger": (lambda: meta_reader(PAGE_ID), messenger_batch, ("entry", "messaging")),
}


def items(content: object, lists: Sequence[str]) -> Iterator[tuple[list[Any], int]]:
    """Every item of the lists with these names: its list, and its position there."""
    for container, key in places(content):
        if key in lists and isinstance(container[key], list):
            for position in range(len(container[key])):
                yield container[key], position


@pytest.mark.parametrize("kind", BATCHES)
def test_an_item_that_cannot_be_read_costs_no_other_and_is_kept(kind: str) -> None:
    opened, batch, lists = BATCHES[kind]
    provider, content = opened(), batch()
    every_item = list(items(content, lists))
    for siblings, position in every_item:
        kept = siblings.pop(position)
        expected = list(read(provider, content))
        siblings.insert(position, kept)
        for garbage in GARBAGE:
            siblings[position] = garbage
            received = read(provider, content)
            assert [one for one in received if not isinstance(one, UnreadableItem)] == expected, garbage
            assert len([one for one in received if isinstance(one, UnreadableItem)]) <= 1, garbage
        siblings[position] = kept
    assert content == batch()
    assert len(every_item) > 10


def test_an_unreadable_item_is_stored_with_a_reason_without_its_values() -> None:
    content = whatsapp_batch()
    statuses, position = next(items(content, ("statuses",)))
    statuses[position] = {"id": "", "status": "delivered", "secret": "hola"}
    (kept,) = [one for one in read(meta_reader(PHONE_NUMBER_ID), content) if isinstance(one, UnreadableItem)]
    assert json.loads(kept.content) == statuses[position]
    assert "id" in kept.reason
    assert "hola" not in kept.reason


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"a": "\\ud83d"}', {"a": "\ufffd"}),
        (b'{"a": "x\\ud83d\\ude00"}', {"a": "x😀"}),
        (b'{"a\\udc00": ["\\udc00b"]}', {"a\ufffd": ["\ufffdb"]}),
        (b'{"a": "ma\xf1ana"}', {"a": "ma\ufffdana"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": None}),
        (b'{"a": "x\\u0000y"}', {"a": "x\x00y"}),
    ],
)
def test_texts_that_cannot_be_stored_cost_only_their_character(body: bytes, document: JsonValue) -> None:
    assert read_document(body) == document


@pytest.mark.parametrize("body", [b"", b"{", b"hola", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 9_000 + b"}"])
def test_invalid_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_document(body)


def test_a_lone_surrogate_does_not_change_the_events() -> None:
    webhook = Webhook(URL, {}, json.dumps(recording("meta/webhooks/whatsapp_inbound_text")).encode(), NOW)
    spoilt = replace(webhook, body=webhook.body.replace(b'"hola"', b'"hola \\ud83d"'))
    (message,) = meta_reader(PHONE_NUMBER_ID).parse(spoilt)
    assert isinstance(message, InboundMessage)
    assert message.payload == {"Type": "simple-text", "Text": "hola \ufffd"}
