"""Route to cancel an interaction that no provider has accepted yet."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.openapi import refusals
from api.routes.interactions.answering import answer_too_late
from api.routes.interactions.sending import found_interaction
from api.routes.interactions.unregistered import withdraw
from api.state import State
from domain.access import Caller, Operation
from domain.cancelling import why_not_cancelled
from domain.status import UNSENT
from temporal.interactions import cancel
from wire.interactions import InteractionAnswer

router = APIRouter(tags=["interactions"])

_CANCELLED_DETAIL: Final = "Interacción cancelada"


@router.post(
    "/v1/interactions/{interaction_id}/cancel",
    summary="Cancel an interaction",
    response_model=Envelope[InteractionAnswer],
    responses={
        **refusals(404),
        409: {
            "model": Envelope[InteractionAnswer],
            "description": "It is not cancelled: `being_sent` (an attempt is in the provider's hands; none is made "
            "after it), `already_sent`, `may_have_been_sent` or `already_ended`. `payload` is the interaction.",
        },
    },
)
async def cancel_interaction(
    request: Request,
    interaction_id: str,
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_WRITE)],
    state: State,
) -> JSONResponse:
    """Cancel an interaction before any provider has it.

    200 means that it took effect: it was not sent and never will be. Cancelling it again is 200 again. An interaction
    that no worker has registered yet is cancelled too; one of those that is not valid ends as `VALIDATION_ERROR`.
    """
    document = await found_interaction(interaction_id, caller, state.temporal)
    if document.status in UNSENT and not document.registered_by:
        await withdraw(state.temporal, interaction_id, caller.account_id)
        document = await found_interaction(interaction_id, caller, state.temporal)
    if document.status in UNSENT:
        await cancel(state.temporal, state.settings, document, caller.account_id)
        document = await found_interaction(interaction_id, caller, state.temporal)
    code = why_not_cancelled(document.state)
    if code is not None:
        return await answer_too_late(request, document, code)
    return success(InteractionAnswer.of(await document.view()).on_the_wire(), _CANCELLED_DETAIL)
