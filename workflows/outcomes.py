"""What came of handing a message to its provider, and where that leaves the interaction."""

from typing import Final, NamedTuple

from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from domain.deadlines import CANCELLED, UNKNOWN
from domain.notes import Note
from domain.outcomes import Accepted, Outcome, OutcomeUnknown, Rejected, was_surely_idle
from domain.status import InteractionState, Milestone, Status

NOT_SENT: Final = "not_sent"
"""The `customStatus` of a send that the provider surely did not take, in all the time it was given."""


class ConfirmedByReceipt(NamedTuple):
    """The provider's news tell that it took the message, although its own answer never came."""

    word: str = "accepted"


CONFIRMED_BY_RECEIPT: Final = ConfirmedByReceipt()


class Cancelled(NamedTuple):
    """It was cancelled, and surely no provider took it.

    Attributes:
        note: who cancelled it.
    """

    note: Note


Sending = Outcome | ConfirmedByReceipt | Cancelled | str
"""What came of a dispatch; a text is why the provider surely never took the message."""


def state_after(outcome: Sending) -> InteractionState:
    """Where a dispatch leaves the interaction."""
    match outcome:
        case Accepted() | ConfirmedByReceipt():
            return InteractionState(status=Status.SENT, custom_status=outcome.word, milestone=Milestone.ACCEPTED)
        case Rejected():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="rejected")
        case OutcomeUnknown():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=UNKNOWN)
        case Cancelled():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=CANCELLED)
        case str():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=NOT_SENT)


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
        return OutcomeUnknown(detail=str(cause or error))
    said_last = cause if isinstance(cause, ApplicationError) else getattr(cause, "__cause__", None)
    return str(said_last or cause or error)
