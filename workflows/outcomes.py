"""Outcomes of a dispatch, and the state of the interaction after each."""

from datetime import datetime
from typing import Final, NamedTuple

from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from domain.deadlines import CANCELLED, UNKNOWN
from domain.gate.decision import EXPIRED, expired
from domain.notes import Note
from domain.outcomes import Accepted, Outcome, OutcomeUnknown, Rejected, was_surely_idle
from domain.status import InteractionState, Milestone, Status

NOT_SENT: Final = "not_sent"
"""The `customStatus` of a send that the provider did not accept before the dispatch deadline."""


class ConfirmedByReceipt(NamedTuple):
    """A provider event shows that the provider accepted the message, although its own answer never came."""

    provider_status: str = "accepted"


CONFIRMED_BY_RECEIPT: Final = ConfirmedByReceipt()


class Cancelled(NamedTuple):
    """The dispatch was cancelled, and no provider accepted the message.

    Attributes:
        note: the note on who cancelled it.
    """

    note: Note


class Expired(NamedTuple):
    """The message was not accepted by any provider while it was valid.

    Attributes:
        at: when its validity ended.
    """

    at: datetime

    @property
    def note(self) -> Note:
        """The note on why it was not sent."""
        return Note(problems=[expired(self.at)])


Sending = Outcome | ConfirmedByReceipt | Cancelled | Expired | str
"""Outcome of a dispatch; a text is the reason why the provider never accepted the message."""


def state_after(outcome: Sending) -> InteractionState:
    """State of the interaction after a dispatch."""
    match outcome:
        case Accepted() | ConfirmedByReceipt():
            return InteractionState(
                status=Status.SENT, custom_status=outcome.provider_status, milestone=Milestone.ACCEPTED
            )
        case Rejected():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="rejected")
        case OutcomeUnknown():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=UNKNOWN)
        case Cancelled():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=CANCELLED)
        case Expired():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=EXPIRED)
        case str():
            return InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=NOT_SENT)


def outcome_of_failure(error: ActivityError) -> Outcome | str:
    """Outcome of a dispatch activity that failed: unknown, or the reason why the message was never accepted.

    The activity raises an error of its own, or is cancelled, only while the message is certainly not accepted. A lost
    attempt may have sent it, whatever earlier attempts reported. A timeout between two attempts, or before the first,
    names no event that started it (`tests/workflows/test_lost_attempt.py`). An attempt that follows one that was not
    accepted heartbeats before it hands anything over: without that heartbeat, it was lost before.
    """
    cause = error.cause
    was_under_way = not isinstance(cause, ApplicationError | CancelledError) and error.started_event_id != 0
    was_idle = isinstance(cause, TemporalTimeoutError) and was_surely_idle(cause.last_heartbeat_details)
    if was_idle and was_under_way:
        return f"the worker was lost before it handed the message over: {cause}"
    if was_under_way:
        return OutcomeUnknown(detail=str(cause or error))
    last_error = cause if isinstance(cause, ApplicationError) else getattr(cause, "__cause__", None)
    return str(last_error or cause or error)
