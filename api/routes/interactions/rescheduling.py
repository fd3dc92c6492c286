"""Route to change when a held interaction goes."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.openapi import refusals
from api.http.request_body import json_body
from api.routes.interactions.answering import answer_too_late
from api.routes.interactions.sending import found_interaction
from api.schemas.schedules import ScheduleChangeRequest
from api.state import State
from domain.access import Caller, Operation
from domain.cancelling import why_not_cancelled
from domain.clock import utc_now
from domain.errors import InvalidRequestError
from domain.gate.schedule import AT_ONCE, IGNORE, Schedule
from domain.problems import Problem
from domain.status import UNSENT
from temporal.interactions import reschedule
from wire.interactions import InteractionAnswer

router = APIRouter(tags=["interactions"])

_RESCHEDULED_DETAIL: Final = "Interacción reprogramada"


@router.patch(
    "/v1/interactions/{interaction_id}/schedule",
    summary="Reschedule an interaction",
    response_model=Envelope[InteractionAnswer],
    responses={
        **refusals(400, 404, 413, 422),
        409: {
            "model": Envelope[InteractionAnswer],
            "description": "It is too late: `being_sent` (it was released), `already_sent`, `may_have_been_sent` or "
            "`already_ended`. `payload` is the interaction.",
        },
    },
)
async def reschedule_interaction(
    request: Request,
    interaction_id: str,
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_WRITE)],
    body: Annotated[
        ScheduleChangeRequest,
        json_body(
            ScheduleChangeRequest,
            {"later": {"sendAt": "2027-03-28T09:00", "timeZone": "Europe/Madrid"}, "at once": {"sendAt": None}},
        ),
    ],
    state: State,
) -> JSONResponse:
    """Change when a held interaction goes: what is given replaces, null removes, the rest stays.

    200 means that it took effect: it goes by the new schedule alone. `{"sendAt": null}` sends it as soon as its windows
    allow.
    """
    if body.window == IGNORE and Operation.WINDOWS_IGNORE not in caller.operations:
        raise InvalidRequestError([Problem(field="window", code="may_not_ignore_windows")])
    document = await found_interaction(interaction_id, caller, state.temporal)
    if document.status in UNSENT:
        now = utc_now()
        asked = body.applied_to(_still_to_come(document.schedule or AT_ONCE, now))
        schedule, problems = await state.gate.read_change(document, asked, now)
        if problems:
            raise InvalidRequestError(problems)
        answer = await reschedule(state.temporal, state.settings, document, schedule, caller.account_id)
        if answer.problem is not None:
            raise InvalidRequestError([answer.problem])
        document = await found_interaction(interaction_id, caller, state.temporal)
        if answer.is_applied:
            return success(InteractionAnswer.of(await document.view()).on_the_wire(), _RESCHEDULED_DETAIL)
    return await answer_too_late(request, document, why_not_cancelled(document.state) or "already_ended")


def _still_to_come(schedule: Schedule, now: datetime) -> Schedule:
    """Return a schedule without a planned time that is over: it restricts nothing any more."""
    is_over = schedule.send_at is not None and schedule.send_at.instant <= now
    return schedule.model_copy(update={"send_at": None}) if is_over else schedule
