"""Sinch webhooks about sent messages: delivery reports; and webhooks without items.

The bodies are recorded, or Sinch's own samples (`recorded/sinch/README.md`).
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError
from providers.sinch.error_codes import FAILURES, STATUS_MAP
from tests.providers.fake_provider import REFERENCE
from tests.providers.sinch.recordings import MESSAGE_ID, PERSON, RECEIVED_AT, RECORDED, inbound, read, recorded


def received(word: str, milestone: Milestone, **more: str) -> ProviderEvent:
    """Event of a recorded delivery report."""
    event = ProviderEvent(
        key=f"{MESSAGE_ID}:{word}",
        provider_status=word,
        milestone=milestone,
        reference=REFERENCE,
        provider_message_id=MESSAGE_ID,
        destination=PERSON,
        occurred_at=RECEIVED_AT,
    )
    return ProviderEvent.model_validate(event.model_dump() | more)


def report(**changes: JsonValue) -> dict[str, Any]:
    """Recorded delivery with another report."""
    content = recorded("delivered")
    content["message_delivery_report"] |= changes
    return content


class TestDeliveryReports:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("queued", received("queued_on_channel", Milestone.SENT)),
            ("delivered", received("delivered", Milestone.DELIVERED)),
            ("read", received("read", Milestone.READ)),
            (
                "failed",
                received(
                    "failed",
                    Milestone.FAILED,
                    code="OUTSIDE_ALLOWED_SENDING_WINDOW",
                    failure=FailureClass.DESTINATION,
                    detail="The customer care window is closed [131047]",
                ),
            ),
            (
                "timed_out",
                received(
                    "failed",
                    Milestone.FAILED,
                    code="DELIVERY_TIMED_OUT",
                    failure=FailureClass.OTHER,
                    detail="[INACTIVE_SENDER]",
                ),
            ),
            (
                "switching_channel",
                received("switching_channel", Milestone.NONE, code="RECIPIENT_NOT_REACHABLE", detail="No RCS there"),
            ),
        ],
    )
    def test_recorded_webhooks_are_parsed(self, name: str, expected: ProviderEvent) -> None:
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
        assert [word for word in STATUS_MAP if word != word.lower()] == []

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
        [None, {"channel": "MESSENGER", "identity": "12"}],
        ids=str,
    )
    def test_a_report_counts_even_if_it_names_no_destination_of_ours(self, identity: JsonValue) -> None:
        (event,) = read(report(channel_identity=identity))
        assert isinstance(event, ProviderEvent)
        assert (event.destination, event.milestone) == (None, Milestone.DELIVERED)

    @pytest.mark.parametrize("name", ["ObraMat", "22395"])
    def test_a_report_counts_even_if_its_destination_cannot_be_sent_to(self, name: str) -> None:
        (event,) = read(report(channel_identity={"channel": "SMS", "identity": name}))
        assert isinstance(event, ProviderEvent)
        assert (event.destination, event.milestone) == (name, Milestone.DELIVERED)

    @pytest.mark.parametrize("time", [None, "", "soon", "2026-07-21T10:30:01", -1e300])
    def test_no_report_is_lost_over_its_time(self, time: JsonValue) -> None:
        (event,) = read(recorded("delivered") | {"event_time": time, "accepted_time": time})
        assert isinstance(event, ProviderEvent)
        assert event.milestone is Milestone.DELIVERED

    def test_times_may_be_in_nanoseconds(self) -> None:
        (event,) = read(recorded("delivered") | {"event_time": "2026-07-21T10:30:01.456000789Z"})
        assert isinstance(event, ProviderEvent)
        assert event.occurred_at == RECEIVED_AT


class TestOfficialSamples:
    @pytest.mark.parametrize("path", sorted((RECORDED / "official").glob("*EventDto.json")), ids=lambda path: path.stem)
    def test_only_the_triggers_of_messages_give_items(self, path: Path) -> None:
        items = read(json.loads(path.read_bytes()))
        if path.stem == "MessageDeliveryReceiptEventDto":
            assert items == (
                ProviderEvent(
                    key="message id:delivered",
                    provider_status="delivered",
                    milestone=Milestone.DELIVERED,
                    reference="correlation id value",
                    provider_message_id="message id",
                    occurred_at=datetime(2020, 11, 17, 16, 5, 45, tzinfo=UTC),
                    code="RECIPIENT_NOT_OPTED_IN",
                    detail="reason description",
                ),
            )
        else:
            assert items == ()


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
            {"message_delivery_report": {"message_id": [1], "status": "READ"}},
            {"message_delivery_report": {"message_id": "1", "status": 1}},
            {"message_delivery_report": {"message_id": " ", "status": "READ"}},
            {"message": {"id": "1"}},
            {"event": {}},
            inbound({"text_message": {"text": "Hola"}}, channel_identity={"channel": "SMS"}),
        ],
        ids=str,
    )
    def test_a_body_of_another_form_is_unreadable_and_not_repeated(self, content: JsonValue) -> None:
        with pytest.raises(UnreadableError) as caught:
            read(content)
        assert "Hola" not in str(caught.value)

    @pytest.mark.parametrize("content", [{}, {"message": None}, {"new_notification": {"message_id": "1"}}], ids=str)
    def test_a_trigger_that_is_not_ours_gives_no_items(self, content: JsonValue) -> None:
        assert read(content) == ()
