"""Routes for processes (conversations) and their interactions."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import JsonValue
from pymongo.errors import DuplicateKeyError

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, fingerprint, id_by_key
from api.http.lookup import get_or_404, or_404
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page_of
from api.http.parameters import BY_METADATA, BY_PRIMARY_KEY, named_values
from api.http.request_body import json_body
from api.schemas.common import Page
from api.schemas.orders import OrderFields
from api.schemas.processes import ProcessAnswer, ProcessChange, ProcessFilters, ProcessRequest
from api.state import IrisState, State
from domain.access import Caller, Operation
from domain.errors import InvalidRequestError
from domain.gate.order import OrderRequest
from domain.problems import MAX_PROBLEMS, Problem
from domain.search_keys import searchable_field, searchable_fields
from models.audit import write_audit
from models.base import NEWEST_FIRST, OLDEST_FIRST
from models.interaction import Interaction
from models.process import LATEST_FIRST, Process
from models.user import HERE, User
from queries.cursor import Cursor
from wire.interactions import InteractionAnswer

router = APIRouter(tags=["processes"])

_EXAMPLE: Final[dict[str, JsonValue]] = {
    "integrationId": "67c98902c362797495a602c6",
    "userIds": ["67c98902c362797495a604d2"],
    "metadata": {"campaign": "spring"},
    "primaryKey": {"order": "4711"},
    "isDraft": False,
    "inOrder": True,
    "orderAfter": "delivered",
    "orderTimeout": "PT15M",
    "stopOnFailure": False,
}
_ANSWERED: Final = {
    "id": "67c98902c362797495a603c1",
    **_EXAMPLE,
    "integrationIds": ["67c98902c362797495a602c6"],
    "isClosed": False,
    "lastDirection": None,
    "created": "2025-06-25T09:48:21.246Z",
    "lastInteractionId": None,
    "lastInteractionAt": None,
}


@router.get(
    "/v1/processes",
    summary="List and find processes",
    response_model=Envelope[Page[ProcessAnswer]],
    responses={**refusals(422), **shown({"items": [_ANSWERED], "nextCursor": None})},
    openapi_extra={"parameters": [BY_METADATA, BY_PRIMARY_KEY]},
)
async def list_processes(
    request: Request,
    caller: Annotated[Caller, allowed(Operation.PROCESSES_READ)],
    asked: AskedPage,
    filters: Annotated[ProcessFilters, Query()],
) -> JSONResponse:
    """Your processes for which everything that you give is true, the newest first.

    `since` and `until` are of the creation. Sorted by activity, a process in which something is said while you read on
    moves to the beginning of the list, where you find it when you read anew.
    """
    by_activity = filters.is_by_activity
    after = asked.after.after("last_interaction_at" if by_activity else "created") if asked.after else {}
    said = _said_by_name(request.query_params)
    selector = {"tenant": caller.tenant, "$and": [filters.selector(), said, after]}
    found = await Process.read_some(selector, LATEST_FIRST if by_activity else NEWEST_FIRST, asked.limit + 1)

    def place(process: Process) -> Cursor:
        date = process.last_interaction_at if by_activity else None
        return Cursor(date or process.created, process.id)

    payload = page_of(
        found,
        asked,
        lambda process: ProcessAnswer.of(process).on_the_wire(),
        place,
    )
    return success(payload, "Procesos encontrados")


@router.post(
    "/v1/processes",
    summary="Create a process",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[ProcessAnswer],
    responses={**refusals(400, 404, 413, 422), **shown(_ANSWERED, HTTPStatus.CREATED)},
)
async def create_process(
    caller: Annotated[Caller, allowed(Operation.PROCESSES_WRITE)],
    body: Annotated[ProcessRequest, json_body(ProcessRequest, {"process": _EXAMPLE})],
    state: State,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Make a process, open, which sends can name and which its users' messages join unless it is a draft."""
    await _check(state, caller.tenant, body)
    order = _order_of(body)
    process = Process(
        id=id_by_key("created-process", caller, idempotency_key),
        tenant=caller.tenant,
        integration_ids=[body.integration_id],
        user_ids=list(dict.fromkeys(body.user_ids)),
        metadata=body.metadata,
        metadata_keys=searchable_fields(body.metadata),
        primary_key=body.primary_key,
        primary_key_keys=searchable_fields(body.primary_key),
        is_draft=body.is_draft,
        order_default=order if order.in_order else None,
        fingerprint=fingerprint(body),
    )
    try:
        await process.insert()
    except DuplicateKeyError:
        made = await get_or_404(Process, process.id, caller)
        check_same(made.fingerprint, process.fingerprint)
        process = made
    else:
        await write_audit(caller, "process.created", process.id, body.given())
    return _answer(process, "Proceso creado", HTTPStatus.CREATED)


@router.get(
    "/v1/processes/{process_id}",
    summary="Read a process",
    response_model=Envelope[ProcessAnswer],
    responses={**refusals(404), **shown(_ANSWERED)},
)
async def read_process(process_id: str, caller: Annotated[Caller, allowed(Operation.PROCESSES_READ)]) -> JSONResponse:
    """The process as it is now."""
    return _answer(await get_or_404(Process, process_id, caller), "Proceso encontrado")


@router.get(
    "/v1/processes/{process_id}/interactions",
    summary="Read a process's timeline",
    response_model=Envelope[Page[InteractionAnswer]],
    responses=refusals(404, 422),
)
async def read_timeline(
    process_id: str,
    caller: Annotated[Caller, allowed(Operation.PROCESSES_READ)],
    asked: AskedPage,
    order: Annotated[Literal["newest", "oldest"], Query(description="Which interactions come first.")] = "newest",
) -> JSONResponse:
    """What was said in the process, out and in."""
    process = await get_or_404(Process, process_id, caller)
    oldest_first = order == "oldest"
    after = asked.after.after("created", oldest_first=oldest_first) if asked.after else {}
    selector = {"tenant": caller.tenant, "process_id": process.id, **after}
    found = await Interaction.read_some(selector, OLDEST_FIRST if oldest_first else NEWEST_FIRST, asked.limit + 1)
    ids = {user_id for interaction in found.items for user_id in interaction.user_ids}
    erased = await User.erased_among(caller.tenant, ids)
    users = {user.id: user for user in await User.having_ids(caller.tenant, list(ids))}

    def show(interaction: Interaction) -> Any:  # noqa: ANN401 - any JSON
        its_users = [users[user_id] for user_id in interaction.user_ids if user_id in users]
        return InteractionAnswer.of(interaction.without_users(erased).composed(its_users, process)).on_the_wire()

    payload = page_of(found, asked, show, lambda interaction: Cursor(interaction.created, interaction.id))
    return success(payload, "Interacciones encontradas")


@router.patch(
    "/v1/processes/{process_id}",
    summary="Change a process",
    response_model=Envelope[ProcessAnswer],
    responses={**refusals(400, 404, 413, 422), **shown(_ANSWERED)},
)
async def change_process(
    process_id: str,
    caller: Annotated[Caller, allowed(Operation.PROCESSES_WRITE)],
    body: Annotated[ProcessChange, json_body(ProcessChange, {"begun": {"isDraft": False}})],
) -> JSONResponse:
    """Change its metadata, its primary key, whether it is a draft, or the order of its sends."""
    changes = body.model_dump(exclude_none=True, exclude=set(OrderFields.model_fields))
    order = _order_of(body)
    if order.in_order is not None:
        changes["order_default"] = order.model_dump(mode="json")
    keys = {f"{name}_keys": searchable_fields(changes[name]) for name in ("metadata", "primary_key") if name in changes}
    process = or_404(await Process.change(caller.tenant, process_id, changes | keys))
    await write_audit(caller, "process.changed", process.id, body.given())
    return _answer(process, "Proceso modificado")


@router.post(
    "/v1/processes/{process_id}/close",
    summary="Close a process",
    response_model=Envelope[ProcessAnswer],
    responses={**refusals(404), **shown(_ANSWERED | {"isClosed": True})},
)
async def close_process(process_id: str, caller: Annotated[Caller, allowed(Operation.PROCESSES_WRITE)]) -> JSONResponse:
    """Close it, if it is open: sends that name it are refused with `process_closed`.

    A send at the same time is either in it, as if it had come before, or refused.
    """
    process = or_404(await Process.change(caller.tenant, process_id, {"is_closed": True}))
    await write_audit(caller, "process.closed", process.id)
    return _answer(process, "Proceso cerrado")


@router.post(
    "/v1/processes/{process_id}/reopen",
    summary="Reopen a process",
    response_model=Envelope[ProcessAnswer],
    responses={**refusals(404), **shown(_ANSWERED)},
)
async def reopen_process(
    process_id: str, caller: Annotated[Caller, allowed(Operation.PROCESSES_WRITE)]
) -> JSONResponse:
    """Open it again, if it is closed."""
    process = or_404(await Process.change(caller.tenant, process_id, {"is_closed": False}))
    await write_audit(caller, "process.reopened", process.id)
    return _answer(process, "Proceso reabierto")


def _order_of(asked: OrderFields) -> OrderRequest:
    """What sends of the process say about the order unless they give it.

    Raises:
        InvalidRequestError: if it cannot be read.
    """
    order, problems = asked.read_order()
    if problems:
        raise InvalidRequestError(problems)
    return order


def _answer(process: Process, detail: str, status: HTTPStatus = HTTPStatus.OK) -> JSONResponse:
    return success(ProcessAnswer.of(process).on_the_wire(), detail, status)


def _said_by_name(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Query for processes by metadata and primary key."""
    asked = {
        "metadata_keys": named_values(parameters, "metadata."),
        "primary_key_keys": named_values(parameters, "primaryKey."),
    }
    return {
        keys: {"$all": [searchable_field(*one) for one in values.items()]} for keys, values in asked.items() if values
    }


async def _check(state: IrisState, tenant: str, asked: ProcessRequest) -> None:
    """Check that the resources that a process refers to are the tenant's.

    Raises:
        InvalidRequestError: with those that are not.
    """
    if await state.integrations.of_tenant(asked.integration_id, tenant) is None:
        raise InvalidRequestError([Problem(field="integrationId", code="integration_not_found")])
    if not asked.user_ids and not asked.is_draft:
        raise InvalidRequestError([Problem(field="userIds", code="empty")])
    found = await User.find({"tenant": tenant, "_id": {"$in": asked.user_ids}, **HERE}).to_list()
    known = {user.id for user in found}
    problems = [
        Problem(field=f"userIds[{position}]", code="no_such_user")
        for position, user_id in enumerate(asked.user_ids)
        if user_id not in known
    ]
    if problems:
        raise InvalidRequestError(problems[:MAX_PROBLEMS])
