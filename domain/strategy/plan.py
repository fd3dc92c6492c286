"""Plan of a strategy: its steps in order, and what is awaited of each."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

MIN_STEPS: Final = 2
MAX_STEPS: Final = 8

MIN_DEADLINE: Final = timedelta(seconds=5)
MAX_DEADLINE: Final = timedelta(hours=72)
"""Longest deadline of a step, and that of the last step unless its sender says otherwise."""


class Success(StrEnum):
    """What a step must reach, so that no other is needed."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"


class RunOutcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    UNCONFIRMED = "unconfirmed"
    """No step succeeded in its time, and a message may still arrive."""
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class OnSuppressed(StrEnum):
    """What follows a step whose recipient opted out."""

    STOP = "stop"
    NEXT = "next"


class Step(BaseModel):
    """What is awaited of a step.

    Attributes:
        deadline: how long it is awaited, from when the step may go.
        success: what it must reach in that time.
        stops_if_suppressed: whether the strategy ends if the recipient opted out of this step's messages.
        is_skipped: whether it never starts, because the user has no destination on its channel.
    """

    model_config = ConfigDict(frozen=True)

    deadline: timedelta
    success: Success = Success.DELIVERED
    stops_if_suppressed: bool = False
    is_skipped: bool = False
