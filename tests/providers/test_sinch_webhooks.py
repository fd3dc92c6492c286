"""What Sinch's webhooks tell: delivery reports, messages and reactions of end users, and nothing else.

The bodies are recorded, or Sinch's own samples (`recorded/sinch/README.md`).
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, News, ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError, Webhook
from providers.sinch import Sinch
from providers.sinch.codes import FAILURES, WORDS
from tests.providers.far_end import NOW, REFERENCE
from tests.providers.far_ends.sinch import SinchRcs

HERE: Final = Path(__file__).parent
RECORDED: Final = HERE / "recorded" / "sinch"
SHARED: Final = HERE.parents[2] / "shared" / "reference" / "contracts" / "sinch"
MESSAGE_ID: Final = "01J0000000000000000000MSG1"
PERSON: Final = "34638766068"
HEARD_AT: Final = datetime(2026, 7, 21, 10, 30, 1, 456_000, tzinfo=UTC)
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())

_far_end = SinchRcs()
READER: Final = Sinch.open(_far_end.configuration(), _far_end.credentials(), NO_NETWORK)


def recorded(name: str) -> Any:  # noqa: ANN401 - whatever JSON was recorded
    return json.loads((RECORDED / f"{name}.json").read_bytes())


def read(content: object) -> tuple[News, ...]:
    return tuple(READER.parse(Webhook("https://iris.example/", {}, json.dumps(content).encode(), NOW)))


def heard(word: str, milestone: Milestone, **more: str) -> ProviderEvent:
    """What a recorded delivery report tells."""
    event = ProviderEvent(
        key=f"{MESSAGE_ID}:{word}",
        word=word,
        milestone=milestone,
        reference=REFERENCE,
        provider_message_id=MESSAGE_ID,
        destination=PERSON,
        occurred_at=HEARD_AT,
    )
    return ProviderEvent.model_validate(event.model_dump() | more)


def report(**changes: JsonValue) -> dict[str, Any]:
    """The recorded delivery, with another report."""
    content = recorded("delivered")
    content["message_delivery_report"] |= changes
    return content


def inbound(contact_message: JsonValue, channel: str = "WHATSAPP", **more: JsonValue) -> dict[str, JsonValue]:
    """A webhook of an end user's message."""
    message: dict[str, JsonValue] = {
        "id": "01J0000000000000000000IN01",
        "direction": "TO_APP",
        "contact_message": contact_message,
        "channel_identity": {"channel": channel, "identity": PERSON, "app_id": ""},
        "conversation_id": "01J0000000000000000000CNV1",
        "contact_id": "01J0000000000000000000CON1",
        "metadata": "",
        "accept_time": "2026-07-21T10:30:00.123Z",
        "sender_id": "",
        "processing_mode": "CONVERSATION",
    }
    return {"app_id": "01J", "event_time": "2026-07-21T10:30:01.456Z", "message": message | more}


def heard_from(channel: str, contact_message: JsonValue) -> InboundMessage:
    (message,) = read(inbound(contact_message, channel))
    assert isinstance(message, InboundMessage)
    return message


class TestDeliveryReports:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("queued", heard("queued_on_channel", Milestone.SENT)),
            ("delivered", heard("delivered", Milestone.DELIVERED)),
            ("read", heard("read", Milestone.READ)),
            (
                "failed",
                heard(
                    "failed",
                    Milestone.FAILED,
                    code="OUTSIDE_ALLOWED_SENDING_WINDOW",
                    failure=FailureClass.DESTINATION,
                    detail="The customer care window is closed [131047]",
                ),
            ),
            (
                "timed_out",
                heard(
                    "failed",
                    Milestone.FAILED,
                    code="DELIVERY_TIMED_OUT",
                    failure=FailureClass.OTHER,
                    detail="[INACTIVE_SENDER]",
                ),
            ),
            (
                "switching_channel",
                heard("switching_channel", Milestone.NONE, code="RECIPIENT_NOT_REACHABLE", detail="No RCS there"),
            ),
        ],
    )
    def test_what_is_recorded_is_read(self, name: str, expected: ProviderEvent) -> None:
        assert read(recorded(name)) == (expected,)

    @pytest.mark.parametrize("code", [*FAILURES, "NEW_CODE", "", None])
    def test_a_failure_has_a_class_whatever_its_code(self, code: str | None) -> None:
        (event,) = read(report(status="FAILED", reason={"code": code}))
        assert isinstance(event, ProviderEvent)
        assert event.failure is FAILURES.get(code or "", FailureClass.OTHER)
        assert event.code == (code or None)

    @pytest.mark.parametrize(
        ("code", "failure"),
        [
            ("RECIPIENT_NOT_REACHABLE", FailureClass.DESTINATION),
            ("MEDIA_TOO_LARGE", FailureClass.CONTENT),
            ("CHANNEL_BAD_CONFIGURATION", FailureClass.CONFIGURATION),
            ("RATE_LIMITED", FailureClass.RATE),
            ("CHANNEL_FAILURE", FailureClass.OTHER),
        ],
    )
    def test_the_class_says_what_has_to_change(self, code: str, failure: FailureClass) -> None:
        assert FAILURES[code] is failure

    def test_a_failure_without_a_reason_has_one_too(self) -> None:
        (event,) = read(report(status="FAILED", reason=None))
        assert isinstance(event, ProviderEvent)
        assert (event.failure, event.code, event.detail) == (FailureClass.OTHER, None, "")

    def test_words_are_written_as_events_write_them(self) -> None:
        assert [word for word in WORDS if word != word.lower()] == []

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"correlation_id": "1", "message_metadata": "2"}, "1"),
            ({"correlation_id": "", "message_metadata": "2"}, "2"),
            ({"correlation_id": None, "message_metadata": ""}, REFERENCE),
        ],
        ids=str,
    )
    def test_our_reference_is_the_first_of_the_three_places_that_has_one(
        self, fields: dict[str, JsonValue], expected: str
    ) -> None:
        (event,) = read(recorded("delivered") | fields)
        assert isinstance(event, ProviderEvent)
        assert event.reference == expected

    def test_a_report_of_somebody_elses_message_has_none(self) -> None:
        (event,) = read(report(metadata="") | {"correlation_id": "", "message_metadata": ""})
        assert isinstance(event, ProviderEvent)
        assert event.reference is None

    @pytest.mark.parametrize(
        "identity",
        [None, {"channel": "MESSENGER", "identity": "12"}, {"channel": "SMS", "identity": "ObraMat"}],
        ids=str,
    )
    def test_a_report_is_heard_also_when_it_names_no_destination_of_ours(self, identity: JsonValue) -> None:
        (event,) = read(report(channel_identity=identity))
        assert isinstance(event, ProviderEvent)
        assert (event.destination, event.milestone) == (None, Milestone.DELIVERED)

    @pytest.mark.parametrize("time", [None, "", "soon", "2026-07-21T10:30:01", -1e300])
    def test_no_report_is_lost_over_its_time(self, time: JsonValue) -> None:
        (event,) = read(recorded("delivered") | {"event_time": time, "accepted_time": time})
        assert isinstance(event, ProviderEvent)
        assert event.milestone is Milestone.DELIVERED

    def test_times_may_be_in_nanoseconds(self) -> None:
        (event,) = read(recorded("delivered") | {"event_time": "2026-07-21T10:30:01.456000789Z"})
        assert isinstance(event, ProviderEvent)
        assert event.occurred_at == HEARD_AT


class TestInboundMessages:
    def test_a_text_tells_who_said_what_when_and_to_what(self) -> None:
        assert heard_from("WHATSAPP", recorded("inbound/text")) == InboundMessage(
            provider_message_id="01J0000000000000000000IN01",
            sender=PERSON,
            sender_kind=DestinationKind.PHONE_NUMBER,
            payload={"Type": "simple-text", "Text": "Hola 😀"},
            in_reply_to=MESSAGE_ID,
            occurred_at=HEARD_AT,
        )

    @pytest.mark.parametrize(
        ("channel", "wire_type"),
        [("SMS", "simple-text"), ("WHATSAPP", "simple-text"), ("RCS", "text-message-rcs")],
    )
    def test_a_text_has_the_type_of_its_channel(self, channel: str, wire_type: str) -> None:
        assert heard_from(channel, recorded("inbound/text")).payload["Type"] == wire_type

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
        message = heard_from("WHATSAPP", recorded(f"inbound/{name}"))
        assert (message.payload, message.in_reply_to) == (payload, in_reply_to)

    def test_every_recorded_kind_is_read(self) -> None:
        for path in (RECORDED / "inbound").iterdir():
            heard_from("RCS", json.loads(path.read_bytes()))

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
        payload = heard_from("RCS", {"media_message": {"url": url, "filename_override": name}}).payload
        assert payload["MediaType"] == kind
        assert payload.get("FileName") == (name or None)

    @pytest.mark.parametrize("said", [{}, {"reply_to": None}, {"text_message": None}], ids=str)
    def test_a_message_that_says_nothing_is_unsupported(self, said: JsonValue) -> None:
        assert heard_from("SMS", said).payload == {"Type": "unsupported", "Kind": "empty"}

    def test_a_kind_that_is_not_there_is_no_kind(self) -> None:
        said: JsonValue = {"media_message": None, "text_message": {"text": "Hola"}}
        assert heard_from("SMS", said).payload == {"Type": "simple-text", "Text": "Hola"}

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

    def test_a_sender_who_is_no_destination_is_unreadable(self) -> None:
        said = inbound({"text_message": {"text": "Hola"}}, channel_identity={"channel": "SMS", "identity": "ObraMat"})
        with pytest.raises(UnreadableError, match="sender"):
            read(said)

    def test_a_message_of_another_channel_tells_nothing(self) -> None:
        assert read(inbound({"text_message": {"text": "Hola"}}, "MESSENGER")) == ()

    @pytest.mark.parametrize(
        ("said", "direction"), [({"text_message": {"text": "Hola"}}, "TO_CONTACT"), (None, "TO_APP")], ids=str
    )
    def test_our_own_message_tells_nothing(self, said: JsonValue, direction: str) -> None:
        assert read(inbound(said, direction=direction)) == ()

    @pytest.mark.parametrize(
        ("action", "emoji"), [("REACTION_ACTION_REACT", "🔥 Java SDK"), ("REACTION_ACTION_UNREACT", "")]
    )
    def test_a_reaction_is_heard_as_a_message(self, action: str, emoji: str) -> None:
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


def official_samples() -> list[Path]:
    """Those kept here, and all where they are at hand."""
    kept = sorted((RECORDED / "official").glob("*EventDto.json"))
    return [*kept, *sorted(SHARED.glob("**/sinchevents/**/*.json"))]


class TestOfficialSamples:
    @pytest.mark.parametrize("path", official_samples(), ids=lambda path: path.stem)
    def test_each_tells_what_it_is_about_and_other_triggers_tell_nothing(self, path: Path) -> None:
        news = read(json.loads(path.read_bytes()))
        if path.stem == "MessageDeliveryReceiptEventDto":
            assert news == (
                ProviderEvent(
                    key="message id:delivered",
                    word="delivered",
                    milestone=Milestone.DELIVERED,
                    reference="correlation id value",
                    provider_message_id="message id",
                    occurred_at=datetime(2020, 11, 17, 16, 5, 45, tzinfo=UTC),
                    code="RECIPIENT_NOT_OPTED_IN",
                    detail="reason description",
                ),
            )
        else:
            assert news == ()

    def test_the_official_message_is_heard_on_a_channel_of_ours(self) -> None:
        content = recorded("official/MessageInboundEventDto")
        content["message"]["channel_identity"] = {"channel": "SMS", "identity": PERSON}
        (message,) = read(content)
        assert isinstance(message, InboundMessage)
        assert message.payload == {"Type": "simple-text", "Text": "This is a text message."}
        assert (message.provider_message_id, message.in_reply_to) == ("event id", "message id value")


class TestOtherBodies:
    @pytest.mark.parametrize(
        "content",
        [
            None,
            [],
            "x",
            {"message_delivery_report": []},
            {"message_delivery_report": {"message_id": "1"}},
            {"message_delivery_report": {"message_id": "", "status": "READ"}},
            {"message_delivery_report": {"message_id": 1, "status": "READ"}},
            {"message": {"id": "1"}},
            {"event": {}},
            inbound("Hola"),
            inbound({"text_message": "Hola"}),
            inbound({"text_message": {"text": None}}),
            inbound({"text_message": {"text": "Hola"}, "reply_to": "1"}),
            inbound({"location_message": {"coordinates": {"latitude": "north"}}}),
        ],
        ids=str,
    )
    def test_a_body_of_another_form_is_unreadable_and_not_repeated(self, content: JsonValue) -> None:
        with pytest.raises(UnreadableError) as caught:
            read(content)
        assert "Hola" not in str(caught.value)

    @pytest.mark.parametrize("content", [{}, {"message": None}, {"new_notification": {"message_id": "1"}}], ids=str)
    def test_a_trigger_that_is_not_ours_tells_nothing(self, content: JsonValue) -> None:
        assert read(content) == ()

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
    def test_whatever_an_end_user_says_is_heard_or_unreadable(
        self, contact_message: dict[str, JsonValue], identity: str, channel: str
    ) -> None:
        said = inbound(contact_message, channel_identity={"channel": channel, "identity": identity})
        try:
            news = read(said)
        except UnreadableError:
            return
        assert news == read(said)
        assert all(isinstance(each, InboundMessage) and each.payload["Type"] for each in news)
