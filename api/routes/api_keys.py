"""Routes to create, limit, rotate and revoke API keys. A secret is shown once; only its hash is stored."""

from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from api.auth.access import allowed, check_grant
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, fingerprint, id_by_key
from api.http.lookup import get_or_404
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page
from api.http.request_body import json_body
from api.schemas.api_keys import (
    API_KEY_CHANGE_EXAMPLE,
    API_KEY_EXAMPLE,
    NEW_API_KEY_EXAMPLE,
    SHOWN_API_KEY_EXAMPLE,
    ApiKeyAnswer,
    ApiKeyChange,
    NewApiKey,
    ShownApiKeyAnswer,
)
from api.schemas.common import Page
from api.state import CallerCache
from domain.access import OPERATIONS, Caller, Operation
from domain.clock import utc_now
from domain.errors import InvalidRequestError
from domain.problems import Problem
from models.access import Account, ApiKey
from models.audit import write_audit
from queries.cursor import Cursor
from security.credential_encryption import hash_secret, new_api_key

router = APIRouter(tags=["access"])

MAX_GRACE_PERIOD: Final = timedelta(days=30)

_DETAILS: Final = {"read": "Clave encontrada", "changed": "Clave modificada", "revoked": "Clave revocada"}

Reader = Annotated[Caller, allowed(Operation.ACCESS_READ)]
Writer = Annotated[Caller, allowed(Operation.ACCESS_WRITE)]


@router.get(
    "/v1/api-keys",
    summary="List API keys",
    response_model=Envelope[Page[ApiKeyAnswer]],
    responses={**refusals(422), **shown({"items": [API_KEY_EXAMPLE], "nextCursor": None})},
)
async def list_api_keys(caller: Reader, asked: AskedPage) -> JSONResponse:
    """The tenant's keys, also revoked ones, newest first."""
    after = asked.after.after("created") if asked.after else {}
    found = ApiKey.find({"tenant": caller.tenant, **after}).sort("-created", "-_id")
    keys = await found.limit(asked.limit + 1).to_list()
    return success(page(keys, asked, _show, lambda one: Cursor(one.created, one.id)), "Claves")


@router.post(
    "/v1/api-keys",
    summary="Create an API key",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[ShownApiKeyAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(SHOWN_API_KEY_EXAMPLE, HTTPStatus.CREATED)},
)
async def create_api_key(
    caller: Writer,
    body: Annotated[NewApiKey, json_body(NewApiKey, {"limited": NEW_API_KEY_EXAMPLE})],
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Make a key that may do no more than its maker. `key` is shown in this answer only."""
    account = await get_or_404(Account, body.account_id or caller.account_id, caller, field="accountId")
    secret = new_api_key()
    key = ApiKey(
        id=id_by_key("api-key", caller, idempotency_key),
        tenant=caller.tenant,
        account_id=account.id,
        name=body.name,
        key_hash=hash_secret(secret),
        scopes=body.scopes,
        expires=body.expires,
        fingerprint=fingerprint(body),
    )
    _check(key, account, caller)

    async def insert(session: AsyncClientSession) -> None:
        await key.insert(session=session)
        await write_audit(caller, "api-key.created", key.id, ["accountId", "name", "scopes", "expires"], session)

    try:
        await ApiKey.in_transaction(insert)
    except DuplicateKeyError as error:
        check_same((await get_or_404(ApiKey, key.id, caller)).fingerprint, key.fingerprint)
        raise InvalidRequestError(
            [Problem(field="Idempotency-Key", code="key_shown", details={"id": key.id})]
        ) from error
    return success(ShownApiKeyAnswer.once(key, secret).on_the_wire(), "Clave creada", HTTPStatus.CREATED)


@router.get(
    "/v1/api-keys/{key_id}",
    summary="Read an API key",
    response_model=Envelope[ApiKeyAnswer],
    responses={**refusals(404), **shown(API_KEY_EXAMPLE)},
)
async def read_api_key(key_id: str, caller: Reader) -> JSONResponse:
    """One key of the tenant, without its secret."""
    return success(_show(await get_or_404(ApiKey, key_id, caller)), _DETAILS["read"])


@router.patch(
    "/v1/api-keys/{key_id}",
    summary="Change an API key",
    response_model=Envelope[ApiKeyAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(API_KEY_EXAMPLE)},
)
async def change_api_key(
    key_id: str,
    caller: Writer,
    body: Annotated[ApiKeyChange, json_body(ApiKeyChange, {"rename": API_KEY_CHANGE_EXAMPLE})],
    callers: CallerCache,
) -> JSONResponse:
    """Change a key's name, what it may do, or when it expires."""
    changes = body.model_dump(exclude_unset=True)
    if body.name is None:
        changes.pop("name", None)
    key = await get_or_404(ApiKey, key_id, caller)
    changed = key.model_copy(update=changes)
    _check(changed, await get_or_404(Account, key.account_id, caller, field="accountId"), caller)
    if changes:
        await _update(key, {"$set": changes}, caller, "changed", changes)
        callers.clear()
    return success(_show(changed), _DETAILS["changed"])


@router.delete(
    "/v1/api-keys/{key_id}", summary="Revoke an API key", response_model=Envelope[ApiKeyAnswer], responses=refusals(404)
)
async def revoke_api_key(key_id: str, caller: Writer, callers: CallerCache) -> JSONResponse:
    """Let a key work no longer. It stays in the list; revoking it again changes nothing."""
    key = await get_or_404(ApiKey, key_id, caller)
    if key.revoked is None:
        key.revoked = utc_now()
        await _update(key, {"$set": {"revoked": key.revoked}}, caller, "revoked")
        callers.clear()
    return success(_show(key), _DETAILS["revoked"])


@router.post(
    "/v1/api-keys/{key_id}/rotate",
    summary="Rotate an API key",
    response_model=Envelope[ShownApiKeyAnswer],
    responses={**refusals(404, 409, 422), **shown(SHOWN_API_KEY_EXAMPLE)},
)
async def rotate_api_key(
    key_id: str,
    caller: Writer,
    callers: CallerCache,
    grace: Annotated[
        int,
        Query(ge=0, le=MAX_GRACE_PERIOD // timedelta(seconds=1), description="Seconds that the old one still works."),
    ] = 0,
) -> JSONResponse:
    """Give a key another secret, shown in this answer only, under which everything else stays."""
    key = await get_or_404(ApiKey, key_id, caller)
    _check(key, await get_or_404(Account, key.account_id, caller, field="accountId"), caller)
    secret = new_api_key()
    until = utc_now() + timedelta(seconds=grace)
    rotated = {"key_hash": hash_secret(secret), "previous_hash": "$key_hash", "previous_until": until}
    await _update(key, [{"$set": rotated}], caller, "rotated", ["key"])
    callers.clear()
    return success(ShownApiKeyAnswer.once(key, secret).on_the_wire(), "Clave renovada")


def _check(key: ApiKey, account: Account, caller: Caller) -> None:
    """Check that a key has no more rights than the caller who sets them, and has not expired yet."""
    check_grant(caller, "scopes", OPERATIONS[account.role] if key.scopes is None else key.scopes)
    if key.expires is not None and key.expires <= utc_now():
        raise InvalidRequestError([Problem(field="expires", code="in_the_past")])


async def _update(
    key: ApiKey,
    update: Any,  # noqa: ANN401 - as the driver has it
    caller: Caller,
    what: str,
    fields: Iterable[str] = (),
) -> None:
    async def write(session: AsyncClientSession) -> None:
        result = await ApiKey.collection().update_one({"_id": key.id, "revoked": None}, update, session=session)
        if not result.matched_count:
            raise InvalidRequestError([Problem(field="id", code="key_revoked")])
        await write_audit(caller, f"api-key.{what}", key.id, fields, session)

    await ApiKey.in_transaction(write)


def _show(key: ApiKey) -> dict[str, Any]:
    return ApiKeyAnswer.of(key).on_the_wire()
