"""What Facebook Messenger tells (https://developers.facebook.com/docs/messenger-platform/reference/webhook-events)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field, FiniteFloat, JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, News, ProviderEvent
from domain.identifiers import is_id
from domain.payloads.base import MediaType
from domain.status import Milestone
from providers.base import UnreadableError
from providers.meta.messenger import ATTACHMENT_TYPES
from providers.meta.webhooks import Id, Instant, Part, Watermark, read, sender_id, unsupported
from providers.meta.wire import JsonObject

OBJECT: Final = "page"

MEDIA_TYPES: Final[Mapping[str, MediaType]] = {word: media_type for media_type, word in ATTACHMENT_TYPES.items()}

_LINK_PREVIEW: Final = "fallback"
"""The attachment that Messenger makes of a link in a text."""


class _Party(Part):
    id: Id


class _QuickReply(Part):
    payload: str


class _Coordinates(Part):
    lat: FiniteFloat
    long: FiniteFloat


class _AttachmentPayload(Part):
    url: str | None = None
    coordinates: _Coordinates | None = None


class _Attachment(Part):
    type: str
    payload: _AttachmentPayload | None = None


class _ReplyTo(Part):
    mid: str | None = None


class _Message(Part):
    """A message from an end user, or the echo of one of the page's own."""

    mid: Id
    is_echo: bool = False
    metadata: str | None = None
    text: str = ""
    quick_reply: _QuickReply | None = None
    reply_to: _ReplyTo | None = None
    attachments: tuple[_Attachment, ...] = ()


class _Postback(Part):
    """A tap on a button. Old ones have no `mid`."""

    mid: Id | None = None
    title: str = ""
    payload: str = ""


class _Reaction(Part):
    action: str
    mid: Id
    emoji: str = ""


class _Delivery(Part):
    mids: tuple[Id, ...] = ()
    watermark: Watermark | None = None


class _Read(Part):
    watermark: Watermark


class _Event(Part):
    """One thing that happened between the page and one end user."""

    sender: _Party | None = None
    recipient: _Party | None = None
    timestamp: Instant = None
    message: _Message | None = None
    postback: _Postback | None = None
    reaction: _Reaction | None = None
    delivery: _Delivery | None = None
    seen: Annotated[_Read | None, Field(alias="read")] = None

    @property
    def author(self) -> str:
        """The page-scoped id of whoever did it."""
        if self.sender is None:
            raise UnreadableError("an event has a sender")
        return self.sender.id


class _Entry(Part):
    id: str
    messaging: tuple[_Event, ...] = ()


def news(entries: Iterable[JsonValue], page_id: str) -> Iterator[News]:
    """What a webhook tells of one page; an app's webhook tells of all its pages.

    Raises:
        UnreadableError: if an entry is not of the documented form.
    """
    for content in entries:
        entry = read(_Entry, content)
        if entry.id == page_id:
            for event in entry.messaging:
                yield from _news(event, page_id)


def _news(event: _Event, page_id: str) -> Iterator[News]:
    if event.message is not None and event.message.is_echo:
        yield from _echo(event, event.message)
    elif event.message is not None:
        yield from _inbound(event, event.message)
    elif event.postback is not None:
        yield _tap(event, event.postback)
    elif event.reaction is not None:
        yield _reaction(event, event.reaction)
    elif event.delivery is not None:
        yield from _delivered(event, event.delivery, page_id)
    elif event.seen is not None:
        yield _up_to(event, event.seen.watermark, "read", Milestone.READ, page_id)


def _echo(event: _Event, message: _Message) -> Iterator[ProviderEvent]:
    """What the page itself sent: with an id of ours in its metadata, the proof that a send went out."""
    if message.metadata is not None and is_id(message.metadata):
        yield ProviderEvent(
            key=f"{message.mid}:echo",
            word="echo",
            milestone=Milestone.ACCEPTED,
            reference=message.metadata,
            provider_message_id=message.mid,
            destination=event.recipient.id if event.recipient else None,
            occurred_at=event.timestamp,
        )


def _delivered(event: _Event, delivery: _Delivery, page_id: str) -> Iterator[ProviderEvent]:
    """By the messages' ids where there are some: they say more than the time up to which all is delivered."""
    for mid in delivery.mids:
        yield ProviderEvent(
            key=f"{mid}:delivered",
            word="delivered",
            milestone=Milestone.DELIVERED,
            provider_message_id=mid,
            destination=event.author,
            # An id that we have not learnt yet is one of those until the watermark.
            up_to=delivery.watermark,
            occurred_at=event.timestamp or delivery.watermark,
        )
    if not delivery.mids and delivery.watermark is not None:
        yield _up_to(event, delivery.watermark, "delivered", Milestone.DELIVERED, page_id)


def _up_to(event: _Event, watermark: Watermark, word: str, milestone: Milestone, page_id: str) -> ProviderEvent:
    """News of every message that was sent to somebody before a moment."""
    return ProviderEvent(
        key=f"{page_id}:{event.author}:{watermark.isoformat()}:{word}",
        word=word,
        milestone=milestone,
        destination=event.author,
        up_to=watermark,
        occurred_at=event.timestamp or watermark,
    )


def _inbound(event: _Event, message: _Message) -> Iterator[InboundMessage]:
    """A message for each thing that was said: the first has the message's own id."""
    for position, payload in enumerate(_payloads(message)):
        message_id = f"{message.mid}#{position}" if position else message.mid
        yield _said(event, message_id, payload, message.reply_to.mid if message.reply_to else None)


def _payloads(message: _Message) -> list[JsonObject]:
    if message.quick_reply is not None:
        return [{"Type": "reply", "Id": message.quick_reply.payload, "Title": message.text}]
    attached = [_attached(attachment) for attachment in message.attachments if attachment.type != _LINK_PREVIEW]
    text: list[JsonObject] = [{"Type": "simple-text", "Text": message.text}] if message.text else []
    kind = message.attachments[0].type if message.attachments else "message"
    return [*text, *attached] or [unsupported(kind)]


def _attached(attachment: _Attachment) -> JsonObject:
    content = attachment.payload or _AttachmentPayload()
    if attachment.type in MEDIA_TYPES and content.url:
        return {"Type": "media", "Url": content.url, "MediaType": MEDIA_TYPES[attachment.type].value}
    if content.coordinates is not None:
        return {"Type": "location", "Latitude": content.coordinates.lat, "Longitude": content.coordinates.long}
    return unsupported(attachment.type)


def _tap(event: _Event, postback: _Postback) -> InboundMessage:
    moment = "" if event.timestamp is None else event.timestamp.isoformat()
    message_id = postback.mid or f"{event.author}:postback:{postback.payload}:{moment}"
    payload: JsonObject = {"Type": "reply", "Id": postback.payload or postback.title, "Title": postback.title}
    return _said(event, message_id, payload)


def _reaction(event: _Event, reaction: _Reaction) -> InboundMessage:
    """An emoji; an empty one takes the reaction back. It has no id of its own."""
    moment = "" if event.timestamp is None else event.timestamp.isoformat()
    emoji = reaction.emoji if reaction.action == "react" else ""
    message_id = f"{reaction.mid}:{event.author}:{reaction.action}:{moment}"
    return _said(event, message_id, {"Type": "reaction", "Emoji": emoji}, reaction.mid)


def _said(event: _Event, message_id: str, payload: JsonObject, in_reply_to: str | None = None) -> InboundMessage:
    return InboundMessage(
        provider_message_id=message_id,
        sender=sender_id(DestinationKind.PAGE_SCOPED_ID, event.author),
        sender_kind=DestinationKind.PAGE_SCOPED_ID,
        payload=payload,
        in_reply_to=in_reply_to,
        occurred_at=event.timestamp,
    )
