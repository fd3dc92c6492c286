"""Routes for stored strategies, versioned as templates are."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from pymongo.errors import DuplicateKeyError

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, fingerprint, id_by_key
from api.http.lookup import get_or_404, or_404
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page, page_of
from api.http.request_body import json_body
from api.routes.interactions.strategy_choice import ChosenSteps
from api.routes.interactions.strategy_plan import check_strategy
from api.schemas.common import Page
from api.schemas.strategies import (
    STRATEGY_ANSWER,
    STRATEGY_EXAMPLE,
    StepRequest,
    StrategyAnswer,
    StrategyChange,
    StrategyRequest,
)
from api.schemas.templates import VariableAsked
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.errors import InvalidRequestError, OverloadedError
from domain.problems import Problem
from domain.templates import Variable
from models.audit import write_audit
from models.base import NEWEST_FIRST
from models.strategy import Strategy, StrategyVersion
from queries.cursor import Cursor

router = APIRouter(tags=["strategies"])

_MAX_TRIES: Final = 10
"""Attempts at a change that conflicts with concurrent ones."""


@router.post(
    "/v1/strategies",
    summary="Create a strategy",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[StrategyAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(STRATEGY_ANSWER, HTTPStatus.CREATED)},
)
async def create_strategy(
    caller: Annotated[Caller, allowed(Operation.STRATEGIES_WRITE)],
    body: Annotated[StrategyRequest, json_body(StrategyRequest, {"code": STRATEGY_EXAMPLE})],
    state: State,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Store steps for sends that name them by this strategy's id, once they are tried out with the examples."""
    first = StrategyVersion(
        number=1,
        name=body.name,
        steps=_steps(body.steps),
        variables=_variables(body.variables),
        category=body.category,
        author_id=caller.account_id,
    )
    await _check(state, caller, first, body.steps)
    strategy = Strategy(
        id=id_by_key("strategy", caller, idempotency_key),
        tenant=caller.tenant,
        newest=first,
        fingerprint=fingerprint(body),
    )
    try:
        await strategy.insert()
    except DuplicateKeyError:
        made = await Strategy.find_one({"_id": strategy.id, "tenant": caller.tenant})
        if made is None:
            raise _name_taken() from None
        check_same(made.fingerprint, strategy.fingerprint)
        strategy = made
    else:
        await write_audit(caller, "strategy.created", strategy.id, body.model_fields_set)
    return success(StrategyAnswer.of(strategy).on_the_wire(), "Estrategia creada", HTTPStatus.CREATED)


@router.get(
    "/v1/strategies",
    summary="List strategies",
    response_model=Envelope[Page[StrategyAnswer]],
    responses={**refusals(422), **shown({"items": [STRATEGY_ANSWER], "nextCursor": None})},
)
async def list_strategies(
    caller: Annotated[Caller, allowed(Operation.STRATEGIES_READ)], asked: AskedPage
) -> JSONResponse:
    """Your strategies as they are now, the newest first."""
    selector: dict[str, Any] = {"tenant": caller.tenant, **(asked.after.after("created") if asked.after else {})}
    found = await Strategy.read_some(selector, NEWEST_FIRST, asked.limit + 1)
    payload = page_of(
        found,
        asked,
        lambda strategy: StrategyAnswer.of(strategy).on_the_wire(),
        lambda strategy: Cursor(strategy.created, strategy.id),
    )
    return success(payload, "Estrategias encontradas")


@router.get(
    "/v1/strategies/{strategy_id}",
    summary="Read a strategy",
    response_model=Envelope[StrategyAnswer],
    responses={**refusals(404, 422), **shown(STRATEGY_ANSWER)},
)
async def read_strategy(
    strategy_id: str,
    caller: Annotated[Caller, allowed(Operation.STRATEGIES_READ)],
    version: Annotated[int | None, Query(ge=1, le=2**31, description="Which version; else the newest.")] = None,
) -> JSONResponse:
    """One version of the strategy."""
    strategy = await get_or_404(Strategy, strategy_id, caller)
    found = or_404(await strategy.version(version), "version")
    return success(StrategyAnswer.of(strategy, found).on_the_wire(), "Estrategia encontrada")


@router.get(
    "/v1/strategies/{strategy_id}/versions",
    summary="List a strategy's versions",
    response_model=Envelope[Page[StrategyAnswer]],
    responses=refusals(404, 422),
)
async def list_strategy_versions(
    strategy_id: str, caller: Annotated[Caller, allowed(Operation.STRATEGIES_READ)], asked: AskedPage
) -> JSONResponse:
    """What the strategy is and was, the newest first."""
    strategy = await get_or_404(Strategy, strategy_id, caller)
    last_seen = asked.after.id if asked.after else ""
    before = int(last_seen) if last_seen.isdecimal() else strategy.newest.number
    earlier = await strategy.versions_before(before, asked.limit + 1)
    payload = page(
        earlier if asked.after else [strategy.newest, *earlier],
        asked,
        lambda version: StrategyAnswer.of(strategy, version).on_the_wire(),
        lambda version: Cursor(version.created, str(version.number)),
    )
    return success(payload, "Versiones encontradas")


@router.patch(
    "/v1/strategies/{strategy_id}",
    summary="Change a strategy",
    response_model=Envelope[StrategyAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(STRATEGY_ANSWER)},
)
async def change_strategy(
    strategy_id: str,
    caller: Annotated[Caller, allowed(Operation.STRATEGIES_WRITE)],
    body: Annotated[StrategyChange, json_body(StrategyChange, {"steps": {"steps": STRATEGY_EXAMPLE["steps"]}})],
    state: State,
) -> JSONResponse:
    """Make a new version, with what is given changed; the versions before stay as they are, and may be sent."""
    for _ in range(_MAX_TRIES):
        strategy = await get_or_404(Strategy, strategy_id, caller)
        changed = _changed(strategy.newest, body, caller)
        steps = [StepRequest.model_validate(step) for step in changed.steps]
        await _check(state, caller, changed, steps)
        try:
            superseded = await strategy.supersede(changed)
        except DuplicateKeyError:
            raise _name_taken() from None
        if superseded:
            await write_audit(caller, "strategy.changed", strategy_id, body.model_fields_set)
            return success(StrategyAnswer.of(strategy, changed).on_the_wire(), "Estrategia modificada")
    raise OverloadedError


@router.delete(
    "/v1/strategies/{strategy_id}", summary="Delete a strategy", response_model=Envelope, responses=refusals(404)
)
async def delete_strategy(
    strategy_id: str, caller: Annotated[Caller, allowed(Operation.STRATEGIES_WRITE)]
) -> JSONResponse:
    """Remove it with all its versions; its runs go on."""
    strategy = await get_or_404(Strategy, strategy_id, caller)
    await strategy.remove()
    await write_audit(caller, "strategy.deleted", strategy_id)
    return success(None, "Estrategia eliminada")


async def _check(state: IrisState, caller: Caller, version: StrategyVersion, steps: Sequence[StepRequest]) -> None:
    """Check a version, tried out with the examples of its variables.

    Raises:
        InvalidRequestError: with every problem.
    """
    examples: dict[str, JsonValue] = {one.name: one.example for one in version.variables}
    tried = ChosenSteps(steps, version.variables, examples, strategy_id="", category=version.category)
    await check_strategy(state, caller.tenant, tried)


def _steps(asked: Sequence[StepRequest]) -> list[dict[str, Any]]:
    return [step.as_json() for step in asked]


def _variables(asked: Sequence[VariableAsked]) -> list[Variable]:
    return [Variable.model_validate(one.model_dump()) for one in asked]


def _changed(newest: StrategyVersion, asked: StrategyChange, caller: Caller) -> StrategyVersion:
    return StrategyVersion(
        number=newest.number + 1,
        name=newest.name if asked.name is None else asked.name,
        steps=newest.steps if asked.steps is None else _steps(asked.steps),
        variables=newest.variables if asked.variables is None else _variables(asked.variables),
        category=newest.category if asked.category is None else asked.category,
        author_id=caller.account_id,
    )


def _name_taken() -> InvalidRequestError:
    return InvalidRequestError([Problem(field="name", code="name_taken")])
