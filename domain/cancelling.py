"""Rules for cancelling an interaction."""

from domain.deadlines import CANCELLED, UNKNOWN
from domain.notes import Note
from domain.status import UNSENT, InteractionState, Status


def cancelled_by(account_id: str) -> Note:
    """Return the history note of an interaction that an account cancelled."""
    return Note(code="cancelled_by_account", details={"account": account_id})


def why_not_cancelled(state: InteractionState) -> str | None:
    """Return the problem code that prevents cancelling in this state; None if the interaction is cancelled."""
    match state.status:
        case Status.PROVIDER_SENDING_ERROR if state.custom_status == CANCELLED:
            return None
        case Status.PROVIDER_SENDING_ERROR if state.custom_status == UNKNOWN:
            return "may_have_been_sent"
        case Status.SENT | Status.COMPLETED | Status.PROCESS_ERROR:
            return "already_sent"
        case status:
            return "being_sent" if status in UNSENT else "already_ended"
