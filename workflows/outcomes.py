"""What came of handing a message to its provider, and where that leaves the interaction."""

from typing import Final

from temporalio.exceptions import ActivityError, ApplicationError

from domain.outcomes import Accepted, Outcome, Rejected, Unanswered
from domain.status import Milestone, Standing, Status

UNKNOWN: Final = "unknown"
"""The `customStatus` of a send that nobody answered."""

NOT_SENT: Final = "not_sent"
"""The `customStatus` of a send that the provider surely did not take, in all the time it was given."""


def standing_after(outcome: Outcome | str) -> Standing:
    """Where a dispatch leaves the interaction; a text is why the provider surely never took the message."""
    match outcome:
        case Accepted():
            return Standing(status=Status.SENT, custom_status=outcome.word, milestone=Milestone.ACCEPTED)
        case Rejected():
            return Standing(status=Status.PROVIDER_SENDING_ERROR, custom_status="rejected")
        case Unanswered():
            return Standing(status=Status.PROVIDER_SENDING_ERROR, custom_status=UNKNOWN)
        case str():
            return Standing(status=Status.PROVIDER_SENDING_ERROR, custom_status=NOT_SENT)


def outcome_of_failure(error: ActivityError, *, repeatable: bool) -> Outcome | str:
    """What a dispatch that gave up means.

    The activity raises an error of its own only while the message was surely not taken, or when it may be repeated;
    an attempt that never came back, and one of several that were repeated, may have sent it.
    """
    cause = error.cause
    while cause is not None and not isinstance(cause, ApplicationError):
        cause = cause.__cause__
    if cause is not None and not repeatable:
        return str(cause)
    return Unanswered(detail=str(cause or error.cause or error))
