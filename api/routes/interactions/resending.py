"""Route that resends an interaction."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from temporalio.client import Client

from api.auth.access import allowed
from api.http.envelope import Envelope
from api.http.idempotency import IdempotencyKey, fingerprint, id_by_key
from api.http.openapi import refusals
from api.http.request_body import json_body
from api.routes.interactions.sending import answered, found_interaction
from api.routes.interactions.unregistered import find_interaction
from api.schemas.resending import ResendRequest
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.errors import InvalidRequestError
from domain.identifiers import derived_id
from domain.problems import Problem
from domain.resending import RESEND_OF, why_not_resent
from domain.submission import SEGMENTS, Submission
from integrations.references import to_reference
from models.interaction import Interaction
from models.process import Process
from wire.interactions import InteractionAnswer

router = APIRouter(tags=["interactions"])


@router.post(
    "/v1/interactions/{interaction_id}/resend",
    summary="Resend an interaction",
    response_model=Envelope[InteractionAnswer],
    responses=refusals(400, 404, 409, 413, 422),
)
async def resend_interaction(  # noqa: PLR0913 - one parameter for each part of the request
    request: Request,
    interaction_id: str,
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_WRITE)],
    body: Annotated[
        ResendRequest,
        json_body(
            ResendRequest, {"again": {}, "otherwise": {"integrationId": "67c98902c362797495a602c6"}}, is_optional=True
        ),
    ],
    state: State,
    *,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Send the same contents to the same destinations as a new interaction, which this answers as the send call does.

    It is in the same process while that is open, else in a new one. Its `metadata.resendOf` is the id of the first;
    `GET /v1/interactions?resendOf=` finds it by that. What may still arrive is refused with 409 `may_still_arrive`
    unless `force` is true. No body is an empty one.
    """
    with state.submissions.acquire(caller.tenant):
        first = await found_interaction(interaction_id, caller, state.temporal)
        code = why_not_resent(first.direction, first.state, has_content=bool(first.payload), is_forced=body.force)
        new_id = id_by_key("interaction", caller, idempotency_key)
        is_repeated = idempotency_key is not None and await _is_made(state.temporal, new_id, caller)
        if code is not None and not is_repeated:
            raise InvalidRequestError([Problem(field="id", code=code)])
        return await answered(request, state, await _submission(state, body, first, caller, new_id))


async def _is_made(client: Client, interaction_id: str, caller: Caller) -> bool:
    return await find_interaction(client, interaction_id, caller.tenant) is not None


async def _submission(
    state: IrisState, asked: ResendRequest, first: Interaction, caller: Caller, new_id: str
) -> Submission:
    integration_id = asked.integration_id or first.integration.integration_id
    integration = await state.integrations.of_tenant(integration_id, caller.tenant)
    if integration is None:
        raise InvalidRequestError([Problem(field="integrationId", code="integration_not_found")])
    is_open = {"_id": first.process_id, "tenant": caller.tenant, "is_closed": False}
    process = await Process.find_one(is_open) if first.process_id else None
    own = {name: value for name, value in first.metadata.items() if name != SEGMENTS}
    return Submission(
        interaction_id=new_id,
        fingerprint=derived_id("resend", first.id, fingerprint(asked)),
        tenant=caller.tenant,
        author_id=caller.account_id,
        submitted_at=utc_now(),
        integration=to_reference(integration),
        payload=first.payload,
        # Destinations of users erased since then are left out.
        destinations=[destination.written for destination in first.destinations if destination.value],
        process_id=process.id if process else None,
        new_process_id=derived_id("process", new_id),
        auto_create_user=True,
        auto_create_process=True,
        metadata={**own, RESEND_OF: first.id},
        primary_key=first.primary_key,
        attachments=first.attachments,
        template=first.template,
        category=first.effective_category,
    )
