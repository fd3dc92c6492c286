"""What a WhatsApp message says (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from pydantic import FiniteFloat, JsonValue

from domain.payloads.base import MediaType
from providers.base import UnreadableError
from providers.meta.webhooks import Id, Part, read, unsupported
from providers.meta.wire import JsonObject, present


class _Text(Part):
    body: str


class _Media(Part):
    id: Id
    caption: str | None = None
    filename: str | None = None


class _Location(Part):
    latitude: FiniteFloat
    longitude: FiniteFloat
    name: str | None = None
    address: str | None = None


class _Button(Part):
    text: str
    payload: str | None = None


class _Choice(Part):
    id: str
    title: str = ""


class _Interactive(Part):
    type: str
    button_reply: _Choice | None = None
    list_reply: _Choice | None = None


class _Reaction(Part):
    emoji: str = ""


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
    """A tap on a template's button."""
    button = read(_Button, content)
    return {"Type": "reply", "Id": button.payload or button.text, "Title": button.text}


def _interactive(content: JsonValue) -> JsonObject:
    """A tap on a button, or on a row of a list."""
    tapped = read(_Interactive, content)
    choice = tapped.button_reply or tapped.list_reply
    if choice is None:
        return unsupported(tapped.type)
    return {"Type": "reply", "Id": choice.id, "Title": choice.title}


def _reaction(content: JsonValue) -> JsonObject:
    """An emoji; an empty one takes the reaction back."""
    return {"Type": "reaction", "Emoji": read(_Reaction, content).emoji}


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
}
"""How what a message says is read, by its `type`
(https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#messages-object).
"""


def to_payload(kind: str, content: JsonValue) -> JsonObject:
    """What a message of a `type` says, in our spelling.

    What it says in another way than documented is lost, but not the message: it is kept as one of an unsupported kind.
    """
    reader = _READERS.get(kind)
    if reader is None:
        return unsupported(kind)
    try:
        return reader(content)
    except UnreadableError:
        return unsupported(kind)
