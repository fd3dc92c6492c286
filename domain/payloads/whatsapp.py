"""Payloads of WhatsApp except plain texts.

Limits: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages (interactive objects).
"""

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from domain.payloads.base import MediaPayload, MediaType, Part, Payload, ReplyButton, Url, summary_text

InteractiveText = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]

MAX_ROWS = 10
"""Maximum rows of a list in all its sections together."""


class WhatsAppMedia(MediaPayload):
    """`media`: a picture, film, sound or document; WhatsApp shows no caption with a sound.

    Limits: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types
    """

    wire_type = "media"
    largest: ClassVar = {
        MediaType.IMAGE: 5_000_000,
        MediaType.AUDIO: 16_000_000,
        MediaType.VIDEO: 16_000_000,
        MediaType.DOCUMENT: 100_000_000,
    }

    @field_validator("caption")
    @classmethod
    def _is_shown(cls, caption: str, info: ValidationInfo) -> str:
        if caption and info.data.get("media_type") is MediaType.AUDIO:
            raise PydanticCustomError("caption_not_shown", "a caption that nobody would see")
        return caption


def _check_distinct(*columns: Iterable[str]) -> None:
    """Check that choices are distinct in each column; WhatsApp refuses others.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages
    """
    for column in map(list, columns):
        if len(set(column)) < len(column):
            raise PydanticCustomError("repeated_choice", "choices that cannot be distinguished")


class WhatsAppButtons(Payload):
    """`buttons`: a text with up to three buttons that answer, of which no two have the same title or id."""

    wire_type = "buttons"
    text: InteractiveText
    buttons: Annotated[list[ReplyButton], Field(min_length=1, max_length=3)]

    @field_validator("buttons")
    @classmethod
    def _differ(cls, buttons: list[ReplyButton]) -> list[ReplyButton]:
        _check_distinct((button.title for button in buttons), (button.answer for button in buttons))
        return buttons

    def displayed_text(self) -> str:
        """Return the text above the buttons."""
        return self.text


class WhatsAppCard(WhatsAppButtons):
    """`card`: a picture, a text, and up to three buttons that answer."""

    wire_type = "card"
    image_url: Url


class ListRow(Part):
    """One choice of a list."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=24)]
    description: Annotated[str, StringConstraints(max_length=72)] = ""


class ListSection(Part):
    """Choices of a list under one title."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=24)]
    rows: Annotated[list[ListRow], Field(min_length=1, max_length=MAX_ROWS)]


class WhatsAppList(Payload):
    """`list`: a text and a button that opens a list of choices, at most ten rows in all sections together."""

    wire_type = "list"
    text: InteractiveText
    button: Annotated[str, StringConstraints(min_length=1, max_length=20)]
    sections: Annotated[list[ListSection], Field(min_length=1, max_length=10)]

    @field_validator("sections")
    @classmethod
    def _differ(cls, sections: list[ListSection]) -> list[ListSection]:
        _check_distinct(row.id for section in sections for row in section.rows)
        return sections

    def displayed_text(self) -> str:
        """Return the text above the list."""
        return self.text

    @model_validator(mode="after")
    def _bounds_all_rows(self) -> Self:
        if sum(len(section.rows) for section in self.sections) > MAX_ROWS:
            raise PydanticCustomError("too_many_rows", "a list has at most {limit} rows in all", {"limit": MAX_ROWS})
        return self


_REFUSED_IN_PARAMETERS: Final = re.compile(r"[\n\r\t]| {5}")


def _template_parameter(text: str) -> str:
    if not text.strip() or _REFUSED_IN_PARAMETERS.search(text):
        raise PydanticCustomError("bad_template_parameter", "not a parameter that WhatsApp takes")
    return text


TemplateParameter = Annotated[str, StringConstraints(max_length=1_024), AfterValidator(_template_parameter)]
"""Template parameter: not empty, without line breaks, tabs or more than four spaces in a row; WhatsApp refuses others
(https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes, 100).
"""


class WhatsAppTemplate(Payload):
    """`template`: a text that WhatsApp has approved, by its name, with the parameters of its body in their order."""

    wire_type = "template"
    displayed_field = "Parameters"
    name: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")] = "es"
    parameters: Annotated[list[TemplateParameter], Field(max_length=100)] = []

    def displayed_text(self) -> str:
        """Return the parameters; the rest of the text is WhatsApp's."""
        return ", ".join(self.parameters)

    def summary(self) -> str:
        """Return the template's name and its parameters."""
        return summary_text(generic=f"{self.name}({self.displayed_text()})")
