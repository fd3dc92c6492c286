"""Route that explains an interaction's progress and what it waits for."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.auth.access import allowed
from api.http.envelope import Envelope, language_of, success
from api.http.openapi import refusals, shown
from api.routes.interactions.sending import found_interaction
from api.schemas.explaining import (
    EXPLANATION_EXAMPLE,
    ExplanationAnswer,
    SendAttemptAnswer,
    StrategyStandingAnswer,
    WaitAnswer,
    WorkflowAnswer,
)
from api.state import State
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.deadlines import waiting_for
from domain.explaining import CONFIRMS, NOT_ACCEPTED, explained, failing
from domain.gate.opt_out_confirmation import CONFIRMATION_OF
from domain.identifiers import workflow_id
from domain.notes import words_of_note
from domain.resending import RESEND_OF, may_still_arrive
from domain.strategy.explaining import next_of
from domain.texts import Language
from models.interaction import Interaction
from models.strategy_run import StrategyRun
from queries.search import InteractionFilter, search
from queries.strategy_runs import interactions_of, present
from temporal.inspection import WorkflowState, view_workflow

router = APIRouter(tags=["interactions"])

_EXPLAINED_DETAIL: Final = "Interacción explicada"

_MAX_RESENDS: Final = 20
"""Resends of an interaction that are listed."""


@router.get(
    "/v1/interactions/{interaction_id}/explanation",
    summary="Explain where an interaction is",
    response_model=Envelope[ExplanationAnswer],
    responses={**shown(EXPLANATION_EXAMPLE), **refusals(404)},
)
async def explain_interaction(
    request: Request,
    interaction_id: str,
    caller: Annotated[Caller, allowed(Operation.INTERACTIONS_READ)],
    state: State,
) -> JSONResponse:
    """Why it is in its status, what it waits for, until when, and what happens then, in words and as fields."""
    document = await found_interaction(interaction_id, caller, state.temporal)
    language = language_of(request)
    current, last = document.state, document.history[-1]
    wait = waiting_for(document.situation, state.settings.windows, utc_now())
    waits_for = WaitAnswer(awaited=wait.awaited, until=wait.until, then=wait.sentence(language)) if wait else None
    is_waiting_for_worker = wait is not None and not document.registered_by
    if is_waiting_for_worker:
        waits_for = WaitAnswer(awaited="worker", until=None, then=NOT_ACCEPTED[language])
    workflow, attempt, failing_since = await view_workflow(state.temporal, interaction_id)
    if wait is None and workflow is WorkflowState.LOST:
        workflow = WorkflowState.EXPIRED  # it ended before Temporal's retention period
    if document.wakes_at is not None and workflow in {WorkflowState.ENDED, WorkflowState.LOST}:
        workflow = WorkflowState.PARKED
    explanation = NOT_ACCEPTED[language] if is_waiting_for_worker else explained(current, wait, language)
    resends = await search(InteractionFilter(tenant=caller.tenant, resend_of=interaction_id))
    first, confirmed = document.metadata.get(RESEND_OF), document.metadata.get(CONFIRMATION_OF)
    if confirmed is not None:
        explanation = f"{explanation} {CONFIRMS[language]}."
    answer = ExplanationAnswer(
        id=document.id,
        status=current.status,
        custom_status=current.custom_status,
        since=last.date,
        explanation=explanation if failing_since is None else f"{explanation} {failing(failing_since, language)}",
        reason=words_of_note(last.notes, language),
        waits_for=waits_for,
        is_final=waits_for is None,
        may_still_arrive=may_still_arrive(current),
        workflow=WorkflowAnswer(
            id=workflow_id(interaction_id),
            state=workflow,
            failing_since=failing_since,
            attempt=SendAttemptAnswer.model_validate(attempt, from_attributes=True) if attempt else None,
        ),
        strategy=await _strategy(document, language),
        resend_of=first if isinstance(first, str) else None,
        opt_out_confirmation_of=confirmed if isinstance(confirmed, str) else None,
        resent_as=[item.id for item in (await resends.page(_MAX_RESENDS)).items] if resends else [],
    )
    return success(answer.on_the_wire(), _EXPLAINED_DETAIL)


async def _strategy(document: Interaction, language: Language) -> StrategyStandingAnswer | None:
    """What the run of an interaction's strategy waits for, as far as it is stored."""
    step = document.strategy
    stored = await StrategyRun.find_one({"_id": step.run_id}) if step is not None else None
    if step is None or stored is None:
        return None
    run = present(stored.run, await interactions_of(stored.run))
    return StrategyStandingAnswer(run_id=run.id, step=step.step, of=step.of, next=next_of(run, utc_now(), language))
