"""Route that counts what the tenant's interactions wait for."""

from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.openapi import refusals, shown
from api.schemas.waiting import WAITING_EXAMPLE, WaitingAnswer, WaitingItem
from domain.access import Caller, Operation
from queries.waiting import count_waiting

router = APIRouter(tags=["interactions"])

_COUNTED_DETAIL: Final = "Interacciones en espera contadas"


@router.get(
    "/v1/waiting",
    summary="Count waiting interactions",
    response_model=Envelope[WaitingAnswer],
    responses={**refusals(), **shown(WAITING_EXAMPLE)},
)
async def count_waiting_interactions(caller: Annotated[Caller, allowed(Operation.INTERACTIONS_READ)]) -> JSONResponse:
    """How many of your interactions wait, by what they wait for, each with the oldest.

    `GET /v1/interactions?waitingFor=` lists them.
    """
    counts = await count_waiting(caller.tenant)
    return success(WaitingAnswer(items=[WaitingItem.of(one) for one in counts]).on_the_wire(), _COUNTED_DETAIL)
