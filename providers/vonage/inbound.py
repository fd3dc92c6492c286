"""Inbound messages (https://developer.vonage.com/en/api/messages#inbound-message)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Final

from pydantic import Field, FiniteFloat, JsonValue

from domain.channels import Channel
from domain.destinations import InvalidDestinationError, reported
from domain.events import InboundMessage
from domain.payloads.texts import RcsText, SimpleText
from providers.base import UnreadableError
from providers.lenient import Id, Optional, Part, ShortText, Text, each, read, unsupported
from providers.vonage.webhook_parts import CHANNELS, Report

MEDIA: Final[Mapping[str, str]] = {
    "image": "image",
    "sticker": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "vcard": "document",
}
"""Kind of media of an attachment, by its `message_type`."""


class _Profile(Part):
    name: Text = ""


class _Context(Part):
    message_uuid: Text = ""


class _Inbound(Report, extra="allow"):
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


def read_message(content: JsonValue) -> InboundMessage | None:
    """Parse a message; None if its channel is not ours.

    Raises:
        UnreadableError: if it does not have the documented form.
    """
    message = read(_Inbound, content)
    channel = CHANNELS.get(message.channel)
    try:
        return _message(message, channel) if channel else None
    except InvalidDestinationError as error:
        raise UnreadableError(str(error)) from error


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
