"""An interaction's story in words: the notes of its history, and what the Web UI shows."""

from collections.abc import Sequence
from typing import Final

from domain.clock import to_wire
from domain.events import ProviderEvent
from domain.interaction import HistoryEntry
from domain.outcomes import Accepted, Rejected, Unanswered
from domain.problems import Language, Problem
from domain.status import Milestone, Standing, Status
from domain.waiting import NOTHING, Wait
from workflows.outcomes import Cancelled, Proven, Sending

LONGEST_NOTE: Final = 2_000
"""Characters of a history entry's note."""


def describe_problems(problems: Sequence[Problem]) -> str:
    """Why a submission was refused."""
    return "; ".join(f"{problem.field}: {problem.message()}" for problem in problems)[:LONGEST_NOTE]


def describe_outcome(outcome: Sending) -> str | None:
    """What came of a dispatch."""
    match outcome:
        case Accepted():
            refused = ", ".join(f"{one.destination} ({one.code})" for one in outcome.refused)
            return f"Destinos rechazados: {refused}" if refused else None
        case Proven():
            return "Sin respuesta del proveedor; un aviso suyo prueba que aceptó el mensaje"
        case Rejected():
            return f"Rechazado por el proveedor: {outcome.code} ({outcome.failure}) {outcome.detail}".rstrip()
        case Unanswered():
            return f"Respuesta perdida: puede haberse enviado. {outcome.detail}".rstrip()
        case Cancelled():
            return f"Cancelada por {outcome.by}"
        case str():
            return f"No enviado en el plazo de reintentos: {outcome}"


def describe_event(event: ProviderEvent) -> str | None:
    """What the provider adds to its word: a code, a text, or nothing."""
    return ": ".join(part for part in (event.code, event.detail) if part) or None


def events_of_refused(outcome: Sending) -> list[ProviderEvent]:
    """The provider's news of the destinations that it refused while it took others."""
    if not isinstance(outcome, Accepted):
        return []
    return [
        ProviderEvent(
            key=f"refused:{position}",
            word="rejected",
            milestone=Milestone.FAILED,
            provider_message_id=outcome.provider_message_id,
            destination=refused.destination,
            code=refused.code,
            failure=refused.failure,
            detail=refused.detail,
        )
        for position, refused in enumerate(outcome.refused)
    ]


def why_not_applied(standing: Standing, event: ProviderEvent, *, repeated: bool) -> str | None:
    """Why a piece of news changes nothing; None if it does."""
    if repeated:
        return "repeated"
    if event.milestone is Milestone.NONE:
        return f"unknown word: {event.word}"
    if standing.hear(event.milestone, event.word) == standing:
        if event.milestone is Milestone.FAILED and standing.status is Status.COMPLETED:
            proven = standing.milestone >= Milestone.DELIVERED
            return "failure after proof of delivery" if proven else "failure after completion by silence"
        return f"late: already {standing.custom_status or standing.status}"
    return None


def current_details(history: Sequence[HistoryEntry], wait: Wait | None) -> str:
    """What the Web UI shows of a run, as Markdown: its history, and last what it waits for and until when."""
    awaited = wait.sentence(Language.SPANISH) if wait else NOTHING[Language.SPANISH]
    return "\n\n".join([*([_table(history)] if history else []), f"**{awaited}.**"])


def _table(history: Sequence[HistoryEntry]) -> str:
    rows = [
        f"| {to_wire(entry.date)} | {entry.status} | {_cell(entry.custom_status)} | {_cell(entry.notes)} |"
        for entry in history
    ]
    return "\n".join(["| date | status | customStatus | notes |", "|---|---|---|---|", *rows])


def _cell(text: str | None) -> str:
    return " ".join((text or "").replace("|", "\\|").splitlines())
