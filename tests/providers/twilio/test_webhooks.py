"""Twilio webhooks: the statuses of our messages, and the messages of end users.

The recorded bodies are composed from the fields that Twilio documents.
"""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, ProviderEvent, WebhookItem
from domain.gate.consent import ConsentState
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError
from providers.twilio.messages import with_reference
from tests.providers.fake_provider import REFERENCE
from tests.providers.fake_providers.twilio import ACCOUNT, TOKEN, TwilioSms
from tests.providers.twilio.recordings import MESSAGE_ID, WEBHOOK_URL, reader, recorded, status_callback, webhook

MEDIA: Final = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM{'a' * 32}/Media/ME{'0' * 31}"
ANSWERED: Final = f"SM{'b' * 32}"
PARAMETERS: Final = (
    *("SmsStatus", "MessageStatus", "To", "Body", "ProfileName", "OptOutType", "ButtonText", "ButtonPayload"),
    *("NumMedia", "MediaUrl0", "MediaUrl1", "MediaContentType0", "Latitude", "Longitude", "Label"),
)


def status_event(word: str, milestone: Milestone, **more: str) -> ProviderEvent:
    """Event of a recorded status callback."""
    event = ProviderEvent(
        key=f"{MESSAGE_ID}:{word}",
        provider_status=word,
        milestone=milestone,
        reference=REFERENCE,
        provider_message_id=MESSAGE_ID,
        destination="34638766068",
    )
    return ProviderEvent.model_validate(event.model_dump() | more)


def events(items: Sequence[WebhookItem]) -> list[ProviderEvent]:
    return [event for event in items if isinstance(event, ProviderEvent)]


class TestStatusCallback:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("sent.txt", status_event("sent", Milestone.SENT)),
            ("delivered.txt", status_event("delivered", Milestone.DELIVERED)),
            (
                "undelivered.txt",
                status_event(
                    "undelivered",
                    Milestone.FAILED,
                    code="30005",
                    failure=FailureClass.DESTINATION,
                    detail="Unknown destination handset",
                ),
            ),
            ("failed.txt", status_event("failed", Milestone.FAILED, code="30036", failure=FailureClass.OTHER)),
            ("whatsapp_read.txt", status_event("read", Milestone.READ)),
            (
                "whatsapp_undelivered.txt",
                status_event(
                    "undelivered",
                    Milestone.FAILED,
                    code="63016",
                    failure=FailureClass.DESTINATION,
                    detail="Outside the allowed window",
                ),
            ),
        ],
    )
    def test_recorded_webhooks_are_parsed(self, name: str, expected: ProviderEvent) -> None:
        assert reader().parse(status_callback(name)) == (expected,)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"MessageSid=SM1",
            b"MessageStatus=sent",
            b"MessageSid=&MessageStatus=sent",
            b"MessageSid=SM1&MessageStatus=",
            b"MessageSid=SM1&MessageStatus=%FF",
            b"\xff=1",
            b'{"MessageSid": "SM1", "MessageStatus": "sent"}',
        ],
    )
    def test_any_other_body_is_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableError):
            reader().parse(webhook(body))

    def test_the_reference_is_the_one_that_we_added(self) -> None:
        callback = webhook(recorded("sent.txt"), with_reference(f"{WEBHOOK_URL}?reference=x", REFERENCE))
        assert [event.reference for event in events(reader().parse(callback))] == [REFERENCE]

    def test_a_callback_without_our_reference_is_read_too(self) -> None:
        callback = webhook(recorded("sent.txt"))
        assert [event.reference for event in events(reader().parse(callback))] == [None]

    @pytest.mark.parametrize("code", ["30001", "30008", "99999", ""])
    def test_a_failure_has_a_class_whatever_its_code(self, code: str) -> None:
        body = f"MessageSid=SM1&MessageStatus=failed&ErrorCode={code}".encode()
        (event,) = events(reader().parse(webhook(body)))
        assert event.failure is (FailureClass.RATE if code == "30001" else FailureClass.OTHER)


def received(payload: dict[str, JsonValue], **more: object) -> InboundMessage:
    """Recorded message from an end user."""
    message = InboundMessage(
        provider_message_id=MESSAGE_ID,
        sender="34638766068",
        sender_kind=DestinationKind.PHONE_NUMBER,
        payload=payload,
    )
    return InboundMessage.model_validate(message.model_dump() | more)


class TestMessageFromAnEndUser:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("inbound.txt", received({"Type": "simple-text", "Text": "¿Quién es?"})),
            ("inbound_stop.txt", received({"Type": "simple-text", "Text": "Baja"}, consent=ConsentState.OUT)),
            (
                "inbound_media.txt",
                received(
                    {
                        "Type": "media",
                        "Url": f"{MEDIA}1",
                        "MediaType": "image",
                        "Caption": "Las fotos",
                        "More": [
                            {"Url": f"{MEDIA}2", "MediaType": "audio"},
                            {"Url": f"{MEDIA}3", "MediaType": "document"},
                        ],
                    }
                ),
            ),
            (
                "inbound_whatsapp_text.txt",
                received(
                    {"Type": "simple-text", "Text": "¿Está abierto?"}, sender_name="Ana García", in_reply_to=ANSWERED
                ),
            ),
            (
                "inbound_whatsapp_media.txt",
                received({"Type": "media", "Url": f"{MEDIA}1", "MediaType": "document"}, sender_name="Ana García"),
            ),
            (
                "inbound_whatsapp_location.txt",
                received(
                    {
                        "Type": "location",
                        "Latitude": 40.416775,
                        "Longitude": -3.70379,
                        "Name": "Puerta del Sol",
                        "Address": "Puerta del Sol, Madrid",
                    },
                    sender_name="Ana García",
                ),
            ),
            (
                "inbound_whatsapp_button.txt",
                received(
                    {"Type": "reply", "Id": "confirm-1", "Title": "Sí, confirmo"},
                    sender_name="Ana García",
                    in_reply_to=ANSWERED,
                ),
            ),
            (
                "inbound_whatsapp_unsupported.txt",
                received({"Type": "unsupported", "Kind": "unsupported"}, sender_name="Ana García"),
            ),
        ],
    )
    def test_recorded_webhooks_are_parsed(self, name: str, expected: InboundMessage) -> None:
        signed = TwilioSms().sign(webhook(recorded(name)), TOKEN)
        reader().verify(signed)
        assert reader().parse(signed) == (expected,)

    @pytest.mark.parametrize(
        ("parameters", "payload"),
        [
            ({"NumMedia": "0"}, {"Type": "unsupported", "Kind": "empty"}),
            ({"NumMedia": "0", "MessageType": "poll"}, {"Type": "unsupported", "Kind": "poll"}),
            ({"SmsStatus": "receiving", "Body": "a"}, {"Type": "simple-text", "Text": "a"}),
            ({"MessageStatus": "Received", "Body": "a"}, {"Type": "simple-text", "Text": "a"}),
            ({"Body": "Sí", "ButtonText": "Sí"}, {"Type": "reply", "Id": "Sí", "Title": "Sí"}),
            ({"Body": "a", "NumMedia": "999999999"}, {"Type": "simple-text", "Text": "a"}),
            ({"Body": "a", "Latitude": "1"}, {"Type": "simple-text", "Text": "a"}),
            (
                {"NumMedia": "1", "MediaUrl0": "https://a", "MediaContentType0": "Image/JPEG"},
                {"Type": "media", "Url": "https://a", "MediaType": "image"},
            ),
            (
                {"NumMedia": "1", "MediaUrl0": "https://a", "MediaUrl2": "https://c"},
                {"Type": "media", "Url": "https://a", "MediaType": "document"},
            ),
            (
                {"NumMedia": "0", "Latitude": "0", "Longitude": "-180", "Label": ""},
                {"Type": "location", "Latitude": 0.0, "Longitude": -180.0},
            ),
        ],
        ids=str,
    )
    def test_whatever_is_left_out_it_is_read(self, parameters: dict[str, str], payload: dict[str, JsonValue]) -> None:
        body = urlencode({"MessageSid": MESSAGE_ID, "From": "whatsapp:+34638766068"} | parameters).encode()
        assert reader().parse(webhook(body)) == (received(payload),)

    @pytest.mark.parametrize(("word", "consent"), [("START", ConsentState.IN), ("HELP", None), ("stopped", None)])
    def test_only_stop_opts_out_and_only_start_in(self, word: str, consent: ConsentState | None) -> None:
        body = recorded("inbound_stop.txt").replace(b"OptOutType=STOP", f"OptOutType={word}".encode())
        (message,) = reader().parse(webhook(body))
        assert isinstance(message, InboundMessage)
        assert message.consent is consent

    @pytest.mark.parametrize(
        ("address", "kind", "sender"),
        [
            ("+44 (0)20 7946 0958", DestinationKind.PHONE_NUMBER, "442079460958"),
            ("whatsapp:+34638766068", DestinationKind.PHONE_NUMBER, "34638766068"),
            ("whatsapp:ES.13491208655302741918", DestinationKind.BUSINESS_SCOPED_ID, "ES.13491208655302741918"),
        ],
    )
    def test_its_sender_is_a_destination(self, address: str, kind: DestinationKind, sender: str) -> None:
        body = urlencode({"MessageSid": "SM1", "From": address, "Body": "a"}).encode()
        (message,) = reader().parse(webhook(body))
        assert isinstance(message, InboundMessage)
        assert (message.sender_kind, message.sender) == (kind, sender)

    @pytest.mark.parametrize(
        "parameters",
        [
            {"MessageSid": "SM1", "Body": "a"},
            {"MessageSid": "", "From": "+34638766068", "Body": "a"},
            {"MessageSid": "SM1", "From": "", "Body": "a"},
            {"MessageSid": "SM1", "From": "messenger:123456789", "Body": "a"},
        ],
        ids=str,
    )
    def test_one_that_nobody_could_answer_is_unreadable(self, parameters: dict[str, str]) -> None:
        with pytest.raises(UnreadableError):
            reader().parse(webhook(urlencode(parameters).encode()))

    @pytest.mark.parametrize("sender", ["22395", "OBRAMAT", "ES.13491208655302741918"])
    def test_a_sender_that_cannot_be_answered_loses_no_message(self, sender: str) -> None:
        (message,) = reader().parse(webhook(urlencode({"MessageSid": "SM1", "From": sender, "Body": "a"}).encode()))
        assert isinstance(message, InboundMessage)
        assert (message.sender, message.sender_kind) == (sender, DestinationKind.PHONE_NUMBER)

    @pytest.mark.parametrize("latitude", ["north", "NaN", "91"])
    def test_a_place_that_is_nowhere_is_no_reason_to_lose_the_message(self, latitude: str) -> None:
        parameters = {"MessageSid": "SM1", "From": "+34638766068", "NumMedia": "0", "MessageType": "location"}
        body = urlencode({**parameters, "Latitude": latitude, "Longitude": "1"}).encode()
        (message,) = reader().parse(webhook(body))
        assert isinstance(message, InboundMessage)
        assert message.payload == {"Type": "unsupported", "Kind": "location"}

    @pytest.mark.parametrize("text", [b"ma\xf1ana", b"ma%F1ana"])
    def test_a_byte_that_is_not_utf_8_costs_only_its_character(self, text: bytes) -> None:
        (message,) = reader().parse(webhook(b"MessageSid=SM1&From=%2B34638766068&NumMedia=0&Body=" + text))
        assert isinstance(message, InboundMessage)
        assert message.payload == {"Type": "simple-text", "Text": "ma\ufffdana"}

    @settings(deadline=None)
    @given(
        parameters=st.dictionaries(
            st.sampled_from(PARAMETERS),
            st.text() | st.sampled_from(["received", "1", "40.4", "inf", "image/png"]),
        ),
        sender=st.sampled_from(["+34638766068", "whatsapp:+34638766068", "whatsapp:ES.1"]) | st.text(),
    )
    def test_whatever_the_parameters_say_they_are_read_or_unreadable(
        self, parameters: dict[str, str], sender: str
    ) -> None:
        whole = webhook(urlencode({"MessageSid": "SM1", "From": sender} | parameters).encode())
        try:
            (item,) = reader().parse(whole)
        except UnreadableError:
            return
        assert reader().parse(whole) == (item,)
        assert json.loads(item.model_dump_json())
