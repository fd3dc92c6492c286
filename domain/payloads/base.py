"""Base classes of payloads: fields in any letter case, limits, a summary."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    model_validator,
)
from pydantic.alias_generators import to_pascal
from pydantic_core import PydanticCustomError

from domain.json_objects import JsonObject

Text = Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
"""Non-empty text; a provider's own limit (`Capabilities.max_text_length`) is tighter."""


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Limits of the uploaded files of a payload.

    Attributes:
        most: the maximum number.
        largest: the maximum total size in bytes.
    """

    most: int
    largest: int


NO_FILES: Final = FileLimits(0, 0)

MAX_SUMMARY_LENGTH: Final = 4_000
"""Characters of each part of a summary, which lists show."""

_HTTP_URL: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def _check_url(text: str) -> str:
    _HTTP_URL.validate_python(text)
    return text


Url = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_check_url)]
"""http or https URL, stored as written."""


class Part(JsonObject):
    """An object of a payload.

    A field's wire name is its own in Pascal case: `is_html` is `IsHtml`, and `ishtml` or `ISHTML` as well.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_pascal)


def _name_type(schema: dict[str, Any], payload: type["Payload"]) -> None:
    """State the `Type` in a payload's JSON schema, so that clients can discriminate payloads."""
    schema["properties"]["Type"] = {"const": payload.wire_type, "title": "Type", "type": "string"}


class Payload(Part):
    """What is sent through one channel.

    Attributes:
        wire_type: its `Type`.
        displayed_field: the field that most of `displayed_text` comes from, for the problem of a text too long.
    """

    model_config = ConfigDict(json_schema_extra=_name_type)

    wire_type: ClassVar[str]
    displayed_field: ClassVar[str] = "Text"
    type: str

    def displayed_text(self) -> str:
        """Return the text that a person reads, which the providers' length limits count."""
        raise NotImplementedError

    def addresses(self) -> Mapping[str, str]:
        """Return further e-mail addresses of the payload by field; they are checked as destinations are."""
        return {}

    def file_limits(self) -> FileLimits:
        """Return the limits of uploaded files."""
        return NO_FILES

    def summary(self) -> str:
        """Return the interaction's `summary`: a string that holds JSON (specification, «summary»)."""
        return summary_text(body=self.displayed_text())


def summary_text(subject: str = "", body: str = "", generic: str | None = None) -> str:
    """Format a summary as the specification does: JSON without spaces, in a string."""
    content = {"subject": _shortened(subject), "body": _shortened(body), "generic": generic and _shortened(generic)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SUMMARY_LENGTH else text[: MAX_SUMMARY_LENGTH - 1] + "…"


class TextPayload(Payload):
    """A plain text."""

    text: Text

    def displayed_text(self) -> str:
        """Return the text."""
        return self.text


class MediaType(StrEnum):
    """Kinds of media."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"


class MediaPayload(Payload):
    """A picture, film, sound or document at an address that the provider fetches.

    Attributes:
        largest: bytes of an uploaded file, by its kind.
        url: empty where it is an uploaded file, until that has an address.
    """

    displayed_field = "Caption"
    largest: ClassVar[Mapping[MediaType, int]]
    url: Url = ""
    media_type: Annotated[MediaType, Field(strict=False)]
    caption: Annotated[str, StringConstraints(max_length=1_024)] = ""
    file_name: Annotated[str, StringConstraints(max_length=240)] | None = None

    def displayed_text(self) -> str:
        """Return the caption."""
        return self.caption

    def file_limits(self) -> FileLimits:
        """Allow one file if there is no URL."""
        return NO_FILES if self.url else FileLimits(1, self.largest[self.media_type])

    def summary(self) -> str:
        """Return the caption, or the kind of media if there is none."""
        return summary_text(
            body=self.caption, generic=f"{self.media_type}: {self.url}" if self.url else self.media_type
        )


class Button(Part):
    """What the reader may tap: it answers with its `Id`, opens its `Url`, or calls its `PhoneNumber`, one of them.

    Attributes:
        title: what it says.
        id: what it answers with; its title unless given.
        url: the page it opens, instead of answering.
        phone_number: the number it calls, instead of answering.
    """

    title: Annotated[str, StringConstraints(min_length=1, max_length=25)]
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    url: Url | None = None
    phone_number: Annotated[str, StringConstraints(pattern=r"^\+?[1-9]\d{6,14}$")] | None = None

    @property
    def answer(self) -> str:
        """Return the text that a tap sends."""
        return self.id or self.title

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if sum(part is not None for part in (self.id, self.url, self.phone_number)) > 1:
            raise PydanticCustomError("one_action", "a button has one of Id, Url and PhoneNumber")
        return self


class ReplyButton(Part):
    """A button that answers, with a title as short as WhatsApp and Messenger want it (20 characters)."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=20)]
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None

    @property
    def answer(self) -> str:
        """Return the text that a tap sends."""
        return self.id or self.title
