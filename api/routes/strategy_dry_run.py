"""Route that rehearses a strategy on a virtual clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.idempotency import fingerprint
from api.http.openapi import refusals, shown
from api.http.request_body import json_body
from api.routes.interactions.strategy_choice import chosen_steps
from api.routes.interactions.strategy_plan import Send, read_run
from api.schemas.strategy_dry_run import (
    DRY_RUN_ANSWER,
    DRY_RUN_EXAMPLE,
    AssumptionRequest,
    DryRunAnswer,
    DryRunRequest,
)
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.durations import parse_duration
from domain.errors import InvalidRequestError
from domain.identifiers import new_id
from domain.problems import Problem
from domain.strategy.plan import MAX_DEADLINE
from domain.strategy.run import Run
from domain.strategy.simulation import Assumption, Timeline, cases, simulate
from domain.strategy.validity import goes_at
from domain.submission import Submission
from queries.validation import owners_of

router = APIRouter(tags=["strategies"])


@router.post(
    "/v1/strategies/dry-run",
    summary="Rehearse a strategy",
    response_model=Envelope[DryRunAnswer],
    responses={**refusals(400, 404, 413, 422), **shown(DRY_RUN_ANSWER)},
)
async def rehearse_strategy(
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_READ)],
    body: Annotated[DryRunRequest, json_body(DryRunRequest, {"silent-first": DRY_RUN_EXAMPLE})],
    state: State,
) -> JSONResponse:
    """What a send by this strategy would do, and when, if its messages came to what is assumed; nothing is sent.

    The same rules decide as in a real run, on a virtual clock. A message of which nothing is assumed is sent and then
    silent. `cases` shows the three that matter most: the first step is read at once, all are silent, all fail.
    """
    chosen = await chosen_steps(caller.tenant, body.strategy)
    send = Send(body.as_send(), chosen, caller, fingerprint(body), [], new_id())
    run, problems = await read_run(state, send)
    if problems:
        raise InvalidRequestError(problems)
    assumed = _read_assumptions(body.assume, run)
    timeline = await _rehearsed(state, run, assumed)
    shown_cases = {name: await _rehearsed(state, run, those) for name, those in cases(run.steps).items()}
    return success(DryRunAnswer.of(run, timeline, shown_cases).on_the_wire(), "Estrategia ensayada")


def _read_assumptions(asked: Sequence[AssumptionRequest], run: Run) -> list[Assumption]:
    read: list[Assumption] = []
    problems: list[Problem] = []
    for position, one in enumerate(asked):
        after = timedelta() if one.after is None else parse_duration(one.after)
        if after is None or after > MAX_DEADLINE * len(run.steps):
            problems.append(Problem(field=f"assume[{position}].after", code="bad_duration"))
        elif one.step > len(run.steps) or run.steps[one.step - 1].is_skipped:
            problems.append(Problem(field=f"assume[{position}].step", code="step_skipped"))
        else:
            read.append(Assumption(one.step - 1, one.outcome, after))
    if problems:
        raise InvalidRequestError(problems)
    return read


async def _rehearsed(state: IrisState, run: Run, assumptions: Sequence[Assumption]) -> Timeline:
    """The dry run of a run, whose messages the gate holds as it would hold them at the instants of their starts."""
    opens: dict[int, datetime] = {}
    while True:
        timeline = simulate(run.steps, assumptions, run.created, opens)
        unknown = next((one for one in timeline.states if one.step not in opens), None)
        if unknown is None:
            return timeline
        opens[unknown.step] = await _opens(state, run, unknown.step, unknown.started)


async def _opens(state: IrisState, run: Run, number: int, at: datetime) -> datetime:
    """When the gate lets the message of a step go that starts at an instant."""
    submission = _submission_at(run, number, at)
    admittance = await state.gate.admit(submission, await owners_of(submission))
    return goes_at(at, admittance.hold)


def _submission_at(run: Run, number: int, at: datetime) -> Submission:
    submission = run.steps[number].submission
    if submission is None:
        raise ValueError(f"step {number} is skipped")
    schedule = submission.schedule
    is_first = at == run.created
    later = schedule.model_copy(update={"send_at": None}) if schedule is not None and not is_first else schedule
    return submission.model_copy(update={"submitted_at": at, "schedule": later})
