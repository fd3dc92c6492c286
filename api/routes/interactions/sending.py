"""Routes that send and read an interaction."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from temporalio.client import Client

from api.auth.access import allowed, phone_number_rules
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, fingerprint, fingerprint_of, id_by_key
from api.http.lookup import or_404
from api.http.request_body import json_body
from api.routes.interactions.answering import answered
from api.routes.interactions.dry_run import answer_dry_run
from api.routes.interactions.strategy_choice import chosen_steps
from api.routes.interactions.strategy_plan import Send
from api.routes.interactions.strategy_sending import answer_strategy
from api.routes.interactions.unregistered import find_interaction
from api.routes.templates import Content, rendered
from api.schemas.examples import SEND_EXAMPLES
from api.schemas.interactions import SendAnswer, SendRequest
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.errors import InvalidRequestError
from domain.gate.schedule import IGNORE
from domain.identifiers import derived_id
from domain.problems import MAX_PROBLEMS, Problem
from domain.submission import Submission
from integrations.references import to_reference
from models.audit import write_audit
from models.integration import Integration
from models.interaction import Interaction
from wire.interactions import InteractionAnswer

router = APIRouter(tags=["interactions"])

_READ_DETAIL: Final = "Interacción encontrada"

_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Envelope[InteractionAnswer], "description": description}
    for status, description in {
        400: "The body is not a JSON object, or the Idempotency-Key is not valid.",
        401: "No valid API key or token.",
        403: "The account or key may not do this.",
        404: "The integration or the process does not exist in your tenant.",
        409: "The process is closed, the integration disabled, or a recipient opted out.",
        413: "The body is too large.",
        422: "The request is refused; `error` has every reason. Once tenant and integration are known, `payload` is "
        "the interaction in VALIDATION_ERROR.",
        429: "Too many requests; repeat with the same Idempotency-Key after Retry-After seconds.",
        503: "A part of Iris does not answer, or too much is asked at once; repeat with the same Idempotency-Key after "
        "Retry-After seconds.",
    }.items()
}


@dataclass(frozen=True, slots=True)
class _ParsedRequest:
    """What of a send request can be read, the problems of the rest, and the fingerprint of the whole."""

    request: SendRequest
    problems: list[Problem]
    fingerprint: str
    has_strategy: bool

    @classmethod
    def of(cls, raw: dict[str, JsonValue]) -> "_ParsedRequest":
        """Parse a body."""
        request, problems = SendRequest.readable(raw)
        has_strategy = request.strategy is not None or any(one.field.startswith("strategy") for one in problems)
        return cls(request, problems, fingerprint_of(raw) if problems else fingerprint(request), has_strategy)


@router.post(
    "/v1/interactions",
    summary="Send an interaction",
    response_model=Envelope[SendAnswer],
    responses=_FAILURES,
)
async def send_interaction(
    request: Request,
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_WRITE)],
    body: Annotated[_ParsedRequest, json_body(SendRequest, SEND_EXAMPLES, parse=_ParsedRequest.of)],
    state: State,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Send one message through one integration.

    200 means admitted: validated, user and process resolved, written down and queued. What becomes of it is read with
    `GET /v1/interactions/{id}`.

    With `dryRun: true` everything is checked in the same way, and nothing is sent, stored or created: the answer is the
    interaction as it would be, with `dryRun: true`. An `Idempotency-Key` is neither compared nor used up.
    """
    with state.submissions.acquire(caller.tenant):
        if body.has_strategy:
            send = await _send_of(body, caller, id_by_key("interaction", caller, idempotency_key))
            is_forced = send.asked.force and Operation.CONSENTS_OVERRIDE in caller.operations
            if is_forced and not send.asked.dry_run:
                await write_audit(caller, "consent.overridden", send.interaction_id)
            return await answer_strategy(request, state, send)
        submission = await _submission(state, body, caller, id_by_key("interaction", caller, idempotency_key))
        if submission.is_forced and not body.request.dry_run:
            await write_audit(caller, "consent.overridden", submission.interaction_id)
        return await (answer_dry_run if body.request.dry_run else answered)(request, state, submission)


@router.get(
    "/v1/interactions/{interaction_id}",
    summary="Read an interaction",
    response_model=Envelope[InteractionAnswer],
    responses={status: _FAILURES[status] for status in (401, 403, 404, 429, 503)},
)
@router.post(
    "/conversation/interaction/{interaction_id}",
    summary="Read an interaction (the vendor's own path)",
    response_model=Envelope[InteractionAnswer],
    responses={status: _FAILURES[status] for status in (401, 403, 404, 429, 503)},
)
async def read_interaction(
    interaction_id: str, caller: Annotated[Caller, allowed(Operation.INTERACTIONS_READ)], state: State
) -> JSONResponse:
    """The interaction as it is now; `VALIDATION_PENDING` also where no worker has registered it yet.

    Lists do not show an interaction before a worker has registered it.
    """
    document = await found_interaction(interaction_id, caller, state.temporal)
    return success(InteractionAnswer.of(await document.view()).on_the_wire(), _READ_DETAIL)


async def found_interaction(interaction_id: str, caller: Caller, client: Client) -> Interaction:
    """Find an interaction of the caller's tenant.

    Raises:
        NotFoundError: if there is none.
    """
    return or_404(await find_interaction(client, interaction_id, caller.tenant))


async def _send_of(parsed: _ParsedRequest, caller: Caller, interaction_id: str) -> Send:
    """A send by a strategy.

    Raises:
        InvalidRequestError: if the strategy cannot be read, or does not exist.
    """
    asked = parsed.request
    problems = [*parsed.problems, *_problems_of_rights(asked, caller)]
    if asked.strategy is None:
        raise InvalidRequestError(problems)
    chosen = await chosen_steps(caller.tenant, asked.strategy)
    return Send(asked, chosen, caller, parsed.fingerprint, problems, interaction_id)


async def _submission(state: IrisState, parsed: _ParsedRequest, caller: Caller, interaction_id: str) -> Submission:
    """The submission of a request, including the request's own problems, since its rejection is recorded too.

    Raises:
        InvalidRequestError: if the integration is unknown; it has all other problems of the request too.
    """
    asked, problems = parsed.request, parsed.problems
    integration = await state.integrations.of_tenant(asked.integration_id, caller.tenant)
    if integration is None:
        is_named = not any(problem.field == "integrationId" for problem in problems)
        unknown = [Problem(field="integrationId", code="integration_not_found")] if is_named else []
        raise InvalidRequestError([*problems, *unknown])
    content = Content()
    try:
        content = await _content(state.temporal, asked, integration, interaction_id)
    except InvalidRequestError as error:
        problems = [*problems, *error.problems]
    is_forced = asked.force and Operation.CONSENTS_OVERRIDE in caller.operations
    order, problems_of_order = asked.read_order()
    problems = [*problems, *problems_of_order, *_problems_of_rights(asked, caller)]
    return Submission(
        interaction_id=interaction_id,
        fingerprint=parsed.fingerprint,
        tenant=caller.tenant,
        author_id=caller.account_id,
        submitted_at=utc_now(),
        integration=to_reference(integration),
        payload=content.payload,
        destinations=asked.destinations,
        phone_numbers=phone_number_rules(caller, state.settings),
        process_id=asked.process_id or None,
        new_process_id=derived_id("process", interaction_id),
        auto_create_user=asked.auto_create_user,
        auto_create_process=asked.auto_create_process,
        metadata=asked.metadata,
        primary_key=asked.primary_key,
        attachments=asked.attachments_id,
        template=content.template,
        category=asked.category or content.category,
        is_forced=is_forced,
        schedule=asked.schedule,
        order=order if order.in_order or (order.in_order is None and asked.process_id) else None,
        problems=problems[:MAX_PROBLEMS],
    )


def _problems_of_rights(asked: SendRequest, caller: Caller) -> list[Problem]:
    """Problems of what is asked and the caller may not do."""
    problems: list[Problem] = []
    if asked.force and Operation.CONSENTS_OVERRIDE not in caller.operations:
        problems.append(Problem(field="force", code="may_not_override"))
    if asked.window == IGNORE and Operation.WINDOWS_IGNORE not in caller.operations:
        problems.append(Problem(field="window", code="may_not_ignore_windows"))
    return problems


async def _content(client: Client, asked: SendRequest, integration: Integration, interaction_id: str) -> Content:
    """The content of a request, or the one that its template renders, which happens once.

    A repeated request gets the first one's answer even if the template cannot be rendered any more.
    """
    if asked.template is None:
        return Content(asked.payload)
    if asked.payload:
        raise InvalidRequestError([Problem(field="template", code="one_of_both")])
    try:
        return await rendered(integration.tenant, integration.channel, asked.template)
    except InvalidRequestError:
        earlier = await find_interaction(client, interaction_id, integration.tenant)
        if earlier is None:
            raise
        return Content(earlier.payload, earlier.template, earlier.effective_category)
