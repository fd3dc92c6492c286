"""Dry run of a send: all checks and lookups of admission, without its writes."""

import asyncio
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse

from api.http.envelope import failure, success
from api.http.errors import status_of_problems
from api.schemas.interactions import SendAnswer
from api.state import IrisState
from domain.clock import utc_now
from domain.destinations import Destination
from domain.interaction import Direction, HistoryEntry, Interaction
from domain.notes import Note
from domain.problems import Problem
from domain.status import Status
from domain.submission import Submission
from models.process import Process
from models.user import User
from queries.gate import Admittance
from queries.validation import owners_of, validate, with_owners

DRY_RUN_DETAIL: Final = "Simulación: no se ha enviado ni guardado nada"


async def answer_dry_run(request: Request, state: IrisState, submission: Submission) -> JSONResponse:
    """The answer that a submission would get, without registering or sending it."""
    owners, refusals = await asyncio.gather(owners_of(submission), state.gate.refusals_of(submission.recipients))
    admittance = await state.gate.admit(submission, owners)
    validation = await validate(state.integrations, submission, owners, [*refusals, *admittance.problems])
    if validation.problems:
        refused = SendAnswer.of_dry_run(
            _refused(submission, validation.problems), creates_user=False, creates_process=False
        )
        status = status_of_problems(validation.problems)
        return failure(request, status, validation.problems, payload=refused.on_the_wire())
    admitted = SendAnswer.of_dry_run(
        await _admitted(submission, validation.destinations, owners, admittance),
        creates_user=not owners,
        creates_process=submission.process_id is None,
    )
    return success(admitted.on_the_wire(), DRY_RUN_DETAIL)


def _refused(submission: Submission, problems: list[Problem]) -> Interaction:
    notes = Note(problems=problems)
    return _after(submission, HistoryEntry(date=utc_now(), status=Status.VALIDATION_ERROR, notes=notes))


async def _admitted(
    submission: Submission, destinations: list[Destination], owners: list[User], admittance: Admittance
) -> Interaction:
    """The interaction as admission would answer it, without the user and process that admission would create."""
    selector = {"_id": submission.process_id, "tenant": submission.tenant}
    process = await Process.find_one(selector) if submission.process_id else None
    summary = process.summary().model_copy(update={"last_direction": Direction.OUT}) if process else None
    changes = {
        "users": [user.view() for user in owners],
        "destinations": with_owners(destinations, owners) if owners else destinations,
        "process_summary": summary,
        "is_last_entry": True,
        "schedule": admittance.schedule,
        "hold": admittance.hold,
    }
    return _after(submission, HistoryEntry.pending(utc_now(), admittance.hold)).model_copy(update=changes)


def _after(submission: Submission, entry: HistoryEntry) -> Interaction:
    return submission.registered().state_at(entry.state, [submission.first_entry(), entry])
