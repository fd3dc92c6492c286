"""Notes of an interaction's history, and the details that Temporal's Web UI shows."""

from collections.abc import Sequence

from domain.clock import to_wire
from domain.deadlines import NOTHING, PendingWait
from domain.events import ProviderEvent
from domain.interaction import HistoryEntry
from domain.notes import Note, words_of_note
from domain.outcomes import Accepted, OutcomeUnknown, Rejected
from domain.status import InteractionState, Milestone, Status
from domain.texts import Language
from workflows.outcomes import Cancelled, ConfirmedByReceipt, Expired, Sending


def describe_outcome(outcome: Sending) -> Note | None:
    """Note on the outcome of a dispatch; None if there is nothing to add to the status."""
    match outcome:
        case Accepted():
            refused = ", ".join(f"{one.destination} ({one.code})" for one in outcome.refused)
            return Note(code="destinations_refused", details={"destinations": refused}) if refused else None
        case ConfirmedByReceipt():
            return Note(code="proven")
        case Rejected():
            details: dict[str, str | int] = {"code": outcome.code, "failure": outcome.failure, "detail": outcome.detail}
            return Note(code="rejected", details=details)
        case OutcomeUnknown():
            return Note(code="answer_lost", details={"detail": outcome.detail})
        case Cancelled() | Expired():
            return outcome.note
        case str():
            return Note(code="not_sent", details={"reason": outcome})


def describe_event(event: ProviderEvent) -> str | None:
    """Code and text that the provider adds to its status; None if it adds nothing."""
    return ": ".join(part for part in (event.code, event.detail) if part) or None


def events_of_refused(outcome: Sending) -> list[ProviderEvent]:
    """Provider events of the destinations that the provider refused while it accepted others."""
    if not isinstance(outcome, Accepted):
        return []
    return [
        ProviderEvent(
            key=f"refused:{position}",
            provider_status="rejected",
            milestone=Milestone.FAILED,
            provider_message_id=outcome.provider_message_id,
            destination=refused.destination,
            code=refused.code,
            failure=refused.failure,
            detail=refused.detail,
        )
        for position, refused in enumerate(outcome.refused)
    ]


def why_not_applied(state: InteractionState, event: ProviderEvent, *, repeated: bool) -> str | None:
    """Code of the reason why an event changes nothing; None if it changes something."""
    if repeated:
        return "repeated"
    if event.milestone is Milestone.NONE:
        return "unknown_status"
    if state.apply(event.milestone, event.provider_status) == state:
        if event.milestone is Milestone.FAILED and state.status is Status.COMPLETED:
            proven = state.milestone >= Milestone.DELIVERED
            return "failure_after_delivery" if proven else "failure_after_silence"
        return "late"
    return None


def current_details(history: Sequence[HistoryEntry], wait: PendingWait | None) -> str:
    """Details of a run for the Web UI, as Markdown: its history, then what it waits for and until when."""
    awaited = wait.sentence(Language.SPANISH) if wait else NOTHING[Language.SPANISH]
    return "\n\n".join([*([_history_table(history)] if history else []), f"**{awaited}.**"])


def _history_table(history: Sequence[HistoryEntry]) -> str:
    rows = [" | ".join(_cells(entry)) for entry in history]
    return "\n".join(["| date | status | customStatus | notes |", "|---|---|---|---|", *(f"| {row} |" for row in rows)])


def _cells(entry: HistoryEntry) -> tuple[str, str, str, str]:
    notes = words_of_note(entry.notes, Language.SPANISH)
    return to_wire(entry.date), entry.status, _cell(entry.custom_status), _cell(notes)


def _cell(text: str | None) -> str:
    return " ".join((text or "").replace("|", "\\|").splitlines())
