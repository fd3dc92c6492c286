"""Files that go with a mail, as a real server over STARTTLS gets them."""

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
from tests.providers.smtp_mail import KNOWN, mail, smtp
from tests.providers.smtp_servers import Authority, Mailroom, mail_server

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
