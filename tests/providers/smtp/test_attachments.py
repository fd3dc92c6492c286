"""Files in a mail, as a real server over STARTTLS receives them."""

import base64
import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import Accepted
from domain.payloads import InvalidPayloadError, parse_payload
from domain.payloads.email import Attachment
from tests.providers.smtp.mail import KNOWN, composed, mail, smtp
from tests.providers.smtp.servers import Authority, Mailroom, mail_server

authority = Authority()

PDF = b"%PDF-1.7 \x00\xff\r\n.\r\n"
INVOICE: dict[str, JsonValue] = {
    "FileName": "factura ñ.pdf",
    "MediaType": "application/pdf",
    "Content": base64.b64encode(PDF).decode(),
}


async def test_a_mail_in_html_with_a_file_arrives_whole() -> None:
    room = Mailroom()
    payload: dict[str, JsonValue] = {"isHtml": True, "attachments": [INVOICE]}
    async with mail_server(room, starttls=authority.server_context(), auth=True) as port:
        provider = smtp(port, KNOWN, security="starttls", trustedCertificates=authority.certificate)
        outcome = await provider.send(mail(body="<p>Su <b>factura</b></p>", **payload))
    assert isinstance(outcome, Accepted)
    (received,) = room.received
    assert received.under_tls
    message = email.message_from_bytes(received.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/mixed"
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("factura ñ.pdf", "application/pdf")
    assert attached.get_content() == PDF
    body = message.get_body(("html",))
    assert body is not None
    assert "<b>factura</b>" in body.get_content()


FORWARDED = b"From: a@b.example\r\nSubject: =?utf-8?q?x?=\r\n folded\r\n\r\nhola\r\n.\r\n--\r\n"
DOES_NOT = {
    "line feeds alone": FORWARDED.replace(b"\r\n", b"\n"),
    "bytes beyond ASCII": FORWARDED + "ñ".encode(),
    "a long line": FORWARDED + b"x" * 999,
    "a zero byte": FORWARDED + b"\0",
}


def file(media_type: str, content: bytes, name: str = "m.eml") -> JsonValue:
    return {"FileName": name, "MediaType": media_type, "Content": base64.b64encode(content).decode()}


def attached(media_type: str, *contents: bytes, is_html: bool = False) -> list[EmailMessage]:
    """Attachments of a mail as a server receives them."""
    files: list[JsonValue] = [file(media_type, content, f"m ñ{number}.eml") for number, content in enumerate(contents)]
    sent = composed(mail(attachments=files, isHtml=is_html)).content
    message = email.message_from_bytes(sent, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return list(message.iter_attachments())


class TestMessagesAsAttachments:
    """RFC 2046 §5.2.1 and RFC 2045 §6.4: `message/*` and `multipart/*` must not be in base64."""

    @pytest.mark.parametrize("is_html", [False, True])
    def test_a_mail_that_can_travel_as_it_is_does(self, is_html: bool) -> None:
        parts = attached("message/rfc822", FORWARDED, FORWARDED, is_html=is_html)
        assert [part.get_content_type() for part in parts] == ["message/rfc822"] * 2
        assert [part["content-transfer-encoding"] for part in parts] == ["7bit"] * 2
        assert [part.get_filename() for part in parts] == ["m ñ0.eml", "m ñ1.eml"]
        assert composed(mail(attachments=[file("message/rfc822", FORWARDED)])).content.count(FORWARDED) == 1

    @pytest.mark.parametrize("name", DOES_NOT)
    def test_a_mail_that_cannot_goes_as_bytes(self, name: str) -> None:
        (part,) = attached("message/rfc822", DOES_NOT[name])
        assert (part.get_content_type(), part.get_content()) == ("application/octet-stream", DOES_NOT[name])

    @pytest.mark.parametrize(
        "media_type", ["multipart/related", "multipart/mixed", "message/delivery-status", "message/partial"]
    )
    def test_media_types_of_messages_are_attached_as_bytes(self, media_type: str) -> None:
        (part,) = attached(media_type, FORWARDED)
        assert (part.get_content_type(), part.get_content()) == ("application/octet-stream", FORWARDED)
        assert part.get_filename() == "m ñ0.eml"

    @given(
        media_type=st.from_regex(r"(multipart|message|text|application|x)/[a-zA-Z0-9.+_-]{1,20}", fullmatch=True),
        content=st.binary(max_size=200),
    )
    def test_a_file_of_any_type_is_composed_and_arrives_as_it_was(self, media_type: str, content: bytes) -> None:
        (part,) = attached(media_type, content)
        assert part.get_payload(decode=True) == content


@pytest.mark.parametrize(
    "name", ["", "../secret", "a\\b", "a\r\nBcc: eva@x.es", "=?utf-8?q?a=0D=0ABcc:_eva?=", "x" * 201]
)
def test_a_name_that_is_no_files_is_refused_by_its_field(name: str) -> None:
    payload: dict[str, JsonValue] = {"Type": "email", "Body": "Hola", "Attachments": [{**INVOICE, "FileName": name}]}
    with pytest.raises(InvalidPayloadError) as refused:
        parse_payload(Channel.EMAIL, payload)
    assert [problem.field for problem in refused.value.problems] == ["payLoad.Attachments[0].FileName"]


@pytest.mark.parametrize("content", ["?", "YQ", "YQ==\n", "ñ"])
def test_content_that_is_no_base64_is_refused_by_its_field(content: str) -> None:
    payload: dict[str, JsonValue] = {"Type": "email", "Body": "Hola", "Attachments": [{**INVOICE, "Content": content}]}
    with pytest.raises(InvalidPayloadError) as refused:
        parse_payload(Channel.EMAIL, payload)
    assert [problem.field for problem in refused.value.problems] == ["payLoad.Attachments[0].Content"]


@given(content=st.binary(max_size=500))
def test_any_bytes_are_read_as_they_were_given(content: bytes) -> None:
    encoded = base64.b64encode(content).decode()
    assert Attachment.model_validate({**INVOICE, "Content": encoded}).data() == content
