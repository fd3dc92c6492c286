"""Mail that comes to our addresses: reports by machines, replies by people."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

from pydantic import JsonValue

from domain.destinations import DestinationKind, InvalidDestinationError, normalise
from domain.events import InboundMessage, News
from domain.payloads.email import Email
from providers.base import UnreadableError
from providers.smtp.mime import Entity, decode_words, read_message
from providers.smtp.plain_text import html_to_text
from providers.smtp.reports import Report

LONGEST_BODY: Final = 200_000
"""Characters that are kept of a reply's text."""

_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,200}>")
_LONGEST_MAILBOX: Final = 998
_MOST_COMMENTS: Final = 20
"""Opening brackets in a mailbox: `email.utils` goes one call deeper for each."""


def read_mail(raw: bytes, reference: str, answered: str) -> Sequence[News]:
    """What a mail tells that came to the address of one of our messages.

    Args:
        raw: the mail as it came.
        reference: of our message, as its address says.
        answered: the `Message-ID` of our message.

    Raises:
        UnreadableError: if it has too many parts, or nobody wrote it.
    """
    mail = read_message(raw)
    mail_id = _mail_id(mail, raw)
    occurred_at = _date(mail.header("date"))
    if _is_automatic(mail):
        return Report(mail_id, mail, reference, answered, occurred_at).events()
    name, sender = _author(mail.fields.get("from", ""))
    return [
        InboundMessage(
            provider_message_id=mail_id,
            sender=sender,
            sender_kind=DestinationKind.EMAIL,
            sender_name=name,
            payload=_payload(mail),
            in_reply_to=answered,
            occurred_at=occurred_at,
        )
    ]


def _is_automatic(mail: Entity) -> bool:
    """Whether a machine wrote it: as RFC 3834 §5 marks it, to no return path, or as a report."""
    submitted = mail.header("auto-submitted").partition(";")[0].strip().lower()
    return (
        submitted not in {"", "no"}
        or mail.header("return-path").replace(" ", "") == "<>"
        or mail.media_type == "multipart/report"
    )


def _payload(mail: Entity) -> dict[str, JsonValue]:
    leaves = list(mail.leaves())
    return {
        "Type": Email.wire_type,
        "Subject": mail.header("subject"),
        "Body": _body([leaf for leaf in leaves if not leaf.is_attached]),
        "Attachments": [
            {"FileName": leaf.file_name, "MediaType": leaf.media_type, "Size": len(leaf.decoded())}
            for leaf in leaves
            if leaf.is_attached or not leaf.media_type.startswith("text/")
        ],
    }


def _body(leaves: Sequence[Entity]) -> str:
    """The plain text, which may be in several parts; without any, that of the HTML."""
    for media_type, to_text in (("text/plain", str.strip), ("text/html", html_to_text)):
        texts = [to_text(leaf.text(LONGEST_BODY)) for leaf in leaves if leaf.media_type == media_type]
        if any(texts):
            return "\n\n".join(filter(None, texts))[:LONGEST_BODY]
    return ""


def _author(mailbox: str) -> tuple[str, str]:
    """Name and normalised address of who wrote it."""
    if len(mailbox) > _LONGEST_MAILBOX or mailbox.count("(") > _MOST_COMMENTS:
        raise UnreadableError("no address in From")
    # Of several authors the first; `parseaddr` takes several for none since Python mended CVE-2023-27043.
    name, address = next(iter(getaddresses([mailbox])), ("", ""))
    try:
        return decode_words(name), normalise(DestinationKind.EMAIL, address)
    except InvalidDestinationError as error:
        raise UnreadableError("no address in From") from error


def _mail_id(mail: Entity, raw: bytes) -> str:
    """The mail's own id, or a hash of it where it has none that can be kept."""
    found = _MESSAGE_ID.search(mail.header("message-id"))
    return found[0] if found else f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text[:100])
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None
