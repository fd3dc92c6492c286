"""Mail to our addresses: reports by machines, replies by people."""

import hashlib
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from domain.destinations import DestinationKind, InvalidDestinationError, normalise
from domain.events import InboundMessage, WebhookItem
from providers.base import UnreadableError
from providers.smtp.authors import Writer, author_of, writer_of
from providers.smtp.mail_contents import payload_of
from providers.smtp.mime import Entity, decode_words, read_message
from providers.smtp.status_events import Report

_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,200}>")


def read_mail(raw: bytes, reference: str, answered: str, own_addresses: Collection[str] = ()) -> Sequence[WebhookItem]:
    """Parse a mail to the address of one of our messages.

    Args:
        raw: the original mail.
        reference: of our message, from its address.
        answered: the `Message-ID` of our message.
        own_addresses: our sending addresses, in lower case.

    Raises:
        UnreadableError: if it has too many parts, or no author.
    """
    mail = read_message(raw)
    mail_id = _mail_id(mail, raw)
    occurred_at = _date(mail.header("date"))
    writer = writer_of(mail, own_addresses)
    if writer is not Writer.PERSON:
        return Report(mail_id, mail, writer, reference, answered, occurred_at).events()
    name, sender = _author(mail)
    return [
        InboundMessage(
            provider_message_id=mail_id,
            sender=sender,
            sender_kind=DestinationKind.EMAIL,
            sender_name=name,
            payload=payload_of(mail),
            in_reply_to=answered,
            occurred_at=occurred_at,
        )
    ]


def _author(mail: Entity) -> tuple[str, str]:
    """Return name and normalised address of the author."""
    name, address = author_of(mail.fields.get("from", ""))
    try:
        return decode_words(name), normalise(DestinationKind.EMAIL, address)
    except InvalidDestinationError as error:
        raise UnreadableError("no address in From") from error


def _mail_id(mail: Entity, raw: bytes) -> str:
    """Return the mail's own id, or a hash of the mail if it has none that can be stored."""
    found = _MESSAGE_ID.search(mail.header("message-id"))
    return found[0] if found else f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text[:100])
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None
