"""History notes: why an event changed nothing, outcomes in words, and the table that the Web UI shows."""

from datetime import UTC, datetime

import pytest

from domain.deadlines import PendingWait, WaitReason
from domain.events import ProviderEvent
from domain.interaction import REGISTERED_NOTE, HistoryEntry
from domain.notes import MAX_NOTE_LENGTH, Note, words_of_note
from domain.outcomes import (
    MAX_DETAIL_LENGTH,
    Accepted,
    FailureClass,
    Outcome,
    OutcomeUnknown,
    RefusedDestination,
    Rejected,
)
from domain.problems import Problem
from domain.status import InteractionState, Milestone, Status
from domain.texts import Language
from workflows.history_notes import current_details, describe_outcome, events_of_refused, why_not_applied

AT = datetime(2025, 6, 25, 9, 48, 21, 246_000, UTC)
SENT = InteractionState(status=Status.SENT, custom_status="sent", milestone=Milestone.SENT)
DELIVERED = InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
SILENT = InteractionState(status=Status.COMPLETED, custom_status="accepted", milestone=Milestone.ACCEPTED)
"""State of an e-mail whose receipt window closed without a bounce."""


def event(milestone: Milestone, word: str) -> ProviderEvent:
    return ProviderEvent(key=f"m1:{word}", provider_status=word, milestone=milestone)


@pytest.mark.parametrize(
    ("state", "received", "repeated", "reason"),
    [
        (SENT, event(Milestone.DELIVERED, "delivered"), False, None),
        (SENT, event(Milestone.FAILED, "failed"), False, None),
        (DELIVERED, event(Milestone.READ, "read"), False, None),
        (SENT, event(Milestone.DELIVERED, "delivered"), True, "repeated"),
        (SENT, event(Milestone.NONE, "pondering"), False, "unknown_status"),
        (SENT, event(Milestone.ACCEPTED, "queued"), False, "late"),
        (DELIVERED, event(Milestone.SENT, "sent"), False, "late"),
        (DELIVERED, event(Milestone.FAILED, "failed"), False, "failure_after_delivery"),
        (SILENT, event(Milestone.FAILED, "bounced"), False, "failure_after_silence"),
        (
            InteractionState(status=Status.VALIDATION_ERROR),
            event(Milestone.DELIVERED, "delivered"),
            False,
            "late",
        ),
    ],
)
def test_an_event_that_changes_nothing_is_recorded_with_the_reason(
    state: InteractionState, received: ProviderEvent, repeated: bool, reason: str | None
) -> None:
    assert why_not_applied(state, received, repeated=repeated) == reason


def test_the_details_are_a_table_with_one_row_per_change_and_what_is_awaited() -> None:
    history = [
        HistoryEntry(date=AT, status=Status.VALIDATION_PENDING, notes=REGISTERED_NOTE),
        HistoryEntry(date=AT, status=Status.SENT, custom_status="queued"),
    ]
    wait = PendingWait(awaited=WaitReason.DELIVERY, until=AT)
    assert current_details(history, wait).splitlines() == [
        "| date | status | customStatus | notes |",
        "|---|---|---|---|",
        "| 2025-06-25T09:48:21.246Z | VALIDATION_PENDING |  | Interacción registrada |",
        "| 2025-06-25T09:48:21.246Z | SENT | queued |  |",
        "",
        f"**{wait.sentence()}.**",
    ]


def test_the_details_of_what_waits_for_nothing_end_by_saying_so() -> None:
    entry = HistoryEntry(date=AT, status=Status.COMPLETED, custom_status="read")
    assert current_details([entry], None).splitlines()[-1] == "**No espera nada más.**"
    assert current_details([], None) == "**No espera nada más.**"


def test_a_providers_text_in_a_note_does_not_break_the_table() -> None:
    entry = HistoryEntry(date=AT, status=Status.SENT, custom_status="a|b\nc", notes="x|y\r\nz\ru\u2028v")
    details = current_details([entry], None)
    assert details.split("\n")[2:3] == ["| 2025-06-25T09:48:21.246Z | SENT | a\\|b c | x\\|y z u v |"]
    assert len(details.splitlines()) == 5


def test_a_refusal_is_described_with_every_reason() -> None:
    problems = [
        Problem(field="Destinations[0]", code="duplicate_destination"),
        Problem(field="processId", code="process_closed"),
    ]
    note = Note(problems=problems)
    assert note.words(Language.SPANISH) == (
        "Destinations[0]: El destino está repetido; processId: El proceso está cerrado"
    )
    assert note.words(Language.ENGLISH) == (
        "Destinations[0]: The destination is given twice; processId: The process is closed"
    )


def test_a_note_in_words_is_cut() -> None:
    problems = [Problem(field="x" * 200, code="empty")] * 50
    assert len(Note(problems=problems).words(Language.SPANISH)) == MAX_NOTE_LENGTH


@pytest.mark.parametrize(
    ("outcome", "words", "english"),
    [
        (Accepted(provider_message_id="m1"), None, None),
        (
            Rejected(code="30006", failure=FailureClass.DESTINATION, detail="Landline"),
            "Rechazado por el proveedor: 30006 (destination) Landline",
            "Rejected by the provider: 30006 (destination) Landline",
        ),
        (
            Rejected(code="30006", failure=FailureClass.DESTINATION),
            "Rechazado por el proveedor: 30006 (destination)",
            "Rejected by the provider: 30006 (destination)",
        ),
        (OutcomeUnknown(), "Respuesta perdida: puede haberse enviado.", "Answer lost: it may have been sent."),
        (
            "unreachable",
            "No enviado en el plazo de reintentos: unreachable",
            "Not sent within the time for retries: unreachable",
        ),
    ],
)
def test_every_outcome_of_a_dispatch_is_described(
    outcome: Outcome | str, words: str | None, english: str | None
) -> None:
    note = describe_outcome(outcome)
    assert words_of_note(note, Language.SPANISH) == words
    assert words_of_note(note, Language.ENGLISH) == english


def test_destinations_that_a_provider_refused_become_failure_events() -> None:
    refused = RefusedDestination(destination="a@correo.es", code="550", failure=FailureClass.DESTINATION)
    outcome = Accepted(provider_message_id="m1", refused=(refused,))
    assert words_of_note(describe_outcome(outcome), Language.SPANISH) == "Destinos rechazados: a@correo.es (550)"
    (received,) = events_of_refused(outcome)
    assert (received.destination, received.milestone, received.code) == ("a@correo.es", Milestone.FAILED, "550")
    assert "a@correo.es" not in received.key, "which an erased interaction keeps"
    assert events_of_refused("unreachable") == []


def test_a_providers_text_is_cut() -> None:
    assert len(OutcomeUnknown(detail="a" * 10_000).detail) == MAX_DETAIL_LENGTH
