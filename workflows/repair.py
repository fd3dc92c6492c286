"""Repair of an interaction whose workflow was lost before it knew the outcome of the send.

A run that resumes from the record is the only open one: no other run will validate it or apply the provider's answer.
"""

from typing import NamedTuple

from domain.notes import Note
from domain.outcomes import OutcomeUnknown
from domain.problems import Problem
from domain.status import InteractionState, Status
from workflows.outcomes import state_after


class Repair(NamedTuple):
    """End of a lost interaction: its state, the note on why, and the problems for its caller."""

    state: InteractionState
    note: Note
    problems: list[Problem]


def repair_of(lost: Status) -> Repair | None:
    """Repair of an interaction that was lost in a status; None if receipts and the receipt window decide."""
    match lost:
        case Status.VALIDATION_PENDING:
            # A message is sent only after `DISPATCH_PENDING` is written.
            problem = Problem(field="", code="lost_before_sending")
            return Repair(InteractionState(status=Status.VALIDATION_ERROR), Note(problems=[problem]), [problem])
        case Status.DISPATCH_PENDING:
            return Repair(state_after(OutcomeUnknown()), Note(code="interrupted"), [])
        case (
            Status.VALIDATION_ERROR
            | Status.SENT
            | Status.PROVIDER_SENDING_ERROR
            | Status.PROCESS_ERROR
            | Status.COMPLETED
            | Status.RECEIVED
        ):
            return None
