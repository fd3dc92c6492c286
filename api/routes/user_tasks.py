"""Routes that merge and erase users."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError

from activities.interfaces import UserTask
from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.lookup import get_or_404, or_404
from api.http.openapi import refusals, shown
from api.http.request_body import json_body
from api.schemas.users import ErasureAnswer, MergeAnswer, MergeRequest, StoredUserAnswer
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.errors import InvalidRequestError, NotFoundError, UnavailableError
from domain.identifiers import merge_workflow_id
from domain.problems import Problem
from models.audit import write_audit
from models.user import User
from temporal.interactions import forget
from workflows import attributes, names
from workflows.erasure import ErasureWorkflow
from workflows.merge import MergeWorkflow

router = APIRouter(tags=["users"])

_ERASURE: Final = {"requested": "2025-06-25T09:48:21.246Z", "interactions": 12, "completed": None}
_MERGE: Final = {"into": "67c98902c362797495a604d2", "requested": "2025-06-25T09:48:21.246Z", "completed": None}


@router.post(
    "/v1/users/{user_id}/merge",
    summary="Merge another user into this one",
    response_model=Envelope[StoredUserAnswer],
    responses=refusals(400, 404, 409, 413, 422),
)
async def merge_users(
    user_id: str,
    caller: Annotated[Caller, allowed(Operation.USERS_WRITE)],
    body: Annotated[MergeRequest, json_body(MergeRequest, {"merge": {"from": "67c98902c362797495a604d3"}})],
    state: State,
) -> JSONResponse:
    """Make one user of two. Repeating it changes nothing.

    The other's destinations and metadata are this one's at once, its interactions and processes follow. This one's name
    stays, and its metadata where both have an entry. Reading the other's id gives this user from then on. How far it
    has come says `GET /v1/users/{from}/merge`.
    """
    merged_id = body.from_
    before = await User.find_one({"tenant": caller.tenant, "_id": merged_id})
    if before is None or before.merge is None or before.merge.completed is None:
        await _run(state, MergeWorkflow.run, merge_workflow_id(merged_id), _task(state, caller, merged_id, user_id))
    user = await User.surviving(caller.tenant, merged_id)
    if user is None or user.id != user_id:
        raise InvalidRequestError(
            [Problem(field="from", code="user_merged", details={"user": user.id if user else user_id})]
        )
    if before is not None and before.merge is None:
        await write_audit(caller, "user.merged", user_id, ["from"])
    return success(StoredUserAnswer.of(user).on_the_wire(), "Usuarios fusionados")


@router.get(
    "/v1/users/{user_id}/merge",
    summary="Read the progress of a user's merge",
    response_model=Envelope[MergeAnswer],
    responses={**refusals(404), **shown(_MERGE)},
)
async def read_merge(user_id: str, caller: Annotated[Caller, allowed(Operation.USERS_READ)]) -> JSONResponse:
    """Into whom the user was merged, and since when nothing is left to follow."""
    merge = or_404((await get_or_404(User, user_id, caller)).merge)
    answer = MergeAnswer.model_validate(merge.model_dump())
    return success(answer.on_the_wire(), "Fusión encontrada")


@router.delete(
    "/v1/users/{user_id}",
    summary="Erase a user",
    response_model=Envelope[ErasureAnswer],
    responses={**refusals(404, 409), **shown(_ERASURE)},
)
async def erase_user(
    user_id: str, caller: Annotated[Caller, allowed(Operation.USERS_WRITE)], state: State
) -> JSONResponse:
    """Erase all that is personal of a user, for good. Repeating it changes nothing.

    Its name, metadata and destinations are gone at once. What its interactions say is shown and sent no more from then
    on, and removed soon after. Their ids, statuses, dates and integrations stay. How far it has come says
    `GET /v1/users/{id}/erasure`.
    """
    before = await User.find_one({"tenant": caller.tenant, "_id": user_id})
    if before is None or before.erasure is None or before.erasure.completed is None:
        await _run(state, ErasureWorkflow.run, f"erasure-{user_id}", _task(state, caller, user_id))
    if before is not None and before.erasure is None:
        await write_audit(caller, "user.erased", user_id)
    return await _erasure(user_id, caller)


@router.get(
    "/v1/users/{user_id}/erasure",
    summary="Read the progress of a user's erasure",
    response_model=Envelope[ErasureAnswer],
    responses={**refusals(404), **shown(_ERASURE)},
)
async def read_erasure(user_id: str, caller: Annotated[Caller, allowed(Operation.USERS_READ)]) -> JSONResponse:
    """How many of its interactions are erased, and since when nothing is left."""
    return await _erasure(user_id, caller)


async def _erasure(user_id: str, caller: Caller) -> JSONResponse:
    erasure = or_404((await get_or_404(User, user_id, caller)).erasure)
    answer = ErasureAnswer(requested=erasure.requested, interactions=erasure.interactions, completed=erasure.completed)
    return success(answer.on_the_wire(), "Supresión registrada")


def _task(state: IrisState, caller: Caller, user_id: str, into: str | None = None) -> UserTask:
    return UserTask(
        tenant=caller.tenant, user_id=user_id, into=into, erasure_grace_period=state.settings.erasure_grace_period
    )


async def _run(
    state: IrisState, workflow: Callable[[Any, UserTask], Awaitable[None]], workflow_id: str, task: UserTask
) -> None:
    """Start a user's workflow, or find it running, and wait until it has claimed the user.

    Raises:
        NotFoundError: if there is no such user.
        InvalidRequestError: if the operation is not allowed.
        UnavailableError: if Temporal does not answer; a started workflow continues.
    """
    start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        workflow,
        task,
        id=workflow_id,
        task_queue=state.settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(attributes.TENANT, task.tenant),
                SearchAttributePair(attributes.USERS, [one for one in (task.user_id, task.into) if one]),
            ]
        ),
        static_summary=f"merge {task.user_id} into {task.into}" if task.into else f"erase {task.user_id}",
    )
    claimed: Awaitable[list[Problem]] = state.temporal.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
        names.MERGE if task.into else names.ERASE, start_workflow_operation=start, result_type=list[Problem]
    )
    try:
        problems = await asyncio.wait_for(claimed, state.settings.admission_timeout.total_seconds())
    except (WorkflowUpdateRPCTimeoutOrCancelledError, WorkflowUpdateFailedError, TimeoutError, RPCError) as error:
        raise UnavailableError("Temporal") from error
    finally:
        await forget(start)
    if any(problem.field == "id" and problem.code in {"not_found", "user_erased"} for problem in problems):
        raise NotFoundError(problems)
    if problems:
        raise InvalidRequestError(problems)
