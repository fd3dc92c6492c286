"""What came of handing a message to its provider, and where that leaves the interaction."""

from typing import Final, NamedTuple

from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from domain.notes import Note
from domain.outcomes import Accepted, Outcome, Rejected, Unanswered, was_surely_idle
from domain.status import Milestone, Standing, Status
from domain.waiting import CANCELLED, UNKNOWN

NOT_SENT: Final = "not_sent"
"""The `customStatus` of a send that the provider surely did not take, in all the time it was given."""


class Proven(NamedTuple):
    """The provider's news tell that it took the message, although its own answer never came."""

    word: str = "accepted"


PROVEN: Final = Proven()


class Cancelled(NamedTuple):
    """It was cancelled, and surely no provider took it.

    Attributes:
        note: who cancelled it.
    """

    note: Note


Sending = Outcome | Proven | Cancelled | str
"""What came of a dispatch; a text is why the provider surely never took the message."""


def standing_after(outcome: Sending) -> Standing:
    """Where a dispatch leaves the interaction."""
    match outcome:
        case Accepted() | Proven():
            return Standing(status=Status.SENT, custom_status=outcome.word, milestone=Milestone.ACCEPTED)
        case Rejected():
            return Standing(status=Status.PROVIDER_SENDING_ERROR, custom_status="rejected")
        case Unanswered():
            return Standing(status=Status.PROVIDER_SENDING_ERROR, custom_status=UNKNOWN)
        case Cancelled():
            return Standing(status=Status.PROVIDER_SENDING_ERROR, custom_status=CANCELLED)
        case str():
            return Standing(status=Status.PROVIDER_SENDING_ERROR, custom_status=NOT_SENT)


def outcome_of_failure(error: ActivityError) -> Outcome | str:
    """What a dispatch that gave up means.

    The activity raises an error of its own, or is cancelled, only while the message was surely not taken. An attempt
    that never came back may have sent it, whatever earlier attempts said. A time that ran out between two attempts, or
    before the first, names no event that started it (`tests/workflows/test_lost_attempt.py`). An attempt that follows
    one that was surely not taken sends a heartbeat before it hands anything over: without that, it was lost before.
    """
    cause = error.cause
    was_under_way = not isinstance(cause, ApplicationError | CancelledError) and error.started_event_id != 0
    was_idle = isinstance(cause, TemporalTimeoutError) and was_surely_idle(cause.last_heartbeat_details)
    if was_idle and was_under_way:
        return f"the worker was lost before it handed the message over: {cause}"
    if was_under_way:
        return Unanswered(detail=str(cause or error))
    said_last = cause if isinstance(cause, ApplicationError) else getattr(cause, "__cause__", None)
    return str(said_last or cause or error)
