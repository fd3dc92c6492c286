from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.outcomes import Accepted, FailureClass, Rejected
from tests.providers.smtp.mail import MESSAGE_ID, REFERENCE, composed, mail, received, smtp, verdict
from tests.providers.smtp.servers import Mailroom, mail_server


class TestMessage:
    async def test_it_says_who_writes_to_whom_when_and_by_what_reference(self) -> None:
        it = await received(
            mail(
                "ana@example.com",
                "luis@example.org",
                cc=["Eva Sanz <eva@example.com>"],
                bcc=["archive@example.com"],
                replyto="help@example.com",
            )
        )
        headers = it.message
        assert {name: headers[name] for name in ("From", "To", "Cc", "Reply-To", "Subject", "Message-ID")} == {
            "From": "Iris <iris@example.com>",
            "To": "ana@example.com, luis@example.org",
            "Cc": "Eva Sanz <eva@example.com>",
            "Reply-To": "help@example.com",
            "Subject": "Hola",
            "Message-ID": MESSAGE_ID,
        }
        assert headers["Auto-Submitted"] == "auto-generated"
        assert abs(headers["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)

    async def test_a_blind_copy_is_in_the_envelope_and_nowhere_else(self) -> None:
        it = await received(mail(bcc=["archive@example.com"]))
        assert it.recipients == ("ana@example.com", "archive@example.com")
        assert b"archive" not in it.content

    async def test_a_recipient_named_twice_receives_one_message(self) -> None:
        it = await received(mail("ana@example.com", cc=["ana@example.com"], bcc=["Ana <ana@example.com>"]))
        assert it.recipients == ("ana@example.com",)

    async def test_bounces_go_to_the_envelope_sender_where_one_is_configured(self) -> None:
        it = await received(mail(), envelopeSender="bounces@mail.example.com")
        assert (it.sender, it.message["From"]) == ("bounces@mail.example.com", "Iris <iris@example.com>")

    async def test_the_message_id_may_have_a_domain_of_its_own(self) -> None:
        it = await received(mail(), messageIdDomain="mail.example.com")
        assert it.message["Message-ID"] == f"<{REFERENCE}@mail.example.com>"

    async def test_the_same_interaction_has_the_same_message_id_whenever_it_is_sent(self) -> None:
        mailroom = Mailroom()
        async with mail_server(mailroom) as port:
            outcomes = [await smtp(port).send(mail()) for _ in range(2)]
        assert outcomes == [Accepted(provider_message_id=MESSAGE_ID)] * 2
        assert [it.message["Message-ID"] for it in mailroom.received] == [MESSAGE_ID] * 2

    async def test_html_is_the_alternative_to_the_same_as_plain_text(self) -> None:
        html = "<h1>Su cita</h1><p>Mañana a las <b>10</b>.</p>"
        message = (await received(mail(body=html, ishtml=True))).message
        assert message.get_content_type() == "multipart/alternative"
        plain, rich = message.iter_parts()
        assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
        assert plain.get_content().splitlines() == ["Su cita", "", "Mañana a las 10."]
        assert rich.get_content().strip() == html

    async def test_text_that_looks_like_html_is_text_unless_it_is_said_to_be_html(self) -> None:
        message = (await received(mail(body="<b>no</b>"))).message
        assert (message.get_content_type(), message.get_content().strip()) == ("text/plain", "<b>no</b>")

    async def test_lines_that_are_or_begin_with_a_dot_arrive(self) -> None:
        body = "first\n.\n..\n.hidden\nlast"
        assert (await received(mail(body=body))).message.get_content().splitlines() == body.split("\n")

    async def test_no_line_is_longer_than_mail_allows(self) -> None:
        it = await received(mail(subject="s" * 998, body="x" * 5000 + " ñ" * 5000, ishtml=True))
        assert max(len(line) for line in it.content.split(b"\r\n")) <= 998
        assert it.message["Subject"] == "s" * 998

    async def test_a_message_is_ascii_so_that_no_server_rewrites_it(self) -> None:
        assert (await received(mail(subject="Año", body="ñandú"))).content.isascii()

    @settings(max_examples=75, deadline=None)
    @given(
        subject=st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=300),
        body=st.text(st.characters(exclude_categories=["C"], include_characters="\n\t"), min_size=1, max_size=300),
    )
    @example(subject="=?utf-8?q?a=0D=0ABcc:_eve@example.com?=", body="=?utf-8?q?a?=")
    @example(subject="  two  spaces  ", body=" ")
    @example(subject="a: b", body="From here\n.\n")
    @example(subject="é " * 150, body="x" * 2000)
    def test_any_subject_and_body_read_as_they_were_written(self, subject: str, body: str) -> None:
        message = composed(mail(subject=subject, body=body)).message
        assert message.get("Subject", "") == subject
        assert message.get_content().replace("\r\n", "\n").removesuffix("\n") == body.removesuffix("\n")
        assert message.keys().count("Bcc") == 0

    async def test_text_that_resembles_an_encoded_word_arrives_unchanged(self) -> None:
        subject = "=?utf-8?q?a=0D=0ABcc:_eve@example.com?="
        message = (await received(mail(subject=subject))).message
        assert (message["Subject"], message["Bcc"]) == (subject, None)

    @pytest.mark.parametrize("subject", ["a\x0bb", "a\x00b", "a\u2028b", "a\x85b", "a\x1eb"])
    async def test_a_subject_with_control_characters_is_refused(self, subject: str) -> None:
        outcome = await verdict(smtp(1), mail(subject=subject))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("bad_subject", FailureClass.CONTENT)

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({"cc": ["eva"]}, "payLoad.Cc[0]"),
            ({"cc": ["eva@example.com", "eva@example.com\r\nBcc: eve@example.com"]}, "payLoad.Cc[1]"),
            ({"bcc": ["eva@example.com>\r\nRCPT TO:<eve@example.com"]}, "payLoad.Bcc[0]"),
            ({"bcc": ["eva@example.com, eve@example.com"]}, "payLoad.Bcc[0]"),
            ({"replyto": "=?utf-8?q?a=0D=0ABcc:_eve@example.com?= <eva@example.com>"}, "payLoad.ReplyTo"),
            ({"replyto": ""}, "payLoad.ReplyTo"),
            ({"cc": [" " * 100_000]}, "payLoad.Cc[0]"),
        ],
    )
    async def test_an_address_that_is_none_is_refused_by_its_field(self, payload: dict[str, Any], field: str) -> None:
        outcome = await verdict(smtp(1), mail(**payload))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("bad_address", FailureClass.CONTENT)
        assert outcome.detail.startswith(f"{field}: ")


class TestUnsubscribing:
    @pytest.mark.parametrize(
        ("url", "written"),
        [
            ("https://example.com/u?t=1", "https://example.com/u?t=1"),
            ("https://españa.example.com/ñ", "https://xn--espaa-rta.example.com/%C3%B1"),
            ("https://example.com/\r\nBcc: eve@example.com", "https://example.com/Bcc:%20eve@example.com"),
            ("https://example.com/<x>", "https://example.com/%3Cx%3E"),
            ("https://example.com/?=?utf-8?q?=0D=0ABcc:?=", "https://example.com/?=?utf-8?q?=0D=0ABcc:?="),
            ("https://example.com/" + "x" * 880, "https://example.com/" + "x" * 880),
        ],
    )
    async def test_one_post_to_the_address_in_the_header_ends_the_subscription(self, url: str, written: str) -> None:
        it = await received(mail(unsubscribeurl=url))
        assert f"\r\nList-Unsubscribe: <{written}>\r\n".encode() in it.content
        assert it.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert it.message["Bcc"] is None

    async def test_mail_that_nobody_subscribed_to_has_no_such_header(self) -> None:
        assert b"List-Unsubscribe" not in (await received(mail())).content

    @pytest.mark.parametrize("url", ["http://example.com/u", "https://example.com/" + "x" * 881])
    async def test_an_address_that_is_not_https_or_too_long_is_refused(self, url: str) -> None:
        outcome = await verdict(smtp(1), mail(unsubscribeurl=url))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("bad_unsubscribe_url", FailureClass.CONTENT)


class TestInternationalAddresses:
    async def test_a_domain_goes_out_in_its_ascii_form(self) -> None:
        it = await received(mail("ana@españa.example.com"))
        assert it.recipients == ("ana@xn--espaa-rta.example.com",)
        assert it.message["To"] == "ana@xn--espaa-rta.example.com"

    async def test_a_local_part_goes_out_as_it_is_where_the_server_offers_smtputf8(self) -> None:
        it = await received(mail("mónica@example.com"))
        assert it.recipients == ("mónica@example.com",)
        assert "SMTPUTF8" in it.options
        assert "To: mónica@example.com\r\n".encode() in it.content

    async def test_a_local_part_is_refused_where_the_server_does_not(self) -> None:
        mailroom = Mailroom()
        async with mail_server(mailroom) as port:
            outcome = await verdict(smtp(port), mail("mónica@example.com"))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("smtputf8_not_offered", FailureClass.DESTINATION)
        assert mailroom.received == []

    async def test_a_refused_destination_is_named_as_it_was_given(self) -> None:
        mailroom = Mailroom(refused={"ana@xn--espaa-rta.example.com": "550 5.1.1 unknown"})
        async with mail_server(mailroom) as port:
            outcome = await verdict(smtp(port), mail("ana@españa.example.com", "luis@example.com"))
        assert isinstance(outcome, Accepted)
        assert [refused.destination for refused in outcome.refused] == ["ana@españa.example.com"]

    async def test_names_may_be_in_any_script(self) -> None:
        it = await received(mail(), sender='"Atención, Ñandú" <iris@example.com>')
        assert it.message["From"].addresses[0].display_name == "Atención, Ñandú"
