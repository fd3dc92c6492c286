"""The same cause has the same failure class at every provider, so that a tenant can handle it uniformly."""

from collections.abc import Mapping
from typing import Final

import httpx2
import pytest
from pydantic import JsonValue

from domain.outcomes import Accepted, FailureClass
from providers.base import TransientError
from providers.http import Ambiguity, ErrorMeaning, ResponseMapping, classify_response
from providers.meta import messenger_messages, whatsapp_messages
from providers.meta.error_codes import MESSENGER_MEANINGS, WHATSAPP_FAILURES, WHATSAPP_MEANINGS
from providers.meta.responses import response_mapping as meta_mapping
from providers.sinch.error_codes import FAILURES as SINCH_FAILURES
from providers.sinch.responses import Answer
from providers.twilio.error_codes import FAILURES as TWILIO_FAILURES
from providers.twilio.responses import RESPONSE_MAPPING as TWILIO_MAPPING
from providers.vonage.adapter import RESPONSE_MAPPING as VONAGE_MAPPING
from providers.vonage.error_codes import FAILURES as VONAGE_FAILURES

TABLES: Final[Mapping[str, Mapping[str, ErrorMeaning]]] = {
    "meta": WHATSAPP_FAILURES,
    "messenger": MESSENGER_MEANINGS,
    "twilio": TWILIO_FAILURES,
    "vonage": VONAGE_FAILURES,
    "sinch": SINCH_FAILURES,
}

CAUSES: Final[Mapping[str, tuple[FailureClass, Mapping[str, str]]]] = {
    "Meta chose not to deliver": (FailureClass.DESTINATION, {"meta": "131049", "twilio": "63049"}),
    "the person has not written for 24 hours": (
        FailureClass.DESTINATION,
        {
            "meta": "131047",
            "messenger": "10/2018278",
            "twilio": "63016",
            "vonage": "1340",
            "sinch": "OUTSIDE_ALLOWED_SENDING_WINDOW",
        },
    ),
    "the person wants no more": (
        FailureClass.DESTINATION,
        {"meta": "131050", "twilio": "21610", "vonage": "1240", "sinch": "RECIPIENT_NOT_OPTED_IN"},
    ),
    "nobody of the channel": (
        FailureClass.DESTINATION,
        {"meta": "131026", "twilio": "63024", "vonage": "1300", "sinch": "RECIPIENT_NOT_REACHABLE"},
    ),
    "parameters that do not fit the template": (
        FailureClass.CONTENT,
        {"meta": "132018", "twilio": "63028", "vonage": "1022", "sinch": "TEMPLATE_INSUFFICIENT_PARAMETERS"},
    ),
    "media that could not be fetched": (
        FailureClass.CONTENT,
        {"meta": "131053", "twilio": "63019", "vonage": "1380", "sinch": "MEDIA_NOT_REACHABLE"},
    ),
    "an account that is restricted": (
        FailureClass.CONFIGURATION,
        {"meta": "131031", "twilio": "63051", "vonage": "1060"},
    ),
    "too many messages": (
        FailureClass.RATE,
        {"meta": "130429", "twilio": "63018", "vonage": "1000", "sinch": "RATE_LIMITED"},
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_has_one_class(cause: str) -> None:
    failure, codes = CAUSES[cause]
    assert {provider: TABLES[provider].get(code) for provider, code in codes.items()} == dict.fromkeys(codes, failure)


OTHERWISE: Final[tuple[JsonValue, ...]] = (None, 7, True, [], {}, "x")


@pytest.mark.parametrize("value", OTHERWISE, ids=str)
@pytest.mark.parametrize(
    ("mapping", "body"),
    [
        (TWILIO_MAPPING, {"sid": "SM1", "status": "queued"}),
        (VONAGE_MAPPING, {"message_uuid": "1", "workflow_id": "2"}),
        (Answer().response_mapping(), {"message_id": "1", "accepted_time": "2026-07-21T10:30:00Z"}),
        (meta_mapping(messenger_messages.accepted, MESSENGER_MEANINGS), {"message_id": "1", "recipient_id": "2"}),
    ],
    ids=["twilio", "vonage", "sinch", "messenger"],
)
def test_malformed_optional_fields_of_an_answer_do_not_change_the_acceptance(
    mapping: ResponseMapping, body: dict[str, JsonValue], value: JsonValue
) -> None:
    first, *others = body
    for name in others:
        outcome = classify_response(httpx2.Response(200, json={**body, name: value}), mapping)
        assert isinstance(outcome, Accepted)
        assert outcome.provider_message_id == body[first]


@pytest.mark.parametrize("value", OTHERWISE, ids=str)
def test_malformed_optional_fields_of_whatsapps_answer_do_not_change_the_acceptance(value: JsonValue) -> None:
    body: JsonValue = {"messages": [{"id": "1", "message_status": value}], "contacts": value}
    outcome = classify_response(
        httpx2.Response(200, json=body), meta_mapping(whatsapp_messages.accepted, WHATSAPP_MEANINGS)
    )
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize("value", OTHERWISE, ids=str)
@pytest.mark.parametrize(
    ("mapping", "body"),
    [
        (TWILIO_MAPPING, {"code": 20429, "message": "No", "more_info": "https://a.example", "status": 429}),
        (TWILIO_MAPPING, {"code": 20429, "title": "No", "detail": "No", "type": "https://a.example", "errors": []}),
        (
            VONAGE_MAPPING,
            {
                "type": "https://developer.nexmo.com/api-errors/messages-olympus#1010",
                "title": "No",
                "detail": "No",
                "instance": "1",
                "invalid_parameters": [{"name": "to", "reason": "No"}],
            },
        ),
        (
            Answer().response_mapping(),
            {"error": {"status": "RESOURCE_EXHAUSTED", "code": 429, "message": "No", "details": []}},
        ),
        (
            meta_mapping(whatsapp_messages.accepted, WHATSAPP_MEANINGS),
            {"error": {"code": 130429, "message": "No", "type": "OAuthException", "error_data": {"details": "No"}}},
        ),
    ],
    ids=["twilio", "twilio RFC 9457", "vonage", "sinch", "meta"],
)
def test_malformed_optional_fields_of_an_error_do_not_change_its_class(
    mapping: ResponseMapping, body: dict[str, JsonValue], value: JsonValue
) -> None:
    error = body.get("error", body)
    assert isinstance(error, dict)
    first, *others = error
    for name in others:
        changed = {first: error[first], **{other: error[other] for other in others}, name: value}
        content = {"error": changed} if "error" in body else changed
        with pytest.raises(TransientError):
            classify_response(httpx2.Response(429, json=content), mapping)


def test_a_429_of_a_provider_is_no_refusal_whatever_its_code() -> None:
    assert VONAGE_MAPPING.meanings["1010"] is FailureClass.CONTENT
    assert VONAGE_MAPPING.meanings["1320"] is Ambiguity.PERHAPS_ACCEPTED
    body = {"type": "https://developer.vonage.com/api-errors/messages#1010", "title": "Rate Limit Hit"}
    with pytest.raises(TransientError):
        classify_response(httpx2.Response(429, json=body), VONAGE_MAPPING)
