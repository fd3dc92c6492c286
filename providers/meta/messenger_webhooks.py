"""Messenger webhooks (https://developers.facebook.com/docs/messenger-platform/reference/webhook-events)."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated, Final

from pydantic import Field, FiniteFloat, JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, ProviderEvent, WebhookItem
from domain.identifiers import is_id
from domain.payloads.base import MediaType
from domain.status import Milestone
from providers.base import UnreadableError
from providers.lenient import Id, Optional, Part, Text, Values, each, read, read_each, unsupported
from providers.meta.json_fields import JsonObject, present
from providers.meta.messenger_messages import ATTACHMENT_TYPES
from providers.meta.webhook_parts import Instant, Watermark, sender_id

OBJECT: Final = "page"

MEDIA_TYPES: Final[Mapping[str, MediaType]] = {
    provider_status: media_type for media_type, provider_status in ATTACHMENT_TYPES.items()
}

_LINK_PREVIEW: Final = "fallback"
"""Attachment that Messenger adds for a shared link, also for one in a text."""


class _Party(Part):
    id: Id


class _QuickReply(Part):
    payload: Id


class _Coordinates(Part):
    lat: FiniteFloat
    long: FiniteFloat


class _AttachmentPayload(Part):
    url: Text = ""
    title: Text = ""
    coordinates: Optional[_Coordinates] = None


class _Attachment(Part):
    """Attachment beside the text; old previews of links have title and address outside of `payload`."""

    type: Text = ""
    title: Text = ""
    url: Text = ""
    payload: Optional[_AttachmentPayload] = None


class _ReplyTo(Part):
    mid: Text = ""


class _Message(Part):
    """Message from an end user, or the echo of one of the page's own."""

    mid: Id
    is_echo: Optional[bool] = None
    metadata: Text = ""
    text: Text = ""
    quick_reply: Optional[_QuickReply] = None
    reply_to: Optional[_ReplyTo] = None
    attachments: Values = ()


class _Postback(Part):
    """Tap on a button. Old ones have no `mid`."""

    mid: Text = ""
    title: Text = ""
    payload: Text = ""


class _MessageEdit(Part):
    """Edited text (https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/message-edits)."""

    mid: Id
    text: Text = ""
    num_edit: Text = ""


class _Reaction(Part):
    """Reaction; an emoji that Messenger does not know has only a name, such as `other`."""

    action: Text = ""
    mid: Id
    emoji: Text = ""
    reaction: Text = ""


class _Delivery(Part):
    mids: Values = ()
    watermark: Watermark | None = None


class _Read(Part):
    watermark: Watermark


class _Event(Part):
    """Event between the page and one end user."""

    sender: Optional[_Party] = None
    recipient: Optional[_Party] = None
    timestamp: Instant = None
    message: _Message | None = None
    message_edit: _MessageEdit | None = None
    postback: _Postback | None = None
    reaction: _Reaction | None = None
    delivery: _Delivery | None = None
    seen: Annotated[_Read | None, Field(alias="read")] = None

    @property
    def author(self) -> str:
        """Page-scoped id of the user who caused it."""
        if self.sender is None:
            raise UnreadableError("an event has a sender")
        return self.sender.id


class _Entry(Part):
    id: Id
    messaging: Values = ()


def webhook_items(entries: Iterable[JsonValue], page_id: str) -> Iterator[WebhookItem]:
    """Parse the items about one page; an app's webhook covers all its pages."""
    return read_each(entries, partial(_of_entry, page_id))


def _of_entry(page_id: str, content: JsonValue) -> Iterator[WebhookItem]:
    entry = read(_Entry, content)
    return read_each(entry.messaging, partial(_items_of_event, page_id)) if entry.id == page_id else iter(())


def _items_of_event(page_id: str, content: JsonValue) -> Iterator[WebhookItem]:
    event = read(_Event, content)
    if event.message is not None and event.message.is_echo:
        yield from _echo(event, event.message)
    elif event.message is not None:
        yield from _inbound(event, event.message)
    elif event.message_edit is not None:
        yield _edited(event, event.message_edit)
    elif event.postback is not None:
        yield _tap(event, event.postback)
    elif event.reaction is not None:
        yield _reaction(event, event.reaction)
    elif event.delivery is not None:
        yield from _delivered(event, event.delivery, page_id)
    elif event.seen is not None:
        yield _up_to(event, event.seen.watermark, "read", Milestone.READ, page_id)


def _echo(event: _Event, message: _Message) -> Iterator[ProviderEvent]:
    """Parse an echo of the page's own message: an id of ours in its metadata proves that a send went out."""
    if is_id(message.metadata):
        yield ProviderEvent(
            key=f"{message.mid}:echo",
            provider_status="echo",
            milestone=Milestone.ACCEPTED,
            reference=message.metadata,
            provider_message_id=message.mid,
            destination=event.recipient.id if event.recipient else None,
            occurred_at=event.timestamp,
        )


def _delivered(event: _Event, delivery: _Delivery, page_id: str) -> Iterator[ProviderEvent]:
    """Parse a delivery by message ids if it has some: they are more specific than the watermark."""
    mids = [mid for mid in delivery.mids if isinstance(mid, str) and mid]
    for mid in mids:
        yield ProviderEvent(
            key=f"{mid}:delivered",
            provider_status="delivered",
            milestone=Milestone.DELIVERED,
            provider_message_id=mid,
            destination=event.author,
            # The watermark covers messages whose id we do not know yet.
            up_to=delivery.watermark,
            occurred_at=event.timestamp or delivery.watermark,
        )
    if delivery.mids and not mids and delivery.watermark is None:
        raise UnreadableError("a delivery names no message")
    if not mids and delivery.watermark is not None:
        yield _up_to(event, delivery.watermark, "delivered", Milestone.DELIVERED, page_id)


def _up_to(
    event: _Event, watermark: Watermark, provider_status: str, milestone: Milestone, page_id: str
) -> ProviderEvent:
    """Return an event about every message to a user before an instant."""
    return ProviderEvent(
        key=f"{page_id}:{event.author}:{watermark.isoformat()}:{provider_status}",
        provider_status=provider_status,
        milestone=milestone,
        destination=event.author,
        up_to=watermark,
        occurred_at=event.timestamp or watermark,
    )


def _inbound(event: _Event, message: _Message) -> Iterator[InboundMessage]:
    """Return a message for each part of the content; the first has the message's own id."""
    answered = (message.reply_to.mid if message.reply_to else "") or None
    for position, payload in enumerate(_payloads(message)):
        message_id = f"{message.mid}#{position}" if position else message.mid
        yield _said(event, message_id, payload, answered)


def _payloads(message: _Message) -> list[JsonObject]:
    if message.quick_reply is not None:
        reply = message.quick_reply.payload
        return [{"Type": "reply", "Id": reply, "Title": message.text or reply}]
    attachments = list(each(_Attachment, message.attachments))
    # A preview repeats the text; without a text it is the only content.
    attached = [_attached(one) for one in attachments if not (message.text and one.type == _LINK_PREVIEW)]
    text: list[JsonObject] = [{"Type": "simple-text", "Text": message.text}] if message.text else []
    return [*text, *attached] or [unsupported("message")]


def _attached(attachment: _Attachment) -> JsonObject:
    content = attachment.payload or _AttachmentPayload()
    if attachment.type in MEDIA_TYPES and content.url:
        return {"Type": "media", "Url": content.url, "MediaType": MEDIA_TYPES[attachment.type].value}
    if content.coordinates is not None:
        return {"Type": "location", "Latitude": content.coordinates.lat, "Longitude": content.coordinates.long}
    address = content.url or attachment.url
    if attachment.type == _LINK_PREVIEW and address:
        title = content.title or attachment.title
        return {"Type": "simple-text", "Text": "\n".join(filter(None, (title, address)))}
    return unsupported(attachment.type or "message") | present(Url=address, Title=content.title or attachment.title)


def _edited(event: _Event, edit: _MessageEdit) -> InboundMessage:
    """Return the message in its current version; an edit has no id of its own."""
    said: JsonObject = {"Type": "simple-text", "Text": edit.text} if edit.text else unsupported("message_edit")
    return _said(event, f"{edit.mid}:edit:{edit.num_edit}", said | {"Edited": True}, edit.mid)


def _tap(event: _Event, postback: _Postback) -> InboundMessage:
    if not (postback.payload or postback.title):
        raise UnreadableError("a postback has a payload")
    moment = "" if event.timestamp is None else event.timestamp.isoformat()
    message_id = postback.mid or f"{event.author}:postback:{postback.payload}:{moment}"
    payload: JsonObject = {"Type": "reply", "Id": postback.payload or postback.title}
    payload["Title"] = postback.title or postback.payload
    return _said(event, message_id, payload)


def _reaction(event: _Event, reaction: _Reaction) -> InboundMessage:
    """Return the emoji, empty if it is removed. A reaction has no id of its own.

    https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/message-reactions
    """
    moment = "" if event.timestamp is None else event.timestamp.isoformat()
    message_id = f"{reaction.mid}:{event.author}:{reaction.action}:{moment}"
    return _said(event, message_id, _reacted(reaction), reaction.mid)


def _reacted(reaction: _Reaction) -> JsonObject:
    if reaction.action == "unreact":
        return {"Type": "reaction", "Emoji": ""}
    if not reaction.emoji:
        return unsupported(f"reaction/{reaction.reaction}" if reaction.reaction else "reaction")
    return {"Type": "reaction", "Emoji": reaction.emoji}


def _said(event: _Event, message_id: str, payload: JsonObject, in_reply_to: str | None = None) -> InboundMessage:
    return InboundMessage(
        provider_message_id=message_id,
        sender=sender_id(DestinationKind.PAGE_SCOPED_ID, event.author),
        sender_kind=DestinationKind.PAGE_SCOPED_ID,
        payload=payload,
        in_reply_to=in_reply_to,
        occurred_at=event.timestamp,
    )
