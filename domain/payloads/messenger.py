"""Payloads of Facebook Messenger except plain texts.

Limits: https://developers.facebook.com/docs/messenger-platform/send-messages (templates, quick replies).
"""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from domain.payloads.base import Button, MediaPayload, MediaType, Payload, ReplyButton, TextPayload, Url, summary_text

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class MessengerMedia(MediaPayload):
    """`media`: a picture, film, sound or document; Messenger shows no caption with it."""

    wire_type = "media"
    largest: ClassVar = dict.fromkeys(MediaType, 25_000_000) | {MediaType.IMAGE: 8_000_000}

    @field_validator("caption")
    @classmethod
    def _is_shown(cls, caption: str) -> str:
        if caption:
            raise PydanticCustomError("caption_not_shown", "a caption that nobody would see")
        return caption


class MessengerButton(Button):
    """A button under a card, with a title as short as Messenger wants it."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=20)]


class MessengerCard(Payload):
    """`card`: a title, a subtitle, a picture, and up to three buttons."""

    wire_type = "card"
    displayed_field = "Title"
    title: ShortText
    subtitle: Annotated[str, StringConstraints(max_length=80)] = ""
    image_url: Url | None = None
    buttons: Annotated[list[MessengerButton], Field(max_length=3)] = []

    def displayed_text(self) -> str:
        """Return the title and the subtitle."""
        return "\n".join(part for part in (self.title, self.subtitle) if part)

    def summary(self) -> str:
        """Return the title and the subtitle."""
        return summary_text(subject=self.title, body=self.subtitle, generic=self.image_url)


class QuickReplies(TextPayload):
    """`quick-replies`: a text, and up to thirteen answers to tap."""

    wire_type = "quick-replies"
    replies: Annotated[list[ReplyButton], Field(min_length=1, max_length=13)]
