"""Requests to Twilio on each channel, for each type of payload.

They are compared with forms that are composed from the documented fields, with the vendor's own description of the API,
and with the requests of its own library.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

import httpx2
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import Accepted, FailureClass, Rejected
from domain.payloads import PAYLOADS, parse_payload
from providers.base import Outbound
from providers.twilio import Twilio
from providers.twilio.messages import content_of
from tests.providers.fake_providers.twilio import ACCOUNT, SENDER, TOKEN, FakeTwilio, TwilioSms, TwilioWhatsApp
from tests.providers.twilio import vendor as vendor_twilio
from tests.providers.twilio.recordings import CREDENTIALS, HERE, NO_NETWORK, SERVICE, recorded

CONTENT: Final = "HX0000000000000000000000000000000a"
CALLBACK: Final = "https://iris.example/webhooks/twilio/685bc5d05a72ed2a5f8d0e42?reference=685bc5d05a72ed2a5f8d0e41"
MEDIA: Final = "https://obramat.example/factura%201.pdf?a=1&b=2"
PICTURE: Final = "https://obramat.example/foto.jpg"
WHATSAPP: Final = {
    "to": "whatsapp:+34638766068",
    "from_": "whatsapp:+15005550006",
    "status_callback": CALLBACK,
}

Raw = Mapping[str, JsonValue]

TEXT: Final[Raw] = {"Type": "simple-text", "Text": "¿Cómo está?"}
TEMPLATE: Final[Raw] = {"Type": "template", "Name": CONTENT}

REQUESTS: Final[Mapping[str, tuple[type[FakeTwilio], Raw, Mapping[str, object]]]] = {
    "request_sms_text.txt": (
        TwilioSms,
        TEXT,
        {"to": "+34638766068", "from_": SENDER, "status_callback": CALLBACK, "body": "¿Cómo está?"},
    ),
    "request_whatsapp_text.txt": (TwilioWhatsApp, TEXT, {**WHATSAPP, "body": "¿Cómo está?"}),
    "request_whatsapp_media.txt": (
        TwilioWhatsApp,
        {"Type": "media", "Url": MEDIA, "MediaType": "document", "Caption": "Su factura", "FileName": "a.pdf"},
        {**WHATSAPP, "media_url": [MEDIA], "body": "Su factura"},
    ),
    "request_whatsapp_media_without_caption.txt": (
        TwilioWhatsApp,
        {"Type": "media", "Url": PICTURE, "MediaType": "image"},
        {**WHATSAPP, "media_url": [PICTURE]},
    ),
    "request_whatsapp_template.txt": (
        TwilioWhatsApp,
        {**TEMPLATE, "Language": "es_ES", "Parameters": ["Ana", "12 €"]},
        {**WHATSAPP, "content_sid": CONTENT, "content_variables": '{"1":"Ana","2":"12 €"}'},
    ),
    "request_whatsapp_template_without_parameters.txt": (
        TwilioWhatsApp,
        TEMPLATE,
        {**WHATSAPP, "content_sid": CONTENT},
    ),
}
"""By recorded form: its channel, the payload, and the arguments of the official library for the same request."""

each = pytest.mark.parametrize("name", REQUESTS)


def fields(form: bytes) -> dict[str, str]:
    return dict(parse_qsl(form.decode(), keep_blank_values=True, strict_parsing=True))


def outbound(fake_provider: FakeTwilio, raw: Raw) -> Outbound:
    return replace(fake_provider.outbound(), payload=parse_payload(fake_provider.channel, raw))


def typed(value: str, schema: Mapping[str, Any]) -> object:
    """Field of a form as the type that the description gives it."""
    match schema["type"]:
        case "integer":
            return int(value)
        case "array":
            return [value]
        case _:
            return value


async def sent_form(http: httpx2.AsyncClient, name: str, **configuration: JsonValue) -> dict[str, str]:
    """Form that arrives when a recorded request is made."""
    kind, raw, _ = REQUESTS[name]
    async with kind() as fake_provider:
        twilio = Twilio.open(fake_provider.configuration() | configuration, fake_provider.credentials(), http)
        assert isinstance(await twilio.send(outbound(fake_provider, raw)), Accepted)
        return fields(fake_provider.requests[-1].body)


class TestForm:
    @each
    async def test_it_is_the_recorded_one(self, http: httpx2.AsyncClient, name: str) -> None:
        assert await sent_form(http, name) == fields(recorded(name))

    @each
    async def test_it_is_what_the_official_library_sends(self, http: httpx2.AsyncClient, name: str) -> None:
        capture = vendor_twilio.Capture()
        vendor_twilio.messages(ACCOUNT, TOKEN, capture).create(**REQUESTS[name][2])
        assert await sent_form(http, name) == fields(urlencode(capture.data, doseq=True).encode())

    @each
    @pytest.mark.parametrize(
        "configuration",
        [
            {},
            {"validityPeriod": 60},
            {"sender": None, "messagingServiceSid": SERVICE},
            {"sender": "+34911000000", "messagingServiceSid": SERVICE, "validityPeriod": 36_000},
        ],
        ids=str,
    )
    async def test_it_is_of_the_official_description(
        self, http: httpx2.AsyncClient, name: str, configuration: Mapping[str, JsonValue]
    ) -> None:
        form = await sent_form(http, name, **configuration)
        schema = json.loads((HERE / "contracts" / "twilio_create_message.json").read_text())
        jsonschema.validate({name: typed(value, schema["properties"][name]) for name, value in form.items()}, schema)

    async def test_a_messaging_service_picks_the_sender_on_whatsapp_too(self, http: httpx2.AsyncClient) -> None:
        form = await sent_form(http, "request_whatsapp_text.txt", sender=None, messagingServiceSid=SERVICE)
        assert (form["MessagingServiceSid"], form["To"]) == (SERVICE, "whatsapp:+34638766068")
        assert "From" not in form

    async def test_somebody_who_hides_the_number_is_addressed_by_the_other_id(self, http: httpx2.AsyncClient) -> None:
        async with TwilioWhatsApp() as fake_provider:
            message = replace(fake_provider.outbound(), destinations=("ES.13491208655302741918",))
            await fake_provider.open(http).send(message)
            assert fields(fake_provider.requests[-1].body)["To"] == "whatsapp:ES.13491208655302741918"


class TestTemplate:
    @pytest.mark.parametrize("name", ["order_ready", "HX", CONTENT[:-1], f"{CONTENT}a", f"{CONTENT}\n", f" {CONTENT}"])
    async def test_one_that_is_not_named_by_its_content_sid_is_refused_before_anything_is_sent(self, name: str) -> None:
        twilio = Twilio.open({"sender": SENDER}, CREDENTIALS, NO_NETWORK)
        outcome = await twilio.send(outbound(TwilioWhatsApp(), {**TEMPLATE, "Name": name}))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("bad_template_name", FailureClass.CONTENT)

    @given(
        parameters=st.lists(
            st.text(max_size=20).map(lambda text: f"x{' '.join(text.split())}"), min_size=1, max_size=100
        )
    )
    def test_its_variables_are_the_parameters_numbered_from_one(self, parameters: list[str]) -> None:
        content = content_of(parse_payload(Channel.WHATSAPP, {**TEMPLATE, "Parameters": cast("JsonValue", parameters)}))
        assert isinstance(content, dict)
        variables = json.loads(content["ContentVariables"])
        assert [variables[str(number)] for number in range(1, len(variables) + 1)] == parameters


class TestCapabilities:
    @pytest.mark.parametrize("channel", Twilio.channels)
    def test_every_type_that_is_named_is_shown_above(self, channel: Channel) -> None:
        shown = {str(raw["Type"]) for fake_provider, raw, _ in REQUESTS.values() if fake_provider.channel is channel}
        assert shown == Twilio.channels[channel].payload_types

    def test_payloads_that_need_a_content_template_are_omitted(self) -> None:
        others = PAYLOADS[Channel.WHATSAPP].keys() - Twilio.channels[Channel.WHATSAPP].payload_types
        assert others == {"buttons", "list", "card"}

    async def test_and_is_refused_if_it_comes_all_the_same(self) -> None:
        twilio = Twilio.open({"sender": SENDER}, CREDENTIALS, NO_NETWORK)
        buttons: Raw = {"Type": "buttons", "Text": "¿Viene?", "Buttons": [{"Title": "Sí"}]}
        outcome = await twilio.send(outbound(TwilioWhatsApp(), buttons))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("bad_payload", FailureClass.CONTENT)
