"""The cases of `tests/providers/cases`, each run in its way."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from pydantic import JsonValue

from domain.channels import Channel
from domain.events import InboundMessage, ProviderEvent, WebhookItem
from domain.payloads import InvalidPayloadError, parse_payload
from domain.segments import segments
from domain.status import Milestone
from providers.base import AnyProvider, TransientError, Webhook
from tests.plain_http import plain_client
from tests.providers.cases import CASES, Case, every_case
from tests.providers.fake_provider import NOW, REFERENCE
from tests.providers.fake_providers.meta import reader as meta_reader
from tests.providers.fake_providers.twilio import FORM
from tests.providers.fake_providers.vonage import VonageSms
from tests.providers.loopback import json_answer
from tests.providers.sinch.recordings import READER as SINCH_READER
from tests.providers.twilio.recordings import reader as twilio_reader
from tests.providers.vonage.test_webhooks import reader as vonage_reader

SENDER_ID: Final = "200000000000002"
"""Phone number, or page, of the cases of Meta."""

READERS: Final[Mapping[str, Callable[[], AnyProvider]]] = {
    "meta": lambda: meta_reader(SENDER_ID),
    "sinch": lambda: SINCH_READER,
    "twilio": twilio_reader,
    "vonage": vonage_reader,
}

NAMES: Final[Mapping[str, str]] = {"id": "provider_message_id", "group": "group_id"}
"""Fields of events that have other names in the cases."""


def webhook_of(case: Case) -> Webhook:
    """Webhook of a case, as it comes to the integration."""
    url = f"https://iris.example/webhooks/{case.provider}/685bc5d05a72ed2a5f8d0e42"
    body = case.body if isinstance(case.body, str) else json.dumps(case.body)
    if case.provider == "twilio":
        return Webhook(f"{url}?reference={REFERENCE}", {"content-type": FORM}, body.encode(), NOW)
    return Webhook(url, {"content-type": "application/json"}, body.encode(), NOW)


def is_like(item: WebhookItem, expected: Mapping[str, Any]) -> bool:
    """Whether an item matches a case's expectation."""
    if not isinstance(item, {"status": ProviderEvent, "inbound": InboundMessage}[expected["event"]]):
        return False
    content = item.model_dump(mode="json")
    return all(_says(content, name, value) for name, value in expected.items() if name != "event")


def _says(content: Mapping[str, JsonValue], name: str, value: JsonValue) -> bool:
    if name == "mentions":
        return str(value) in json.dumps(content["payload"], ensure_ascii=False)
    if name == "milestone":
        return content[name] == Milestone[str(value)]
    found = content[NAMES.get(name, name)]
    if isinstance(found, dict) and isinstance(value, dict):
        return found | value == found
    return found == value


FOUND_OUTSIDE: Final = (Path(__file__).parent / "cases" / "found_outside.tsv").read_text().splitlines()
"""Provider, kind and name of every case that was found by testing from outside (30 Nov 2026)."""


def test_no_case_that_was_found_outside_is_missing() -> None:
    here = {f"{case.provider}\t{case.how}\t{case.name}" for case in CASES}
    assert len(FOUND_OUTSIDE) == 69
    assert not [line for line in FOUND_OUTSIDE if line not in here]


class TestWebhooks:
    @every_case("parse")
    def test_each_webhook_gives_the_expected_items(self, case: Case) -> None:
        items = READERS[case.provider]().parse(webhook_of(case))
        events: Sequence[Any] | None = case.expected.get("events")
        if events is not None:
            assert len(items) == len(events), items
            assert all(is_like(one, expected) for one, expected in zip(items, events, strict=True)), items
        for expected in case.expected.get("contains", []):
            assert any(is_like(one, expected) for one in items), items


@pytest.fixture
async def vonage() -> AsyncIterator[VonageSms]:
    async with VonageSms() as fake_provider:
        yield fake_provider


class TestAnswers:
    @every_case("answer", "vonage")
    async def test_each_answer_gives_the_expected_outcome(self, vonage: VonageSms, case: Case) -> None:
        vonage.answer_always(json_answer(case.content["status"], case.body))
        async with plain_client(timeout=httpx2.Timeout(2)) as http:
            try:
                outcome = (await vonage.open(http).send(vonage.outbound())).model_dump(mode="json")
            except TransientError as error:
                outcome = {"kind": "not taken", "code": error.code}
        assert outcome | case.expected["outcome"] == outcome


class TestSends:
    @every_case("send", "meta")
    def test_payloads_that_whatsapp_refuses_are_refused_at_admission(self, case: Case) -> None:
        with pytest.raises(InvalidPayloadError) as caught:
            parse_payload(Channel.WHATSAPP, case.body)
        assert [problem.field for problem in caught.value.problems] == [case.expected["admission"]]


class TestSegments:
    @every_case("segments")
    def test_an_sms_is_counted_as_it_travels(self, case: Case) -> None:
        assert segments(case.body) == (case.expected["encoding"], case.expected["parts"])
