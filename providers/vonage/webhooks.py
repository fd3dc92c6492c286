"""Vonage webhooks: statuses of outbound messages, and inbound messages.

https://developer.vonage.com/en/api/messages#message-status and #inbound-message
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

from pydantic import (
    AwareDatetime,
    Field,
    FiniteFloat,
    JsonValue,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from domain.channels import Channel
from domain.destinations import InvalidDestinationError, reported
from domain.events import InboundMessage, ProviderEvent, WebhookItem
from domain.outcomes import FailureClass
from domain.payloads.texts import RcsText, SimpleText
from domain.status import Milestone
from providers.base import UnreadableError
from providers.lenient import Id, Optional, Part, ShortText, Text, each, read, read_document, unsupported
from providers.vonage.answers import Problem
from providers.vonage.codes import FAILURES, UNCERTAIN

STATUS_MAP: Final[Mapping[str, Milestone]] = {
    "submitted": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "rejected": Milestone.FAILED,
    "undeliverable": Milestone.FAILED,
}
"""Milestone of each `status` (https://developer.vonage.com/en/messages/concepts/messages-api-status-callbacks)."""

CHANNELS: Final[Mapping[str, Channel]] = {
    "sms": Channel.SMS,
    "mms": Channel.SMS,
    "whatsapp": Channel.WHATSAPP,
    "messenger": Channel.MESSENGER,
    "rcs": Channel.RCS,
}
"""Our channels by the names in webhooks; a number for SMS receives MMS too."""

MEDIA: Final[Mapping[str, str]] = {
    "image": "image",
    "sticker": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "vcard": "document",
}
"""Kind of media of an attachment, by its `message_type`."""


def _instant(value: object, handler: ValidatorFunctionWrapHandler) -> datetime | None:
    """Parse a time; an unreadable one is None, so that the event is not lost."""
    try:
        instant: datetime | None = handler(value)
        return instant and instant.astimezone(UTC)
    except (ValidationError, OverflowError):
        return None


class _News(Part):
    message_uuid: Annotated[Id, Field(max_length=200)]
    timestamp: Annotated[AwareDatetime | None, WrapValidator(_instant)] = None


class _Status(_News):
    status: ShortText
    channel: Text = ""
    to: Text = ""
    client_ref: Text = ""
    error: Optional[Problem] = None


class _Profile(Part):
    name: Text = ""


class _Context(Part):
    message_uuid: Text = ""


class _Inbound(_News, extra="allow"):
    channel: ShortText
    message_type: Text = ""
    sender: Annotated[Id, Field(alias="from")]
    profile: Optional[_Profile] = None
    context: Optional[_Context] = None

    def content(self) -> JsonValue:
        """Return the field that is named after the message's type."""
        return (self.model_extra or {}).get(self.message_type)


class _Attachment(Part):
    url: Id
    caption: Text = ""
    name: Text = ""


class _ContentPart(Part):
    """One of several parts of an MMS."""

    type: Text = ""
    url: Text = ""
    text: Text = ""
    caption: Text = ""
    name: Text = ""


class _Location(Part):
    lat: FiniteFloat
    long: FiniteFloat
    name: Text = ""
    address: Text = ""


class _Reply(Part):
    id: Text = ""
    title: Text = ""


class _Button(Part):
    payload: JsonValue = None
    text: Text = ""


class _Reaction(Part):
    emoji: Text = ""
    action: Text = ""


def read_events(body: bytes) -> Sequence[WebhookItem]:
    """Parse a webhook: one status, one message, or nothing if its channel is not ours.

    Raises:
        UnreadableError: if the body is neither.
    """
    content = read_document(body)
    if not isinstance(content, dict):
        raise UnreadableError("not a JSON object")
    if "status" in content:
        return (_event(read(_Status, content)),)
    message = read(_Inbound, content)
    channel = CHANNELS.get(message.channel)
    try:
        return (_message(message, channel),) if channel else ()
    except InvalidDestinationError as error:
        raise UnreadableError(str(error)) from error


def _event(received: _Status) -> ProviderEvent:
    provider_status = received.status.lower()
    code = received.error.code if received.error else None
    milestone = Milestone.NONE if code in UNCERTAIN else STATUS_MAP.get(provider_status, Milestone.NONE)
    return ProviderEvent(
        key=f"{received.message_uuid}:{provider_status}",
        provider_status=provider_status,
        milestone=milestone,
        reference=received.client_ref or None,
        provider_message_id=received.message_uuid,
        destination=_destination(received),
        occurred_at=received.timestamp,
        code=code,
        failure=FAILURES.get(code or "", FailureClass.OTHER) if milestone is Milestone.FAILED else None,
        detail=received.error.text if received.error else "",
    )


def _destination(received: _Status) -> str | None:
    channel = CHANNELS.get(received.channel)
    if channel is None or not received.to:
        return None
    try:
        return reported(channel, received.to).value
    except InvalidDestinationError:
        return None


def _message(received: _Inbound, channel: Channel) -> InboundMessage:
    sender = reported(channel, received.sender)
    return InboundMessage(
        provider_message_id=received.message_uuid,
        sender=sender.value,
        sender_kind=sender.key,
        sender_name=received.profile.name if received.profile else "",
        payload=_payload(received, channel),
        in_reply_to=(received.context.message_uuid if received.context else "") or None,
        occurred_at=received.timestamp,
    )


def _payload(received: _Inbound, channel: Channel) -> dict[str, JsonValue]:
    """Return a message's content as a payload; undocumented content becomes one of an unsupported kind."""
    kind = received.message_type
    reader = _READERS.get(kind)
    try:
        payload = reader(received.content()) if reader else {}
    except UnreadableError:
        payload = {}
    if kind == "text" and payload and channel is Channel.RCS:
        payload["Type"] = RcsText.wire_type
    return payload or unsupported(kind, received.content())


def _text(content: JsonValue) -> dict[str, JsonValue]:
    return {"Type": SimpleText.wire_type, "Text": content} if isinstance(content, str) and content else {}


def _media(media_type: str, content: JsonValue) -> dict[str, JsonValue]:
    attachment = read(_Attachment, content)
    further = {"Caption": attachment.caption, "FileName": attachment.name}
    return {"Type": "media", "Url": attachment.url, "MediaType": media_type, **_given(further)}


def _content(contents: JsonValue) -> dict[str, JsonValue]:
    """Return an MMS of several parts: its media as one payload, with its texts as their caption."""
    parts = list(each(_ContentPart, contents if isinstance(contents, list) else []))
    texts = "\n".join(text for part in parts for text in (part.text, part.caption) if text)
    media = [_of_part(part) for part in parts if part.url]
    if not media:
        return _text(texts)
    first, *others = media
    more: dict[str, JsonValue] = {"More": [*others]} if others else {}
    return {"Type": "media", **first, **_given({"Caption": texts}), **more}


def _of_part(part: _ContentPart) -> dict[str, JsonValue]:
    return {"Url": part.url, "MediaType": MEDIA.get(part.type, "document"), **_given({"FileName": part.name})}


def _location(content: JsonValue) -> dict[str, JsonValue]:
    place = read(_Location, content)
    further = {"Name": place.name, "Address": place.address}
    return {"Type": "location", "Latitude": place.lat, "Longitude": place.long, **_given(further)}


def _reply(content: JsonValue) -> dict[str, JsonValue]:
    reply = read(_Reply, content)
    return _tapped(reply.id, reply.title)


def _button(content: JsonValue) -> dict[str, JsonValue]:
    """Return a tap on a button of a template or a card; the object of a WhatsApp Flow has no type of ours."""
    button = read(_Button, content)
    return _tapped(button.payload, button.text) if isinstance(button.payload, str | None) else {}


def _tapped(answer: str | None, title: str) -> dict[str, JsonValue]:
    return {"Type": "reply", "Id": answer or title, "Title": title or answer} if answer or title else {}


def _reaction(content: JsonValue) -> dict[str, JsonValue]:
    """Return the emoji, empty if Vonage says that the reaction is removed."""
    reaction = read(_Reaction, content)
    if reaction.action == "unreact":
        return {"Type": "reaction", "Emoji": ""}
    return {"Type": "reaction", "Emoji": reaction.emoji} if reaction.emoji else {}


_READERS: Final[Mapping[str, Callable[[JsonValue], dict[str, JsonValue]]]] = {
    "text": _text,
    **{kind: partial(_media, media_type) for kind, media_type in MEDIA.items()},
    "content": _content,
    "location": _location,
    "reply": _reply,
    "button": _button,
    "reaction": _reaction,
}
"""Readers of a message's content by its `message_type`; a reader returns nothing for empty content."""


def _given(fields: Mapping[str, str | None]) -> dict[str, JsonValue]:
    return {name: text for name, text in fields.items() if text}
