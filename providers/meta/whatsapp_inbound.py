"""Contents of WhatsApp messages (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from pydantic import FiniteFloat, JsonValue

from domain.payloads.base import MediaType
from providers.base import UnreadableError
from providers.lenient import Id, Optional, Part, ShortText, Text, read, unsupported
from providers.meta.json_fields import JsonObject, present


class _Text(Part):
    body: ShortText


class _Media(Part):
    id: Id
    caption: Text = ""
    filename: Text = ""


class _Location(Part):
    latitude: FiniteFloat
    longitude: FiniteFloat
    name: Text = ""
    address: Text = ""


class _Button(Part):
    text: Text = ""
    payload: Text = ""


class _Choice(Part):
    id: Id
    title: Text = ""


class _Interactive(Part):
    type: Text = ""
    button_reply: Optional[_Choice] = None
    list_reply: Optional[_Choice] = None


class _Reaction(Part):
    emoji: str = ""


class _Edited(Part, extra="allow"):
    """Message in its current version; the content is under the name of its type."""

    type: ShortText


class _Edit(Part):
    message: _Edited


def _text(content: JsonValue) -> JsonObject:
    return {"Type": "simple-text", "Text": read(_Text, content).body}


def _media(media_type: MediaType, content: JsonValue) -> JsonObject:
    media = read(_Media, content)
    payload: JsonObject = {"Type": "media", "MediaId": media.id, "MediaType": media_type.value}
    return payload | present(Caption=media.caption, FileName=media.filename)


def _location(content: JsonValue) -> JsonObject:
    place = read(_Location, content)
    payload: JsonObject = {"Type": "location", "Latitude": place.latitude, "Longitude": place.longitude}
    return payload | present(Name=place.name, Address=place.address)


def _button(content: JsonValue) -> JsonObject:
    """Tap on a template's button."""
    button = read(_Button, content)
    if not (button.payload or button.text):
        return unsupported("button", content)
    return {"Type": "reply", "Id": button.payload or button.text, "Title": button.text or button.payload}


def _interactive(content: JsonValue) -> JsonObject:
    """Tap on a button, or on a row of a list."""
    tapped = read(_Interactive, content)
    choice = tapped.button_reply or tapped.list_reply
    if choice is None:
        return unsupported(tapped.type or "interactive", content)
    return {"Type": "reply", "Id": choice.id, "Title": choice.title or choice.id}


def _reaction(content: JsonValue) -> JsonObject:
    """Emoji; WhatsApp sends none when the reaction is removed.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/reaction/
    """
    return {"Type": "reaction", "Emoji": read(_Reaction, content).emoji}


def _edit(content: JsonValue) -> JsonObject:
    """Edited message in its current version (`Edited`)."""
    edited = read(_Edit, content).message
    return to_payload(edited.type, (edited.model_extra or {}).get(edited.type)) | {"Edited": True}


_READERS: Final[Mapping[str, Callable[[JsonValue], JsonObject]]] = {
    "text": _text,
    "image": partial(_media, MediaType.IMAGE),
    "sticker": partial(_media, MediaType.IMAGE),
    "video": partial(_media, MediaType.VIDEO),
    "audio": partial(_media, MediaType.AUDIO),
    "document": partial(_media, MediaType.DOCUMENT),
    "location": _location,
    "button": _button,
    "interactive": _interactive,
    "reaction": _reaction,
    "edit": _edit,
}
"""Readers of a message's content by its `type`
(https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#messages-object).
"""


def to_payload(kind: str, content: JsonValue) -> JsonObject:
    """Convert the content of a message of a `type` to a payload of ours.

    Content that is not as documented is lost, but not the message: it becomes one of an unsupported kind.
    """
    reader = _READERS.get(kind)
    if reader is None:
        return unsupported(kind, content)
    try:
        return reader(content)
    except UnreadableError:
        return unsupported(kind, content)
