"""Routes for reach: the countries to which messages may go, and limits on how many."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page_of
from api.http.request_body import json_body
from api.schemas.common import Page
from api.schemas.reach import (
    REACH_ANSWER,
    REACH_EXAMPLE,
    REACHED_LIMIT,
    ReachAnswer,
    ReachedLimitAnswer,
    ReachRequest,
)
from api.state import State
from domain.access import Caller, Operation
from domain.errors import InvalidRequestError
from domain.gate.reach import problems_of_reach_rules
from models.audit import write_audit
from models.reach_count import LATEST_REACHED_FIRST, ReachCount
from models.sending_rules import SendingRules
from queries.cursor import Cursor

router = APIRouter(tags=["sending rules"])


@router.get(
    "/v1/reach",
    summary="Read the reach",
    response_model=Envelope[ReachAnswer],
    responses={**refusals(), **shown(REACH_ANSWER)},
)
async def read_reach(caller: Annotated[Caller, allowed(Operation.RULES_READ)]) -> JSONResponse:
    """The countries to which your messages may go, and limits on how many go there."""
    stored = await SendingRules.find_one({"_id": caller.tenant})
    return success(ReachAnswer.of(stored).on_the_wire(), "Alcance encontrado")


@router.put(
    "/v1/reach",
    summary="Replace the reach",
    response_model=Envelope[ReachAnswer],
    responses={**refusals(400, 413, 422), **shown(REACH_ANSWER)},
)
async def put_reach(
    caller: Annotated[Caller, allowed(Operation.RULES_WRITE)],
    body: Annotated[ReachRequest, json_body(ReachRequest, {"authenticationAtHome": REACH_EXAMPLE})],
    state: State,
) -> JSONResponse:
    """Replace countries and limits. They hold for the sends from then on, everywhere within some seconds.

    A message that is out of reach is refused with 409: `country_blocked`, `country_unknown_blocked`,
    `destination_limit_reached`, `prefix_limit_reached` or `country_limit_reached`. A message of the category
    `authentication` to a number of premium rate or shared cost is always refused with 422
    `number_not_for_authentication`.
    """
    problems = problems_of_reach_rules(body.rules, "rules")
    if problems:
        raise InvalidRequestError(problems)
    stored = await state.rules.change(caller.tenant, {"reach": body.settings().as_json()}, caller.account_id)
    await write_audit(caller, "reach.changed", caller.tenant, body.given())
    return success(ReachAnswer.of(stored).on_the_wire(), "Alcance modificado")


@router.get(
    "/v1/reach/reached",
    summary="List the limits that were reached",
    response_model=Envelope[Page[ReachedLimitAnswer]],
    responses={**refusals(422), **shown({"items": [REACHED_LIMIT], "nextCursor": None})},
)
async def list_reached_limits(
    caller: Annotated[Caller, allowed(Operation.RULES_READ)], asked: AskedPage
) -> JSONResponse:
    """The limits that messages came above, the latest first; they are kept for eight days after their period."""
    conditions: list[dict[str, Any]] = [
        {"tenant": caller.tenant, "reached": {"$exists": True}},
        asked.after.after("reached") if asked.after else {},
    ]
    found = await ReachCount.read_some({"$and": conditions}, LATEST_REACHED_FIRST, asked.limit + 1)
    payload = page_of(
        found,
        asked,
        lambda count: ReachedLimitAnswer.of(count).on_the_wire(),
        lambda count: Cursor(count.reached or count.begins, count.id),
    )
    return success(payload, "Límites alcanzados")
