"""Sinch webhooks about end users: their messages and reactions.

The bodies are recorded, or Sinch's own samples (`recorded/sinch/README.md`).
"""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage
from domain.gate.consent import ConsentState
from providers.base import UnreadableError
from tests.providers.sinch.recordings import MESSAGE_ID, PERSON, RECEIVED_AT, RECORDED, inbound, read, recorded


def received_from(channel: str, contact_message: JsonValue) -> InboundMessage:
    (message,) = read(inbound(contact_message, channel))
    assert isinstance(message, InboundMessage)
    return message


class TestInboundMessages:
    def test_a_text_has_sender_content_time_and_answered_message(self) -> None:
        assert received_from("WHATSAPP", recorded("inbound/text")) == InboundMessage(
            provider_message_id="01J0000000000000000000IN01",
            sender=PERSON,
            sender_kind=DestinationKind.PHONE_NUMBER,
            payload={"Type": "simple-text", "Text": "Hola 😀"},
            in_reply_to=MESSAGE_ID,
            occurred_at=RECEIVED_AT,
        )

    @pytest.mark.parametrize(
        ("channel", "wire_type"),
        [("SMS", "simple-text"), ("WHATSAPP", "simple-text"), ("RCS", "text-message-rcs")],
    )
    def test_a_text_has_the_type_of_its_channel(self, channel: str, wire_type: str) -> None:
        assert received_from(channel, recorded("inbound/text")).payload["Type"] == wire_type

    @pytest.mark.parametrize(
        ("name", "payload", "in_reply_to"),
        [
            (
                "media",
                {"Type": "media", "Url": "https://media.sinch.example/01J/a.JPG?v=1", "MediaType": "image"},
                None,
            ),
            (
                "media_card",
                {
                    "Type": "media",
                    "Url": "https://media.sinch.example/01J/b",
                    "MediaType": "document",
                    "Caption": "Así quedó",
                },
                None,
            ),
            (
                "location",
                {
                    "Type": "location",
                    "Latitude": 40.4168,
                    "Longitude": -3.7038,
                    "Name": "Obramat",
                    "Address": "Calle Mayor 1",
                },
                None,
            ),
            ("choice_response", {"Type": "reply", "Id": "y", "Title": "y"}, MESSAGE_ID),
            ("fallback", {"Type": "unsupported", "Kind": "fallback_message"}, None),
            ("product_response", {"Type": "unsupported", "Kind": "product_response_message"}, None),
            ("channel_specific", {"Type": "unsupported", "Kind": "channel_specific_message"}, None),
        ],
    )
    def test_each_kind_is_a_payload_of_ours(
        self, name: str, payload: dict[str, JsonValue], in_reply_to: str | None
    ) -> None:
        message = received_from("WHATSAPP", recorded(f"inbound/{name}"))
        assert bool(message.payload.pop("Content", "")) is (payload["Type"] == "unsupported")
        assert (message.payload, message.in_reply_to) == (payload, in_reply_to)

    def test_every_recorded_kind_is_read(self) -> None:
        for path in (RECORDED / "inbound").iterdir():
            received_from("RCS", json.loads(path.read_bytes()))

    @pytest.mark.parametrize(
        ("url", "name", "kind"),
        [
            ("https://m/a.mp4", "", "video"),
            ("https://m/a.opus", None, "audio"),
            ("https://m/a%2Epng#x", "", "image"),
            ("https://m/a", "nota.pdf", "document"),
            ("https://m/a.jpg", "foto.webp", "image"),
            ("https://m/a.jpg?b=.pdf", "", "image"),
            ("", "", "document"),
            ("http://[", "", "document"),
        ],
    )
    def test_a_file_is_what_its_name_ends_in(self, url: str, name: str | None, kind: str) -> None:
        payload = received_from("RCS", {"media_message": {"url": url, "filename_override": name}}).payload
        assert payload["MediaType"] == kind
        assert payload.get("FileName") == (name or None)

    @pytest.mark.parametrize("said", [{}, {"reply_to": None}, {"text_message": None}], ids=str)
    def test_a_message_that_says_nothing_is_unsupported(self, said: JsonValue) -> None:
        assert received_from("SMS", said).payload == {"Type": "unsupported", "Kind": "empty"}

    def test_a_kind_that_is_not_there_is_no_kind(self) -> None:
        said: JsonValue = {"media_message": None, "text_message": {"text": "Hola"}}
        assert received_from("SMS", said).payload == {"Type": "simple-text", "Text": "Hola"}

    @pytest.mark.parametrize(
        ("channel", "identity", "sender", "kind"),
        [
            ("SMS", "+34 638-766-068", PERSON, DestinationKind.PHONE_NUMBER),
            ("WHATSAPP", "ES.1234abcd", "ES.1234abcd", DestinationKind.BUSINESS_SCOPED_ID),
        ],
    )
    def test_a_sender_is_normalised(self, channel: str, identity: str, sender: str, kind: DestinationKind) -> None:
        said = inbound({"text_message": {"text": "Hola"}}, channel_identity={"channel": channel, "identity": identity})
        (message,) = read(said)
        assert isinstance(message, InboundMessage)
        assert (message.sender, message.sender_kind) == (sender, kind)

    def test_a_sender_that_cannot_be_answered_loses_no_message(self) -> None:
        said = inbound({"text_message": {"text": "Hola"}}, channel_identity={"channel": "SMS", "identity": "ObraMat"})
        (message,) = read(said)
        assert isinstance(message, InboundMessage)
        assert message.sender == "ObraMat"

    def test_a_message_of_another_channel_gives_no_items(self) -> None:
        assert read(inbound({"text_message": {"text": "Hola"}}, "MESSENGER")) == ()

    @pytest.mark.parametrize(
        ("direction", "app_message"), [("TO_CONTACT", None), (None, {"text_message": {"text": "Hola"}})], ids=str
    )
    def test_our_own_message_gives_no_items(self, direction: JsonValue, app_message: JsonValue) -> None:
        assert read(inbound(None, direction=direction, app_message=app_message)) == ()

    @pytest.mark.parametrize(
        ("said", "payload"),
        [
            (None, {"Type": "unsupported", "Kind": "empty"}),
            ("Hola", {"Type": "unsupported", "Kind": "empty"}),
            ({"text_message": "Hola"}, {"Type": "unsupported", "Kind": "text_message", "Content": "Hola"}),
            (
                {"text_message": {"text": None}},
                {"Type": "unsupported", "Kind": "text_message", "Content": '{"text": null}'},
            ),
            ({"text_message": {"text": "Hola"}, "reply_to": "1"}, {"Type": "simple-text", "Text": "Hola"}),
            (
                {"location_message": {"coordinates": {"latitude": "north"}}},
                {
                    "Type": "unsupported",
                    "Kind": "location_message",
                    "Content": '{"coordinates": {"latitude": "north"}}',
                },
            ),
        ],
        ids=str,
    )
    def test_undocumented_content_is_still_a_message(self, said: JsonValue, payload: JsonValue) -> None:
        assert received_from("WHATSAPP", said).payload == payload

    @pytest.mark.parametrize(
        ("kind", "consent"),
        [("opt_out_notification", ConsentState.OUT), ("opt_in_notification", ConsentState.IN)],
    )
    def test_an_opt_out_marks_its_sender(self, kind: str, consent: ConsentState) -> None:
        word = kind.removesuffix("_notification")
        notification: JsonValue = {
            "request_id": "01J0000000000000000000REQ1",
            "contact_id": "01J0000000000000000000CON1",
            "channel": "WHATSAPP",
            "identity": PERSON,
            "status": f"{word.upper()}_SUCCEEDED",
        }
        assert read({"event_time": "2026-07-21T10:30:01.456Z", kind: notification}) == (
            InboundMessage(
                provider_message_id=f"{PERSON}:{word}:01J0000000000000000000REQ1",
                sender=PERSON,
                sender_kind=DestinationKind.PHONE_NUMBER,
                payload={"Type": "unsupported", "Kind": word},
                consent=consent,
                occurred_at=RECEIVED_AT,
            ),
        )

    def test_an_opt_out_that_sinch_could_not_carry_out_gives_no_items(self) -> None:
        notification: JsonValue = {"channel": "WHATSAPP", "identity": PERSON, "status": "OPT_OUT_FAILED"}
        assert read({"opt_out_notification": notification}) == ()

    @pytest.mark.parametrize(
        ("action", "emoji"),
        [("REACTION_ACTION_REACT", "🔥 Java SDK"), ("REACTION_ACTION_UNREACT", ""), (7, "🔥 Java SDK")],
    )
    def test_a_reaction_is_received_as_a_message(self, action: JsonValue, emoji: str) -> None:
        content = recorded("official/InboundContactMessageEventDto")
        content["event"]["channel_identity"] = {"channel": "WHATSAPP", "identity": PERSON}
        content["event"]["contact_message_event"]["reaction_event"]["action"] = action
        assert read(content) == (
            InboundMessage(
                provider_message_id="event id",
                sender=PERSON,
                sender_kind=DestinationKind.PHONE_NUMBER,
                payload={"Type": "reaction", "Emoji": emoji},
                in_reply_to="message id value",
                occurred_at=datetime(2020, 11, 17, 16, 5, 45, tzinfo=UTC),
            ),
        )

    def test_the_official_message_is_received_on_a_channel_of_ours(self) -> None:
        content = recorded("official/MessageInboundEventDto")
        content["message"]["channel_identity"] = {"channel": "SMS", "identity": PERSON}
        (message,) = read(content)
        assert isinstance(message, InboundMessage)
        assert message.payload == {"Type": "simple-text", "Text": "This is a text message."}
        assert (message.provider_message_id, message.in_reply_to) == ("event id", "message id value")

    json_values = st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )

    @settings(deadline=None)
    @given(
        contact_message=st.dictionaries(
            st.sampled_from(
                ["text_message", "media_message", "location_message", "choice_response_message", "reply_to", "new"]
            ),
            st.dictionaries(
                st.sampled_from(["text", "url", "coordinates", "postback_data", "message_id", "caption"]), json_values
            )
            | json_values,
            max_size=2,
        ),
        identity=st.sampled_from([PERSON, "", "+", "ES.1"]) | st.text(max_size=8),
        channel=st.sampled_from(["RCS", "SMS", "WHATSAPP", "NEW"]),
    )
    def test_any_inbound_message_is_received_or_unreadable(
        self, contact_message: dict[str, JsonValue], identity: str, channel: str
    ) -> None:
        said = inbound(contact_message, channel_identity={"channel": channel, "identity": identity})
        try:
            items = read(said)
        except UnreadableError:
            return
        assert items == read(said)
        assert all(isinstance(each, InboundMessage) and each.payload["Type"] for each in items)
