"""Replies of people to the address of the message that they answer."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.destinations import DestinationKind
from domain.events import InboundMessage
from providers.base import UnreadableError
from tests.providers.smtp.mail import MESSAGE_ID, OWN_ADDRESS, answer, mail_receiver
from tests.providers.smtp.report_mails import RECORDED

FROM: Final = b"From: Ana <ana@example.com>\r\n"


def received(body: bytes) -> InboundMessage:
    (message,) = mail_receiver().parse(answer(body))
    assert isinstance(message, InboundMessage)
    return message


def reply(body: bytes = b"Hola", **headers: str) -> bytes:
    lines = [
        f"{name.replace('_', '-')}: {value}\r\n" for name, value in ({"From": "ana@example.com"} | headers).items()
    ]
    return "".join(lines).encode() + b"\r\n" + body


def payload(body: bytes) -> Mapping[str, Any]:
    return received(body).payload


def letter(text: str, html: str = "", files: Mapping[str, bytes] | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ana <ana@example.com>"
    message["Subject"] = "Re: Hola"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, content in (files or {}).items():
        message.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return message


class TestReply:
    def test_it_says_who_answers_what_and_when(self) -> None:
        message = received(
            reply(
                "Sí, allí estaré\r\n".encode(),
                From='"Gil, Ana" <Ana.Gil@EXAMPLE.com>',
                To=OWN_ADDRESS,
                Subject="=?utf-8?q?Re=3A_Ma=C3=B1ana?=",
                Date="Tue, 21 Jul 2026 10:30:00 +0200",
                Message_ID="<CAF1@mail.example.com>",
                In_Reply_To="<another@example.com>",
                Return_Path="<ana.gil@example.com>",
                Auto_Submitted="no",
            )
        )
        assert message == InboundMessage(
            provider_message_id="<CAF1@mail.example.com>",
            sender="Ana.Gil@example.com",
            sender_kind=DestinationKind.EMAIL,
            sender_name="Gil, Ana",
            payload={"Type": "email", "Subject": "Re: Mañana", "Body": "Sí, allí estaré", "Attachments": []},
            in_reply_to=MESSAGE_ID,
            occurred_at=datetime(2026, 7, 21, 8, 30, tzinfo=UTC),
        )

    @pytest.mark.parametrize(
        ("author", "sender", "name"),
        [
            ("ana@example.com", "ana@example.com", ""),
            ("ana@example.com (Ana)", "ana@example.com", "Ana"),
            ("=?utf-8?q?M=C3=B3nica?= <m@example.com>", "m@example.com", "Mónica"),
            ("mónica@example.com", "mónica@example.com", ""),
            ("Ana <ana@xn--espaa-rta.example>", "ana@españa.example", "Ana"),
            ("Ana\r\n <ana@example.com>", "ana@example.com", "Ana"),
            ('"eve@example.com" <ana@example.com>', "ana@example.com", "eve@example.com"),
            ("ana@example.com, luis@example.com", "ana@example.com", ""),
        ],
    )
    def test_the_sender_is_as_we_would_write_to_it(self, author: str, sender: str, name: str) -> None:
        message = received(reply(From=author))
        assert (message.sender, message.sender_name) == (sender, name)

    @pytest.mark.parametrize("author", ["", "ana", "<>", "undisclosed:;", "(" * 900, "a@b" * 400, "\x00@example.com"])
    def test_a_mail_from_nobody_is_unreadable(self, author: str) -> None:
        with pytest.raises(UnreadableError):
            mail_receiver().parse(answer(reply(From=author)))

    def test_the_same_mail_without_an_id_is_the_same_message(self) -> None:
        first, again, other = (received(reply(body)) for body in (b"Hola", b"Hola", b"Adios"))
        assert first == again
        assert first.provider_message_id != other.provider_message_id

    @pytest.mark.parametrize(
        "date", ["", "yesterday", "Tue, 21 Jul 99999 10:30:00 +0000", "Fri, 31 Dec 9999 23:00:00 -1400", "1 2 3 4 5"]
    )
    def test_a_time_that_is_none_is_none(self, date: str) -> None:
        assert received(reply(Date=date)).occurred_at is None

    def test_a_time_without_a_zone_is_universal(self) -> None:
        message = received(reply(Date="Tue, 21 Jul 2026 10:30:00 -0000"))
        assert message.occurred_at == datetime(2026, 7, 21, 10, 30, tzinfo=UTC)

    def test_a_line_that_a_pipe_puts_before_the_mail_is_no_header(self) -> None:
        assert payload(b"From ana@example.com Tue Jul 21 10:30:00 2026\n" + reply())["Body"] == "Hola"


class TestBody:
    def test_the_plain_text_is_read_and_files_are_kept_as_references(self) -> None:
        message = letter("Adjunto", "<p>Adjunto</p>", {"factura ñ.pdf": b"%PDF-1.4 x", "b.pdf": b""})
        assert payload(message.as_bytes()) == {
            "Type": "email",
            "Subject": "Re: Hola",
            "Body": "Adjunto",
            "Attachments": [
                {"FileName": "factura ñ.pdf", "MediaType": "application/pdf", "Size": 10},
                {"FileName": "b.pdf", "MediaType": "application/pdf", "Size": 0},
            ],
        }

    def test_html_alone_is_read_as_text(self) -> None:
        body = reply("<p>Sí,<br>allí <b>estaré</b></p>".encode(), Content_Type="text/html; charset=utf-8")
        assert payload(body)["Body"] == "Sí,\nallí estaré"

    def test_text_on_both_sides_of_a_picture_is_one_text(self) -> None:
        body = reply(
            b"--b\r\n\r\nOne\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo="
            b"\r\n--b\r\nContent-Type: TEXT/Plain\r\n\r\nTwo\r\n--b--\r\nepilogue",
            Content_Type="multipart/mixed; boundary=b",
        )
        assert payload(body)["Body"] == "One\n\nTwo"
        assert payload(body)["Attachments"] == [{"FileName": "", "MediaType": "image/png", "Size": 8}]

    def test_an_attached_mail_is_a_file_and_is_not_read(self) -> None:
        message = letter("Mire")
        message.add_attachment(letter("hidden"))
        (attached,) = payload(message.as_bytes())["Attachments"]
        assert (payload(message.as_bytes())["Body"], attached["MediaType"]) == ("Mire", "message/rfc822")

    def test_a_bounce_that_is_passed_on_is_a_file(self) -> None:
        message = letter(
            "¿Qué es esto?", files={"bounce.eml": (RECORDED / "exim-4.96_failed_headers.eml").read_bytes()}
        )
        assert payload(message.as_bytes())["Body"] == "¿Qué es esto?"

    @pytest.mark.parametrize(
        ("charset", "content", "text"),
        [
            ("iso-8859-1", b"ma\xf1ana", "mañana"),
            ('"utf-8"', "mañana".encode(), "mañana"),
            ("utf-16", "mañana".encode("utf-16"), "mañana"),
            ("us-ascii", "mañana".encode(), "mañana"),
            ("made-up", b"ma\xf1ana", "mañana"),
            ("zip", b"x", "x"),
            ("idna", b"x", "x"),
            ("unicode_escape", rb"\ud800x", "?x"),
            ("utf-8*=x", b"a\x00\x07b", "ab"),
            ("\x00", b"x", "x"),
        ],
    )
    def test_a_text_is_read_in_whatever_charset(self, charset: str, content: bytes, text: str) -> None:
        assert payload(reply(content, Content_Type=f"text/plain; charset={charset}"))["Body"] == text

    @pytest.mark.parametrize(
        ("encoding", "content", "text"),
        [
            ("base64", b"SG9s\r\nYQ==", "Hola"),
            ("BASE64", b"SG9sYQ", "Hola"),
            ("base64", b"S", "S"),
            ("quoted-printable", b"ma=C3=B1=\r\nana =zz", "mañana =zz"),
            ("x-uuencode", b"Hola", "Hola"),
        ],
    )
    def test_a_text_is_read_in_whatever_encoding(self, encoding: str, content: bytes, text: str) -> None:
        body = reply(content, Content_Type="text/plain; charset=utf-8", Content_Transfer_Encoding=encoding)
        assert payload(body)["Body"] == text

    def test_a_boundary_that_begins_like_another_is_another(self) -> None:
        body = reply(
            b"preamble\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\nOne\n--bb  \n\nTwo\n--bb--\n--b--",
            Content_Type="multipart/mixed; boundary=b",
        )
        assert payload(body)["Body"] == "One\n\nTwo"

    def test_a_long_text_is_cut(self) -> None:
        assert payload(reply(b"x" * 300_000))["Body"] == "x" * 200_000


PIECES: Final = [
    *(
        b"\r\n",
        b"\n",
        b" ",
        b"--b",
        b"--b--",
        b"--bb",
        b";",
        b'"',
        b"=",
        b"*0*=",
        b"=?utf-8?q?=0A?=",
        b"\xff",
        b"(",
        b"<",
    ),
    *(b"Content-Type: ", b"multipart/mixed; boundary=b", b"multipart/report; boundary=bb", b"text/html", b"; charset="),
    *(
        b"message/delivery-status",
        b"message/feedback-report",
        b"Action: failed",
        b"Status: 4.4.7",
        b"From: a@b.example",
    ),
    *(
        b"Content-Transfer-Encoding: base64",
        b"Final-Recipient: rfc822;",
        b"Date: ",
        b"Message-ID: <1@x>",
        b"utf-7",
        b"\x00",
    ),
    *(
        b"Content-Disposition: attachment; filename",
        b"filename*=utf-8''%00",
        b"+2AA-",
        b"Subject: ",
        b"Return-Path: <>",
    ),
]
LONG: Final = 1_000_000
BOUNCE: Final = (
    b"Return-Path: <>\nFrom: MAILER-DAEMON@example.com\n\nfailed addresses follow:\nThe following addresses had\n"
    b"Your message to:\nThis is the deliver program at\nHi. This is the\n\n"
)
"""Bounce for people, up to its addresses."""
HOSTILE: Final = {
    "empty lines": FROM + b"\r\n" + b"\n" * LONG,
    "a header without end": FROM + b"a:\n" * (LONG // 3),
    "a header of one line": FROM + b"X:" + b"\n " * (LONG // 2),
    "quotes in parameters": FROM + b'Content-Type: text/plain; x="' + b";" * LONG,
    "parameters": FROM + b"Content-Type: text/plain" + b"; a=b" * (LONG // 5),
    "comments": b"From: " + b"(" * LONG,
    "encoded words": FROM + b"Subject: " + b"=?utf-8?q?" * (LONG // 10),
    "parts": FROM + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * (LONG // 5),
    "nested parts": FROM
    + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(LONG // 60)),
    "parts within themselves": FROM + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * (LONG // 48),
    "almost boundaries": FROM + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b x\n" * (LONG // 6),
    "a slow charset": FROM
    + b"Content-Type: text/plain; charset=punycode\n\n"
    + b"a" * (LONG // 2)
    + b"-"
    + b"b" * LONG,
    "soft line breaks": FROM + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=\n" * (LONG // 2),
    "links": FROM + b"Content-Type: text/html\n\n" + b"<a href=x>" * (LONG // 10),
    "addresses in a bounce": BOUNCE + b"".join(b"user%d@example.com\n" % number for number in range(LONG // 20)),
    "spaces in a bounce": BOUNCE + (b" " * 250 + b"\n") * (LONG // 251),
    "brackets in a bounce": BOUNCE + b"<" * LONG,
    "words of a server": b"Return-Path: <>\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822;\n"
    b"Action: failed\nDiagnostic-Code: smtp; " + b"user mailbox host " * (LONG // 18),
    "recipients without a reason": b"Return-Path: <>\nContent-Type: multipart/report; boundary=b\n\n--b\n\n"
    + b"host user mailbox \n" * 2_000
    + b"--b\nContent-Type: message/delivery-status\n\n"
    + b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.0.0\n\n" * 1_000,
    "recipients": b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
    + b"Action: failed\n\n" * (LONG // 16),
}


class TestHostileMail:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_it_is_read_within_bounds_or_unreadable(self, name: str) -> None:
        started = time.process_time()
        try:
            size = len(repr(mail_receiver().parse(answer(HOSTILE[name]))))
        except UnreadableError:
            size = 0
        assert size < 400_000
        assert time.process_time() - started < 3

    @settings(max_examples=100, deadline=None)
    @given(pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=40))
    @example(pieces=[b"Content-Type: text/plain; name*99999999999999999999=x\n\n"])
    @example(pieces=[b"Content-Type: text/plain; name*0=x; name*=y\n\n"])
    @example(pieces=[b"Content-Type: multipart/mixed; boundary*=unicode_escape''%5Cud800\n\n"])
    @example(pieces=[b"Content-Type: text/plain; charset*=unicode_escape''%5Cud800; name*=utf-7''%2b2AA-\n\n"])
    def test_any_mail_is_an_item_or_unreadable(self, pieces: list[bytes]) -> None:
        webhook = answer(FROM + b"".join(pieces))
        started = time.process_time()
        try:
            items = mail_receiver().parse(webhook)
        except UnreadableError:
            return
        assert time.process_time() - started < 3
        assert items
        assert items == mail_receiver().parse(webhook)
        for message in items:
            message.model_dump_json()

    @settings(max_examples=100, deadline=None)
    @given(
        text=st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], include_characters="\n"), max_size=200),
        subject=st.text(st.characters(codec="latin-1", exclude_categories=["C"]), max_size=80),
        names=st.lists(st.from_regex(r"[a-zñ一 ]{0,20}x\.pdf", fullmatch=True), max_size=3, unique=True),
        contents=st.lists(st.binary(max_size=200), min_size=3, max_size=3),
    )
    def test_a_mail_composed_by_the_standard_library_is_read_unchanged(
        self, text: str, subject: str, names: list[str], contents: list[bytes]
    ) -> None:
        message = letter(text, "<p>x</p>", dict(zip(names, contents, strict=False)))
        message.replace_header("Subject", subject)
        read = payload(message.as_bytes())
        assert read["Subject"].split() == subject.split()
        assert read["Body"] == (text.strip() or "x")
        assert [(it["FileName"], it["Size"]) for it in read["Attachments"]] == [
            (" ".join(name.split()), len(content)) for name, content in zip(names, contents, strict=False)
        ]
