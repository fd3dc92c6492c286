"""Setting of an integration: which opt-out keywords it answers with a confirmation, and in which words."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from domain.channels import Channel
from domain.gate.consent import ConsentCategory
from domain.json_objects import JsonObject
from domain.texts.confirmations import CONFIRMATIONS, DEFAULT_LANGUAGE

CONFIRMATION_OF: Final = "optOutConfirmationOf"
"""Name in the metadata of a confirmation that holds the id of the inbound message that opted out."""

MAX_TEXT: Final = 640
"""Maximum characters of a text of one's own: SMS of at most ten segments in any alphabet."""


class ConfirmedOptOuts(StrEnum):
    """Opt-out keywords that are answered with a confirmation."""

    ALWAYS = "always"
    UNANSWERED = "unanswered"
    """Those that the provider does not answer by itself."""
    NEVER = "never"


LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
"""ISO 639 code."""


class OptOutConfirmation(JsonObject):
    """Confirmation of opt-outs by an integration.

    Attributes:
        when: the opt-out keywords that it answers.
        texts: the words, by ISO 639 code of the keyword's language; without any, those of the catalogue.
    """

    model_config = ConfigDict(frozen=True)

    when: Annotated[ConfirmedOptOuts, Field(strict=False)] = ConfirmedOptOuts.UNANSWERED
    texts: dict[LanguageCode, Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]] = Field(
        default={}, max_length=30
    )

    @classmethod
    def default(cls, channel: Channel) -> "OptOutConfirmation":
        """Return the confirmation of an integration without the setting: mail programs show that they unsubscribed."""
        is_mail = channel is Channel.EMAIL
        return cls(when=ConfirmedOptOuts.NEVER if is_mail else ConfirmedOptOuts.UNANSWERED)

    def confirms(self, text: str, answered: frozenset[str]) -> bool:
        """Whether an opt-out is confirmed.

        Args:
            text: the words of the opt-out.
            answered: the keywords, in lower case, that the provider answers by itself where they stand alone.
        """
        if self.when is ConfirmedOptOuts.UNANSWERED:
            return text.strip().lower() not in answered
        return self.when is ConfirmedOptOuts.ALWAYS

    def text(self, category: ConsentCategory, language: str) -> str:
        """Return the words in a language; of one's own texts, the first one for a language without a text.

        Args:
            category: the messages that the opt-out is about.
            language: of its keyword.
        """
        if self.texts:
            return self.texts.get(language) or next(iter(self.texts.values()))
        known = CONFIRMATIONS[category]
        return known.get(language, known[DEFAULT_LANGUAGE])
