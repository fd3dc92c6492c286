"""What became of one attempt to send: the three answers of a provider (`providers.md` §0.2)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from domain.identifiers import ForeignId

MAX_DETAIL_LENGTH: Final = 500
"""Characters kept of a provider's error text: histories and records are read for ever."""


def cut(text: str) -> str:
    """A provider's text, no longer than `MAX_DETAIL_LENGTH` characters."""
    return text if len(text) <= MAX_DETAIL_LENGTH else text[: MAX_DETAIL_LENGTH - 1] + "…"


Detail = Annotated[str, AfterValidator(cut)]
"""A provider's error text, cut to `MAX_DETAIL_LENGTH` characters."""


MAX_WORD_LENGTH: Final = 100
"""Characters kept of a provider's words and codes: more than any has."""

Word = Annotated[str, AfterValidator(lambda text: text[:MAX_WORD_LENGTH])]
"""A provider's own word or code."""


class FailureClass(StrEnum):
    """What has to change before the same send could succeed."""

    DESTINATION = "destination"
    CONTENT = "content"
    CONFIGURATION = "configuration"
    RATE = "rate"
    OTHER = "other"


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True)


class RefusedDestination(_Outcome):
    """One of several destinations that the provider did not take, although it took the message."""

    destination: ForeignId
    code: Word
    failure: FailureClass
    detail: Detail = ""


class Accepted(_Outcome):
    """The provider took the message.

    Attributes:
        provider_message_id: the provider's own id of the message.
        word: the provider's word for the message's first state, in lower case.
        refused: the destinations it did not take, where it took others.
    """

    kind: Literal["accepted"] = "accepted"
    provider_message_id: ForeignId
    word: Word = "accepted"
    refused: tuple[RefusedDestination, ...] = ()


class Rejected(_Outcome):
    """The provider refused the message, for good.

    Attributes:
        code: the provider's own code.
        failure: what has to change before it could succeed.
        detail: the provider's own text, cut.
    """

    kind: Literal["rejected"] = "rejected"
    code: Word
    failure: FailureClass
    detail: Detail = ""


class OutcomeUnknown(_Outcome):
    """Nobody knows whether the provider took the message: never sent again blindly."""

    kind: Literal["unanswered"] = "unanswered"
    detail: Detail = ""


Outcome = Annotated[Accepted | Rejected | OutcomeUnknown, Field(discriminator="kind")]


def was_surely_idle(heartbeat: Sequence[object]) -> bool:
    """Whether no attempt to send had handed anything over to the provider when an activity sent its last heartbeat.

    Args:
        heartbeat: its details: how many tries there were, and whether one may be handing the message over; nothing
            where no attempt has sent one.
    """
    return len(heartbeat) > 1 and heartbeat[1] is False
