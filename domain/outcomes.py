"""Outcomes of an attempt to send: the three answers of a provider (`providers.md` §0.2)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from domain.identifiers import ForeignId

MAX_DETAIL_LENGTH: Final = 500
"""Characters stored of a provider's error text, which stays in histories and records permanently."""


def cut(text: str) -> str:
    """Truncate a provider's text to `MAX_DETAIL_LENGTH` characters."""
    return text if len(text) <= MAX_DETAIL_LENGTH else text[: MAX_DETAIL_LENGTH - 1] + "…"


Detail = Annotated[str, AfterValidator(cut)]
"""Provider's error text, cut to `MAX_DETAIL_LENGTH` characters."""


MAX_WORD_LENGTH: Final = 100
"""Characters stored of a provider's statuses and codes: more than any has."""

ShortText = Annotated[str, AfterValidator(lambda text: text[:MAX_WORD_LENGTH])]
"""Provider's own status or code."""


class FailureClass(StrEnum):
    """Class of a failure: what has to change before the same send could succeed."""

    DESTINATION = "destination"
    CONTENT = "content"
    CONFIGURATION = "configuration"
    RATE = "rate"
    OTHER = "other"


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True)


class RefusedDestination(_Outcome):
    """Destination that the provider refused although it accepted the message for others."""

    destination: ForeignId
    code: ShortText
    failure: FailureClass
    detail: Detail = ""


class Accepted(_Outcome):
    """The provider accepted the message.

    Attributes:
        provider_message_id: the provider's own id of the message.
        provider_status: the provider's status of the message at first, in lower case.
        refused: the destinations it refused, if it accepted others.
    """

    kind: Literal["accepted"] = "accepted"
    provider_message_id: ForeignId
    provider_status: ShortText = "accepted"
    refused: tuple[RefusedDestination, ...] = ()


class Rejected(_Outcome):
    """The provider refused the message permanently.

    Attributes:
        code: the provider's own code.
        failure: what has to change before it could succeed.
        detail: the provider's own text, cut.
    """

    kind: Literal["rejected"] = "rejected"
    code: ShortText
    failure: FailureClass
    detail: Detail = ""


class OutcomeUnknown(_Outcome):
    """It is unknown whether the provider accepted the message, so it is never repeated blindly."""

    kind: Literal["unanswered"] = "unanswered"
    detail: Detail = ""


Outcome = Annotated[Accepted | Rejected | OutcomeUnknown, Field(discriminator="kind")]


def was_surely_idle(heartbeat: Sequence[object]) -> bool:
    """Whether no attempt had handed anything to the provider when an activity sent its last heartbeat.

    Args:
        heartbeat: its details: the number of attempts, and whether one may be handing the message over; empty if no
            attempt has sent one.
    """
    return len(heartbeat) > 1 and heartbeat[1] is False
