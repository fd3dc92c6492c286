"""Reports of mail systems about our messages."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pytest

from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from tests.providers.smtp.mail import MESSAGE_ID, OWN_ADDRESS, REFERENCE, answer, mail_receiver
from tests.providers.smtp.report_mails import RECORDED, report

REAL: Final = {
    "exim-4.96_failed_headers.eml": ("failed", Milestone.FAILED, "bounces@dest.example", "5.0.0", ""),
    "exim-4.96_failed_rfc822.eml": ("failed", Milestone.FAILED, "bounces@dest.example", "5.0.0", ""),
    "exim-4.96_delayed_headers.eml": ("delayed", Milestone.SENT, "later@dest.example", "4.0.0", ""),
    "exim-4.96_delivered_headers.eml": (
        "delivered",
        Milestone.DELIVERED,
        "ok@dest.example",
        "2.0.0",
        "X-Exim; relayed via non SMTP router",
    ),
}


def events(body: bytes) -> Sequence[ProviderEvent]:
    received = mail_receiver().parse(answer(body))
    assert all(isinstance(event, ProviderEvent) for event in received)
    return [event for event in received if isinstance(event, ProviderEvent)]


def event(body: bytes) -> ProviderEvent:
    (only,) = events(body)
    return only


def reported(action: str, status: str, diagnostic: str = "") -> ProviderEvent:
    return event(report(OWN_ADDRESS, "ana@example.com", action, status, diagnostic=diagnostic))


class TestRealReports:
    @pytest.mark.parametrize("name", REAL)
    def test_a_report_names_message_destination_and_status(self, name: str) -> None:
        received = event((RECORDED / name).read_bytes())
        assert (
            received.provider_status,
            received.milestone,
            received.destination,
            received.code,
            received.detail,
        ) == REAL[name]
        assert (received.reference, received.provider_message_id) == (REFERENCE, MESSAGE_ID)
        assert received.failure == (FailureClass.DESTINATION if received.milestone is Milestone.FAILED else None)

    @pytest.mark.parametrize("name", REAL)
    def test_a_report_reads_alike_with_any_ends_of_lines(self, name: str) -> None:
        body = (RECORDED / name).read_bytes()
        assert event(body) == event(body.replace(b"\n", b"\r\n"))

    def test_a_report_is_identified_by_its_id(self) -> None:
        keys = [event((RECORDED / name).read_bytes()).key for name in REAL]
        assert len(set(keys)) == len(keys)
        assert "<E1xVHNo-0007Zm-1K@mta.dest.example>:delayed:later@dest.example" in keys

    def test_the_time_is_the_servers(self) -> None:
        received = event((RECORDED / "exim-4.96_delayed_headers.eml").read_bytes())
        assert received.occurred_at == datetime(2026, 11, 22, 23, 54, 8, tzinfo=UTC)


class TestReports:
    @pytest.mark.parametrize(
        ("status", "diagnostic", "failure"),
        [
            ("5.1.1", "", FailureClass.DESTINATION),
            ("5.1.1 (no such mailbox)", "", FailureClass.DESTINATION),
            ("5.2.2", "552 mailbox full", FailureClass.DESTINATION),
            ("5.7.1", "550 5.1.1 unknown", FailureClass.DESTINATION),
            ("5.7.26", "550 5.1.1 unknown", FailureClass.CONFIGURATION),
            ("5.7.1", "550 no", FailureClass.CONFIGURATION),
            ("5.0.0", "550 5.1.1 <ana@example.com>: unknown", FailureClass.DESTINATION),
            ("5.0.0", "554-5.7.1 spam", FailureClass.CONTENT),
            ("5.0.0", "554 too many connections", FailureClass.RATE),
            ("5.0.0", "554 listed at zen.spamhaus.org", FailureClass.CONFIGURATION),
            ("4.4.2", "retry timeout exceeded", FailureClass.OTHER),
            ("5.0.0", "5.6.0 malformed", FailureClass.CONTENT),
            ("5.0.0", "550 no", FailureClass.OTHER),
            ("five", "no", FailureClass.OTHER),
        ],
    )
    def test_a_failure_has_the_class_of_its_status_else_of_the_codes_and_words_of_the_reply(
        self, status: str, diagnostic: str, failure: FailureClass
    ) -> None:
        received = reported("failed", status, diagnostic)
        assert (received.provider_status, received.milestone, received.failure) == ("failed", Milestone.FAILED, failure)
        assert received.detail == f"smtp; {diagnostic}".strip()

    @pytest.mark.parametrize("status", ["4.4.7", "5.4.7"])
    def test_a_server_that_gave_up_in_time_says_expired(self, status: str) -> None:
        received = reported("failed", status)
        assert (received.provider_status, received.milestone, received.code) == ("expired", Milestone.FAILED, status)

    @pytest.mark.parametrize(
        ("action", "milestone"),
        [
            ("Delayed", Milestone.SENT),
            ("delivered", Milestone.DELIVERED),
            ("RELAYED", Milestone.SENT),
            ("expanded", Milestone.SENT),
            ("teleported", Milestone.NONE),
            ("", Milestone.NONE),
        ],
    )
    def test_an_action_means_what_it_says(self, action: str, milestone: Milestone) -> None:
        received = reported(action, "2.0.0")
        assert (received.provider_status, received.milestone, received.failure) == (
            action.lower() or "unknown",
            milestone,
            None,
        )

    def test_each_recipient_has_an_event_of_its_own(self) -> None:
        blocks = b"\r\nFinal-Recipient: rfc822; luis@example.com\r\nAction: delivered\r\nStatus: 2.1.5\r\n\r\n--=_1\r\n"
        body = report(OWN_ADDRESS, "ana@example.com", "failed", "5.1.1").replace(b"\r\n--=_1\r\n", blocks)
        received = events(body)
        assert [(it.destination, it.provider_status) for it in received] == [
            ("ana@example.com", "failed"),
            ("luis@example.com", "delivered"),
        ]
        assert len({it.key for it in received}) == 2

    @pytest.mark.parametrize(
        ("recipient", "destination"),
        [
            ("rfc822;ana@example.com", "ana@example.com"),
            ("RFC822 ; <ana@EXAMPLE.com>", "ana@example.com"),
            ("rfc822; ana@xn--espaa-rta.example", "ana@españa.example"),
            ("utf-8; mónica@example.com", "mónica@example.com"),
            ("ana@example.com", "ana@example.com"),
            ("x400; /G=Ana/", None),
            ("", None),
        ],
    )
    def test_a_destination_is_as_we_write_it(self, recipient: str, destination: str | None) -> None:
        body = report(OWN_ADDRESS, "", "failed", "5.1.1")
        assert event(body.replace(b"rfc822; \r\n", f"{recipient}\r\n".encode())).destination == destination

    def test_a_forwarded_recipient_is_the_original_one(self) -> None:
        body = report(OWN_ADDRESS, "ana@elsewhere.example", "failed", "5.1.1")
        forwarded = body.replace(b"\r\nAction", b"\r\nOriginal-Recipient: rfc822;ana@example.com\r\nAction")
        assert event(forwarded).destination == "ana@example.com"

    def test_an_embedded_report_on_our_message_does_not_count(self) -> None:
        body = report(OWN_ADDRESS, "ana@example.com", "failed", "5.1.1")
        body = body.replace(b"Arrival-Date", b"Original-Envelope-ID: 685bc5d05a72ed2a5f8d0e40\r\nArrival-Date")
        assert event(body).reference == REFERENCE

    def test_the_same_report_without_an_id_has_the_same_key(self) -> None:
        body = report(OWN_ADDRESS, "ana@example.com", "failed", "5.1.1", mail_id="")
        other = report(OWN_ADDRESS, "ana@example.com", "failed", "5.1.2", mail_id="")
        assert event(body).key == event(body).key != event(other).key
        assert event(body).key.startswith("sha256:")

    @pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
    def test_a_report_may_be_encoded(self, encoding: bytes) -> None:
        body = report(OWN_ADDRESS, "ana@example.com", "failed", "5.1.1")
        encoded = body.replace(
            b"Content-Type: message/delivery-status\r\n",
            b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: " + encoding + b"\r\n",
        )
        if encoding == b"base64":
            before, _, rest = encoded.partition(b"base64\r\n\r\n")
            status, _, after = rest.partition(b"\r\n--=_1")
            encoded = before + b"base64\r\n\r\n" + base64.encodebytes(status) + b"\r\n--=_1" + after
        assert event(encoded).provider_status == "failed"


class TestComplaints:
    BODY = b"""\
From: <abusedesk@example.com>
Subject: FW: Earn money
Message-ID: <8787KJKJ3K4J3K4J3K4J3.mail@example.net>
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b

This is an email abuse report.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <ana@example.com>
--b
Content-Type: message/rfc822

Subject: Earn money

--b--
"""

    def test_a_complaint_is_recorded_and_moves_nothing(self) -> None:
        received = event(self.BODY)
        assert (received.provider_status, received.milestone, received.detail) == ("complaint", Milestone.NONE, "abuse")
        assert (received.destination, received.reference) == ("ana@example.com", REFERENCE)


class TestBouncesThatOnlyPeopleUnderstand:
    @pytest.mark.parametrize(
        "header",
        [
            b"Return-Path: <>",
            b"Return-Path: < >",
            b"Auto-Submitted: auto-replied",
            b"AUTO-SUBMITTED: Auto-Generated (vacation)",
            b"Auto-Submitted: auto-notified; owner-email=ana@example.com",
            b"Content-Type: multipart/report; boundary=b",
            b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\n--b--",
            b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nAction\n",
        ],
    )
    def test_they_are_recorded_and_move_nothing(self, header: bytes) -> None:
        received = event(
            b"From: ana@example.com\nSubject: failure notice\n" + header + b"\n\nHi. This is the qmail-send"
        )
        assert (received.provider_status, received.milestone) == ("unclassified-bounce", Milestone.NONE)
        assert (received.reference, received.provider_message_id, received.detail) == (
            REFERENCE,
            MESSAGE_ID,
            "failure notice",
        )

    def test_nobody_needs_to_have_written_them(self) -> None:
        assert event(b"Return-Path: <>\n\n").provider_status == "unclassified-bounce"
