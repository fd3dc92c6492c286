"""Sending through Sinch, beyond the contract of every provider (`docs/providers/sinch.md`).

The recorded bodies are composed from the fields that Sinch documents, and its own library accepts them
(`recorded/sinch/README.md`).
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import httpx2
import pytest
from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, Rejected
from domain.payloads import PAYLOADS, parse_payload
from providers.base import TransientError
from providers.http import classify_response
from providers.sinch import Sinch
from providers.sinch.messages import render
from providers.sinch.responses import Answer
from tests.providers.fake_providers.sinch import APP, PROJECT, FakeSinch, SinchRcs, SinchSms
from tests.providers.loopback import json_answer
from tests.providers.sinch.recordings import MESSAGE_ID, RECORDED, recorded

YES_OR_NO: Final[JsonValue] = [{"Title": "Sí", "Id": "y"}, {"Title": "No"}]
SHOPS: Final[JsonValue] = [
    {
        "Title": "Madrid",
        "Rows": [
            {"Id": "alcala", "Title": "Alcalá", "Description": "Abierta hasta las 22"},
            {"Id": "getafe", "Title": "Getafe"},
        ],
    },
    {"Title": "Valencia", "Rows": [{"Id": "alfafar", "Title": "Alfafar"}]},
]
PAYLOADS_BY_RECORD: Final[dict[str, tuple[Channel, dict[str, JsonValue]]]] = {
    "sms_text": (Channel.SMS, {"Type": "simple-text", "Text": "Hola"}),
    "rcs_text": (Channel.RCS, {"Type": "text-message-rcs", "Text": "Hola"}),
    "rcs_text_suggestions": (
        Channel.RCS,
        {
            "Type": "text-message-rcs",
            "Text": "¿Viene?",
            "Suggestions": [
                {"Title": "Sí", "Id": "y"},
                {"Title": "No"},
                {"Title": "Web", "Url": "https://tienda.example/?a=1"},
                {"Title": "Llamar", "PhoneNumber": "34910000001"},
            ],
        },
    ),
    "rcs_media": (
        Channel.RCS,
        {"Type": "media-rcs", "Url": "https://cdn.example/a.pdf", "MediaType": "document", "FileName": "oferta.pdf"},
    ),
    "rcs_media_caption": (
        Channel.RCS,
        {"Type": "media-rcs", "Url": "https://cdn.example/a.jpg", "MediaType": "image", "Caption": "Solo hoy"},
    ),
    "rcs_card": (
        Channel.RCS,
        {
            "Type": "card-rcs",
            "Title": "Oferta",
            "Description": "Solo hoy",
            "ImageUrl": "https://cdn.example/a.jpg",
            "Suggestions": [{"Title": "Sí", "Id": "y"}, {"Title": "Web", "Url": "https://tienda.example/"}],
        },
    ),
    "rcs_card_words": (Channel.RCS, {"Type": "card-rcs", "Title": "Oferta", "Description": "Solo hoy"}),
    "rcs_carousel": (
        Channel.RCS,
        {
            "Type": "carousel-rcs",
            "Cards": [
                {"Title": "Taladro", "ImageUrl": "https://cdn.example/1.jpg"},
                {"Title": "Sierra", "Description": "De 90 W", "Suggestions": [{"Title": "Esta", "Id": "2"}]},
            ],
            "Suggestions": [{"Title": "Más"}],
        },
    ),
    "whatsapp_text": (Channel.WHATSAPP, {"Type": "simple-text", "Text": "Hola"}),
    "whatsapp_media": (
        Channel.WHATSAPP,
        {"Type": "media", "Url": "https://cdn.example/a.ogg", "MediaType": "audio"},
    ),
    "whatsapp_media_caption": (
        Channel.WHATSAPP,
        {
            "Type": "media",
            "Url": "https://cdn.example/a.mp4",
            "MediaType": "video",
            "Caption": "Su pedido",
            "FileName": "pedido.mp4",
        },
    ),
    "whatsapp_card": (
        Channel.WHATSAPP,
        {"Type": "card", "Text": "¿Lo quiere?", "ImageUrl": "https://cdn.example/a.jpg", "Buttons": YES_OR_NO},
    ),
    "whatsapp_buttons": (Channel.WHATSAPP, {"Type": "buttons", "Text": "¿Viene?", "Buttons": YES_OR_NO}),
    "whatsapp_list": (
        Channel.WHATSAPP,
        {"Type": "list", "Text": "Elija una tienda", "Button": "Tiendas", "Sections": SHOPS},
    ),
    "whatsapp_template": (
        Channel.WHATSAPP,
        {"Type": "template", "Name": "pedido_listo", "Language": "es_ES", "Parameters": ["Ana", "12:30"]},
    ),
    "whatsapp_template_plain": (Channel.WHATSAPP, {"Type": "template", "Name": "bienvenida"}),
}


@pytest.fixture
async def rcs() -> AsyncIterator[SinchRcs]:
    async with SinchRcs() as listening:
        yield listening


@pytest.fixture
async def sms() -> AsyncIterator[SinchSms]:
    async with SinchSms() as listening:
        yield listening


def configured(fake_provider: FakeSinch, http: httpx2.AsyncClient, **configuration: JsonValue) -> Sinch:
    return Sinch.open(fake_provider.configuration() | configuration, fake_provider.credentials(), http)


def sent_body(fake_provider: FakeSinch) -> Any:  # noqa: ANN401 - whatever JSON was sent
    return json.loads(fake_provider.requests[-1].body)


class TestRequest:
    async def test_the_whole_body_is_the_documented_one(self, rcs: SinchRcs, http: httpx2.AsyncClient) -> None:
        await configured(rcs, http).send(rcs.outbound())
        assert sent_body(rcs) == recorded("send_rcs")
        assert rcs.requests[-1].headers["content-type"] == "application/json"

    async def test_sms_names_its_sender_and_a_time_to_live_is_in_seconds(
        self, sms: SinchSms, http: httpx2.AsyncClient
    ) -> None:
        await configured(sms, http, smsSender="ObraMat", ttl=600).send(sms.outbound())
        assert sent_body(sms) == recorded("send_sms")

    async def test_the_sender_of_sms_is_named_on_no_other_channel(
        self, rcs: SinchRcs, http: httpx2.AsyncClient
    ) -> None:
        await configured(rcs, http, smsSender="ObraMat").send(rcs.outbound())
        assert sent_body(rcs) == recorded("send_rcs")

    @pytest.mark.parametrize("name", PAYLOADS_BY_RECORD)
    async def test_each_payload_is_sent_as_the_documented_message(
        self, sms: SinchSms, http: httpx2.AsyncClient, name: str
    ) -> None:
        channel, raw = PAYLOADS_BY_RECORD[name]
        outbound = replace(sms.outbound(), channel=channel, payload=parse_payload(channel, raw))
        assert isinstance(await configured(sms, http).send(outbound), Accepted)
        assert sent_body(sms)["message"] == recorded(f"messages/{name}")

    @pytest.mark.parametrize("number", ["34910000001", "+34910000001"])
    def test_a_number_to_call_is_written_with_a_plus(self, number: str) -> None:
        button: JsonValue = {"Title": "Llamar", "PhoneNumber": number}
        raw: dict[str, JsonValue] = {"Type": "text-message-rcs", "Text": "¿Dudas?", "Suggestions": [button]}
        choice = {"call_message": {"title": "Llamar", "phone_number": "+34910000001"}}
        assert render(parse_payload(Channel.RCS, raw)) == {
            "choice_message": {"text_message": {"text": "¿Dudas?"}, "choices": [choice]}
        }

    def test_every_payload_that_sinch_says_to_carry_is_tested_and_every_record_is_used(self) -> None:
        tested = {(channel, raw["Type"]) for channel, raw in PAYLOADS_BY_RECORD.values()}
        said = {(channel, each) for channel, able in Sinch.channels.items() for each in able.payload_types}
        assert tested == said
        assert set(PAYLOADS_BY_RECORD) == {path.stem for path in (RECORDED / "messages").iterdir()}

    def test_of_other_channels_it_carries_nothing(self) -> None:
        mail = parse_payload(Channel.EMAIL, {"Type": "email", "Body": "Hola"})
        assert mail.wire_type in PAYLOADS[Channel.EMAIL]
        with pytest.raises(NotImplementedError, match="email"):
            render(mail)

    @pytest.mark.parametrize(
        ("channel", "wire_type", "media_type"),
        [
            (Channel.RCS, "media-rcs", "audio"),
            (Channel.RCS, "media-rcs", "document"),
            (Channel.WHATSAPP, "media", "document"),
        ],
        ids=str,
    )
    async def test_text_that_would_be_lost_is_refused_before_anything_is_sent(
        self, sms: SinchSms, http: httpx2.AsyncClient, channel: Channel, wire_type: str, media_type: str
    ) -> None:
        raw: dict[str, JsonValue] = {
            "Type": wire_type,
            "Url": "https://cdn.example/a",
            "MediaType": media_type,
            "Caption": "Lea esto",
        }
        outcome = await configured(sms, http).send(
            replace(sms.outbound(), channel=channel, payload=parse_payload(channel, raw))
        )
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("caption_not_carried", FailureClass.CONTENT)
        assert sms.requests == []

    @pytest.mark.parametrize("region", ["us", "eu", "br"])
    async def test_the_address_is_the_regions_unless_another_is_configured(self, region: str) -> None:
        asked: list[str] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            asked.append(f"{request.method} {request.url}")
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 3600, "message_id": "1"})

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            configuration: dict[str, JsonValue] = {"projectId": PROJECT, "appId": APP, "region": region}
            await Sinch.open(configuration, SinchRcs().credentials(), http).send(SinchRcs().outbound())
        assert asked == [
            "POST https://auth.sinch.com/oauth2/token",
            f"POST https://{region}.conversation.api.sinch.com/v1/projects/{PROJECT}/messages:send",
        ]


class TestAnswer:
    @pytest.mark.parametrize(
        ("status", "name", "expected"),
        [
            (200, "accepted", Accepted(provider_message_id=MESSAGE_ID)),
            (200, "official/SendMessageResponseDto", Accepted(provider_message_id="message id")),
            (
                400,
                "invalid_argument",
                Rejected(code="INVALID_ARGUMENT", failure=FailureClass.CONTENT, detail="Invalid argument: message"),
            ),
            (
                403,
                "permission_denied",
                Rejected(code="PERMISSION_DENIED", failure=FailureClass.CONFIGURATION, detail="Billing limit reached"),
            ),
            (
                404,
                "not_found",
                Rejected(code="NOT_FOUND", failure=FailureClass.CONFIGURATION, detail="App not found"),
            ),
            (500, "internal", OutcomeUnknown(detail="INTERNAL: Internal")),
        ],
    )
    def test_sinchs_answer_determines_the_outcome(self, status: int, name: str, expected: Outcome) -> None:
        assert classify_response(httpx2.Response(status, json=recorded(name)), Answer().response_mapping()) == expected

    @pytest.mark.parametrize("status", [501, 503, 504])
    def test_an_internal_error_of_sinch_leaves_the_outcome_unknown(self, status: int) -> None:
        body = {"error": {"code": status, "message": "", "status": "NEW_CODE"}}
        assert isinstance(
            classify_response(httpx2.Response(status, json=body), Answer().response_mapping()), OutcomeUnknown
        )

    @pytest.mark.parametrize("body", [{"message_id": ""}, {"message_id": None}, {"message_id": 1}, {}, [], "x", None])
    def test_a_success_of_another_form_leaves_the_outcome_unknown(self, body: JsonValue) -> None:
        assert isinstance(
            classify_response(httpx2.Response(200, json=body), Answer().response_mapping()), OutcomeUnknown
        )

    @pytest.mark.parametrize(
        "body", [{}, {"error": "no"}, {"error": {"code": 400}}, {"error": {"status": 1}}, {"error": {"status": ""}}, []]
    )
    def test_an_error_of_another_form_is_classified_by_its_status(self, body: JsonValue) -> None:
        assert classify_response(httpx2.Response(400, json=body), Answer().response_mapping()) == Rejected(
            code="http_400", failure=FailureClass.OTHER, detail="HTTP 400 not in the provider's form"
        )

    async def wait_asked(self, sms: SinchSms, http: httpx2.AsyncClient, reply: bytes) -> timedelta | None:
        sms.answer_always(reply)
        with pytest.raises(TransientError, match="RESOURCE_EXHAUSTED") as caught:
            await configured(sms, http).send(sms.outbound())
        return caught.value.retry_after

    async def test_the_wait_that_an_error_details_is_asked_for(self, sms: SinchSms, http: httpx2.AsyncClient) -> None:
        reply = json_answer(429, recorded("resource_exhausted"))
        assert await self.wait_asked(sms, http, reply) == timedelta(seconds=2.5)

    async def test_retry_after_goes_before_it(self, sms: SinchSms, http: httpx2.AsyncClient) -> None:
        reply = json_answer(429, recorded("resource_exhausted"), retry_after="9")
        assert await self.wait_asked(sms, http, reply) == timedelta(seconds=9)

    @pytest.mark.parametrize(
        ("details", "seconds"),
        [
            ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "3s"}], 3),
            ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "999999s"}], 3600),
            ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "soon"}], None),
            ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "-1s"}], None),
            ([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": 5}], None),
            ([{"@type": "type.googleapis.com/google.rpc.Help", "retryDelay": "5s"}], None),
            ([None, "x", 1], None),
            (None, None),
        ],
        ids=str,
    )
    async def test_a_wait_is_believed_up_to_an_hour_and_only_in_the_documented_form(
        self,
        sms: SinchSms,
        http: httpx2.AsyncClient,
        details: JsonValue,
        seconds: float | None,
    ) -> None:
        error: JsonValue = {"code": 429, "message": "", "status": "RESOURCE_EXHAUSTED", "details": details}
        wait = await self.wait_asked(sms, http, json_answer(429, {"error": error}))
        assert wait == (None if seconds is None else timedelta(seconds=seconds))
