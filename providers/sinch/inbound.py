"""Contents of inbound messages, converted to our payload format.

Source: https://developers.sinch.com/docs/conversation/callbacks/, «MESSAGE_INBOUND».
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from pydantic import FiniteFloat, JsonValue

from domain.channels import Channel
from domain.payloads.base import MediaType
from domain.payloads.texts import RcsText, SimpleText
from providers.base import UnreadableError
from providers.lenient import Id, Optional, Part, Text, read, unsupported

Json = dict[str, JsonValue]

REPLY_TO: Final = "reply_to"
"""Key beside the kinds: the message of ours that is answered."""

_SUFFIXES: Final[Mapping[MediaType, str]] = {
    MediaType.IMAGE: ".gif .heic .jpeg .jpg .png .webp",
    MediaType.VIDEO: ".3gp .3gpp .m4v .mov .mp4 .mpeg .mpg .webm",
    MediaType.AUDIO: ".aac .amr .m4a .mp3 .oga .ogg .opus .wav",
}
MEDIA_TYPES: Final = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
"""Kind of media by file extension, since Sinch gives only the URL of inbound media; the default is a document."""


class _Said(Part, ABC):
    """Kind of `contact_message`."""

    @abstractmethod
    def payload(self, channel: Channel) -> Json:
        """Return the content as a payload of ours."""

    def answered(self) -> str | None:
        """Return the id of the answered message of ours, if the kind itself has it."""
        return None


class _Text(_Said):
    text: Id

    def payload(self, channel: Channel) -> Json:
        wire_type = RcsText.wire_type if channel is Channel.RCS else SimpleText.wire_type
        return {"Type": wire_type, "Text": self.text}


class _Media(_Said):
    url: Text = ""
    filename_override: Text = ""
    caption: Text = ""

    def payload(self, channel: Channel) -> Json:
        del channel
        media: Json = {"Type": "media", "Url": self.url, "MediaType": self._media_type()}
        return media | _present(Caption=self.caption, FileName=self.filename_override)

    def _media_type(self) -> MediaType:
        path = self.filename_override or unquote(self.url.partition("?")[0].partition("#")[0])
        return MEDIA_TYPES.get(PurePosixPath(path).suffix.lower(), MediaType.DOCUMENT)


class _Coordinates(Part):
    latitude: FiniteFloat
    longitude: FiniteFloat


class _Location(_Said):
    coordinates: _Coordinates
    title: Text = ""
    label: Text = ""

    def payload(self, channel: Channel) -> Json:
        del channel
        place: Json = {
            "Type": "location",
            "Latitude": self.coordinates.latitude,
            "Longitude": self.coordinates.longitude,
        }
        return place | _present(Name=self.title, Address=self.label)


class _ChoiceResponse(_Said):
    """Tap on a button or a row. Sinch gives only its `postback_data`, which therefore serves as title."""

    postback_data: Id
    message_id: Text = ""

    def payload(self, channel: Channel) -> Json:
        del channel
        return {"Type": "reply", "Id": self.postback_data, "Title": self.postback_data}

    def answered(self) -> str | None:
        return self.message_id or None


class _ReplyTo(Part):
    message_id: Text = ""


class _Quoting(Part):
    reply_to: Optional[_ReplyTo] = None


KINDS: Final[Mapping[str, type[_Said]]] = {
    "text_message": _Text,
    "media_message": _Media,
    "media_card_message": _Media,
    "location_message": _Location,
    "choice_response_message": _ChoiceResponse,
}
"""Kinds that become payloads of ours; any other is `unsupported`."""


def payload_of(channel: Channel, contact_message: Mapping[str, JsonValue]) -> tuple[Json, str | None]:
    """Return the payload of a `contact_message`, and Sinch's id of the answered message.

    Content that is not as documented is lost, but not the message: it becomes one of an unsupported kind.
    """
    quoting = read(_Quoting, {**contact_message}).reply_to
    quoted = (quoting.message_id if quoting else "") or None
    present = (kind for kind, content in contact_message.items() if kind != REPLY_TO and content is not None)
    kind = next(present, "empty")
    if kind not in KINDS:
        return unsupported(kind, contact_message.get(kind)), quoted
    try:
        said = read(KINDS[kind], contact_message[kind])
    except UnreadableError:
        return unsupported(kind, contact_message[kind]), quoted
    return said.payload(channel), said.answered() or quoted


def _present(**texts: str) -> Json:
    return {name: text for name, text in texts.items() if text}
