"""How an interaction goes on whose workflow was lost before it knew what became of the send.

A run that goes on from the record is the only open one: nobody else will validate it, or apply the provider's answer.
"""

from typing import NamedTuple

from domain.notes import Note
from domain.outcomes import OutcomeUnknown
from domain.problems import Problem
from domain.status import InteractionState, Status
from workflows.outcomes import state_after


class Repair(NamedTuple):
    """The honest end of what was lost: where the interaction stands, why, and what its caller is told."""

    state: InteractionState
    note: Note
    problems: list[Problem]


def repair_of(lost: Status) -> Repair | None:
    """What is surely true of an interaction that was lost in a status; None where receipts and the window tell."""
    match lost:
        case Status.VALIDATION_PENDING:
            # A message is sent only after `DISPATCH_PENDING` is written.
            problem = Problem(field="", code="lost_before_sending")
            return Repair(InteractionState(status=Status.VALIDATION_ERROR), Note(problems=[problem]), [problem])
        case Status.DISPATCH_PENDING:
            return Repair(state_after(OutcomeUnknown()), Note(code="interrupted"), [])
        case _:
            return None
