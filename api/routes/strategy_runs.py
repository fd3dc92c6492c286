"""Routes for runs of strategies: what was sent by which step and why, and what comes next."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, failure, success
from api.http.lookup import get_or_404
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page_of
from api.schemas.common import Page
from api.schemas.strategies import RUN_EXAMPLE
from api.state import State
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.problems import Problem
from domain.strategy.plan import RunOutcome
from models.base import NEWEST_FIRST
from models.strategy_run import StrategyRun
from queries.cursor import Cursor
from queries.strategy_runs import interactions_of, present
from temporal.strategies import cancel_run
from wire.strategy_runs import StrategyRunAnswer

router = APIRouter(tags=["strategies"])


@router.get(
    "/v1/strategy-runs/{run_id}",
    summary="Read a run of a strategy",
    response_model=Envelope[StrategyRunAnswer],
    responses={**refusals(404), **shown(RUN_EXAMPLE)},
)
async def read_run(run_id: str, caller: Annotated[Caller, allowed(Operation.INTERACTIONS_READ)]) -> JSONResponse:
    """Its steps: which started, when and why, how far they are, and what comes next."""
    return success(await _shown(await get_or_404(StrategyRun, run_id, caller)), "Ejecución encontrada")


@router.get(
    "/v1/strategy-runs",
    summary="List runs of strategies",
    response_model=Envelope[Page[StrategyRunAnswer]],
    responses={**refusals(422), **shown({"items": [RUN_EXAMPLE], "nextCursor": None})},
)
async def list_runs(
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_READ)],
    asked: AskedPage,
    outcome: Annotated[
        RunOutcome | None, Query(description="Those that ended so; the recorded outcome counts.")
    ] = None,
    strategy: Annotated[str | None, Query(description="Those of this stored strategy, by its id.")] = None,
) -> JSONResponse:
    """Your runs, the newest first, as they were recorded: at the start of each step and at the end."""
    selector: dict[str, Any] = {
        "tenant": caller.tenant,
        **({"outcome": outcome.value} if outcome else {}),
        **({"strategy_id": strategy} if strategy else {}),
        **(asked.after.after("created") if asked.after else {}),
    }
    found = await StrategyRun.read_some(selector, NEWEST_FIRST, asked.limit + 1)
    payload = page_of(
        found,
        asked,
        lambda stored: StrategyRunAnswer.of(stored.run, utc_now()).on_the_wire(),
        lambda stored: Cursor(stored.created, stored.id),
    )
    return success(payload, "Ejecuciones encontradas")


@router.post(
    "/v1/strategy-runs/{run_id}/cancel",
    summary="Cancel a run of a strategy",
    response_model=Envelope[StrategyRunAnswer],
    responses={
        **refusals(404),
        409: {
            "model": Envelope[StrategyRunAnswer],
            "description": "It had ended before, `already_ended`. `payload` is the run.",
        },
    },
)
async def cancel_strategy_run(
    request: Request,
    run_id: str,
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_WRITE)],
    state: State,
) -> JSONResponse:
    """Start no further step, and cancel the message of the present one if no provider has it yet.

    What was sent before may still arrive.
    """
    stored = await get_or_404(StrategyRun, run_id, caller)
    if stored.outcome is None:
        await cancel_run(state.temporal, state.settings, stored, caller.account_id)
        stored = await get_or_404(StrategyRun, run_id, caller)
    answer = await _shown(stored)
    if stored.outcome is not RunOutcome.CANCELLED:
        return failure(request, HTTPStatus.CONFLICT, [Problem(field="id", code="already_ended")], payload=answer)
    return success(answer, "Ejecución cancelada")


async def _shown(stored: StrategyRun) -> Any:  # noqa: ANN401 - JSON
    run = present(stored.run, await interactions_of(stored.run))
    return StrategyRunAnswer.of(run, utc_now()).on_the_wire()
