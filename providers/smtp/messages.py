"""Composition of the message for a mail server (RFC 5322)."""

import email.policy
import email.utils
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Final

from pydantic import HttpUrl

from domain.clock import utc_now
from domain.outcomes import FailureClass
from domain.payloads import Payload
from domain.payloads.email import Email
from providers.base import Outbound
from providers.smtp.mailbox import Mailbox, is_line_of_text, read_mailbox
from providers.smtp.plain_text import html_to_text
from providers.smtp.responses import RefusalError
from providers.smtp.settings import SmtpConfiguration

_POLICY: Final = email.policy.SMTP.clone(cte_type="7bit")
"""Bodies in ASCII and in short lines, which every server accepts and none has to rewrite."""

_MAX_UNFOLDED_SUBJECT_LENGTH: Final = 60
"""Characters that fit into the one line of 78 (RFC 5322 §2.1.1)."""

_MAX_LINE_LENGTH: Final = 998
"""Characters of a line of a message, without its end (RFC 5322 §2.1.1)."""

_MAX_URL_LENGTH: Final = 900
"""Characters that fit, with the header's name, into the longest line of 998 (RFC 5322 §2.1.1)."""


@dataclass(frozen=True, slots=True)
class Mail:
    """Message in its envelope.

    Attributes:
        message_id: with its brackets; the same whenever the same interaction is composed.
        sender: the address for bounces.
        destinations: the addresses of the interaction's own destinations.
        recipients: all recipients of the message, by address.
        envelope_id: our reference, if delivery reports are wanted.
        content: the argument of DATA, before dot-stuffing.
        is_international: whether the server must offer SMTPUTF8.
    """

    message_id: str
    sender: Mailbox
    destinations: Sequence[str]
    recipients: Mapping[str, Mailbox]
    envelope_id: str | None
    content: bytes
    is_international: bool


@dataclass(frozen=True, slots=True)
class _Parties:
    """Sender and recipients of a message."""

    author: Mailbox
    to: Sequence[Mailbox]
    cc: Sequence[Mailbox]
    bcc: Sequence[Mailbox]
    reply_to: Sequence[Mailbox]

    def everybody(self) -> Sequence[Mailbox]:
        return (self.author, *self.to, *self.cc, *self.bcc, *self.reply_to)


class _Subject(str):
    """Subject that is read exactly as it was written.

    `email` decodes what looks like an encoded word (RFC 2047) in a header it is given, line breaks included, so that
    `=?utf-8?q?=0D=0ABcc:…?=` would write a header of its own (Python 3.11.7). Hence this header folds itself, by the
    interface of `email.headerregistry`: unchanged if that is safe, else in encoded words.
    """

    __slots__ = ()
    name: Final = "Subject"

    def fold(self, *, policy: EmailPolicy) -> str:
        safe = (
            self.isascii() and "=?" not in self and self == self.strip() and len(self) <= _MAX_UNFOLDED_SUBJECT_LENGTH
        )
        text = self if safe else Header(self, "utf-8", header_name=self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {text}{policy.linesep}"


class _ListUnsubscribe(str):
    """Header with the URL that ends a subscription (RFC 2369 §3.2), in one line.

    It folds itself for the reason of `_Subject`.
    """

    __slots__ = ()
    name: Final = "List-Unsubscribe"

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: <{self}>{policy.linesep}"


def message_id(configuration: SmtpConfiguration, reference: str) -> str:
    """Return the `Message-ID` of an interaction's message, with its brackets."""
    return f"<{reference}@{configuration.own_domain}>"


def compose(configuration: SmtpConfiguration, outbound: Outbound, return_path: Mailbox | None = None) -> Mail:
    """Compose the message and the envelope of an interaction.

    Args:
        configuration: of the sender.
        outbound: the content and its recipients.
        return_path: the message's own address for answers, if it has one.

    Raises:
        RefusalError: if an address, the subject or the unsubscribe URL cannot be part of a message.
    """
    payload = _email(outbound.payload)
    reply_to = _reply_to(payload, return_path if configuration.replies_to_iris else None)
    parties = _Parties(
        author=read_mailbox(configuration.sender),
        to=_mailboxes("Destinations", outbound.destinations, FailureClass.DESTINATION),
        cc=_mailboxes("payLoad.Cc", payload.cc),
        bcc=_mailboxes("payLoad.Bcc", payload.bcc),
        reply_to=reply_to,
    )
    sender = return_path or read_mailbox(configuration.envelope_sender or configuration.sender)
    own_id = message_id(configuration, outbound.reference)
    is_international = any(mailbox.is_international for mailbox in (sender, *parties.everybody()))
    message = EmailMessage(_POLICY.clone(utf8=is_international))
    _set_headers(message, own_id, parties, payload)
    _set_unsubscribe_url(message, payload.unsubscribe_url or outbound.unsubscribe_url)
    _set_body(message, payload)
    to = {mailbox.address: mailbox for mailbox in parties.to}
    return Mail(
        message_id=own_id,
        sender=sender,
        destinations=tuple(to),
        recipients={**to, **{mailbox.address: mailbox for mailbox in (*parties.cc, *parties.bcc)}, **to},
        envelope_id=outbound.reference if return_path else None,
        content=message.as_bytes(),
        is_international=is_international,
    )


def _email(payload: Payload) -> Email:
    if not isinstance(payload, Email):
        raise RefusalError("payload_not_supported", FailureClass.CONTENT, f"{payload.type} is no e-mail")
    if not is_line_of_text(payload.subject):
        raise RefusalError("bad_subject", FailureClass.CONTENT, "payLoad.Subject has control characters")
    return payload


def _reply_to(payload: Email, otherwise: Mailbox | None) -> list[Mailbox]:
    if payload.reply_to is not None:
        return [_mailbox("payLoad.ReplyTo", payload.reply_to)]
    return [] if otherwise is None else [otherwise]


def _mailboxes(field: str, texts: Sequence[str], failure: FailureClass = FailureClass.CONTENT) -> list[Mailbox]:
    return [_mailbox(f"{field}[{position}]", text, failure) for position, text in enumerate(texts)]


def _mailbox(field: str, text: str, failure: FailureClass = FailureClass.CONTENT) -> Mailbox:
    try:
        return read_mailbox(text)
    except ValueError as error:
        raise RefusalError("bad_address", failure, f"{field}: {error}") from error


def _set_headers(message: EmailMessage, own_id: str, parties: _Parties, payload: Email) -> None:
    message["Message-ID"] = own_id
    message["Date"] = email.utils.format_datetime(utc_now())
    message["Auto-Submitted"] = "auto-generated"  # so that no vacation notice answers (RFC 3834 §2)
    mailboxes = {"From": [parties.author], "To": parties.to, "Cc": parties.cc, "Reply-To": parties.reply_to}
    for name, those in mailboxes.items():
        if those:
            message[name] = [mailbox.for_header() for mailbox in those]
    if payload.subject:
        message["Subject"] = _Subject(payload.subject)


def _set_unsubscribe_url(message: EmailMessage, url: str | None) -> None:
    if url is not None:
        message["List-Unsubscribe"] = _ListUnsubscribe(_unsubscribe_url(url))
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058 §3.1


def _unsubscribe_url(text: str) -> str:
    """Return the URL in ASCII, which has no line breaks and no angle brackets."""
    url = HttpUrl(text)
    if url.scheme != "https" or len(str(url)) > _MAX_URL_LENGTH:
        raise RefusalError(
            "bad_unsubscribe_url",
            FailureClass.CONTENT,
            f"payLoad.UnsubscribeUrl must begin with https:// and have at most {_MAX_URL_LENGTH} characters",
        )
    return str(url)


def _set_body(message: EmailMessage, payload: Email) -> None:
    if payload.is_html:
        message.set_content(html_to_text(payload.body))
        message.add_alternative(payload.body, subtype="html")
    else:
        message.set_content(payload.body)
    for attachment in payload.attachments:
        _attach(message, attachment.file_name, attachment.media_type.lower(), attachment.data())


def _attach(message: EmailMessage, file_name: str, media_type: str, content: bytes) -> None:
    """Add a file whose bytes reach the reader unchanged.

    The types `message/*` and `multipart/*` must not be encoded (RFC 2046 §5.2.1, RFC 2045 §6.4), so a mail is attached
    unencoded if it can travel so; other files of these types become plain bytes.
    """
    maintype, _, subtype = media_type.partition("/")
    if maintype not in {"message", "multipart"}:
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=file_name)
    elif media_type == "message/rfc822" and _is_plain(content):
        part = EmailMessage(message.policy)
        part["Content-Type"] = media_type
        part["Content-Transfer-Encoding"] = "7bit"
        part.add_header("Content-Disposition", "attachment", filename=file_name)
        part.set_payload(content.decode("ascii"))
        if message.get_content_type() != "multipart/mixed":
            message.make_mixed()
        message.attach(part)
    else:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=file_name)


def _is_plain(content: bytes) -> bool:
    """Whether bytes satisfy `7bit`: ASCII without NUL, in lines that end in CRLF (RFC 2045 §2.7)."""
    lines = content.split(b"\r\n")
    return content.isascii() and not any(
        len(line) > _MAX_LINE_LENGTH or b"\n" in line or b"\r" in line or b"\0" in line for line in lines
    )
