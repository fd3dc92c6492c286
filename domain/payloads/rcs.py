"""Payloads of RCS except plain texts.

Limits: the Conversation API's card, carousel and choices (https://developers.sinch.com/docs/conversation/).
"""

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from domain.payloads.base import Button, MediaPayload, MediaType, Part, Payload, Url, summary_text

Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=2_000)]


class RcsMedia(MediaPayload):
    """`media-rcs`: a picture, film, sound or document, perhaps with suggested answers.

    Limit: https://developers.google.com/business-communications/rcs-business-messaging/guides/build/messages/send
    """

    wire_type = "media-rcs"
    largest: ClassVar = dict.fromkeys(MediaType, 100_000_000)


class Card(Part):
    """A title with a `Description` or an `ImageUrl` or both, and suggested answers."""

    title: Title
    description: Description = ""
    image_url: Url | None = None
    suggestions: Annotated[list[Button], Field(max_length=4)] = []

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.description and self.image_url is None:
            raise PydanticCustomError("empty_card", "a card needs a Description or an ImageUrl besides its Title")
        return self


class RcsCard(Card, Payload):
    """`card-rcs`: a title with a `Description` or an `ImageUrl` or both, and suggested answers."""

    wire_type = "card-rcs"
    displayed_field = "Description"

    def displayed_text(self) -> str:
        """Return the title and the text."""
        return "\n".join(part for part in (self.title, self.description) if part)

    def summary(self) -> str:
        """Return the title and the text."""
        return summary_text(subject=self.title, body=self.description, generic=self.image_url)


class RcsCarousel(Payload):
    """`carousel-rcs`: two to ten cards side by side, perhaps with suggested answers below."""

    wire_type = "carousel-rcs"
    displayed_field = "Cards"
    cards: Annotated[list[Card], Field(min_length=2, max_length=10)]
    suggestions: Annotated[list[Button], Field(max_length=3)] = []

    def displayed_text(self) -> str:
        """Return the cards' titles."""
        return "\n".join(card.title for card in self.cards)

    def summary(self) -> str:
        """Return the cards' titles."""
        return summary_text(generic=" | ".join(card.title for card in self.cards))
