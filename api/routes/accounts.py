"""Routes for accounts and their roles in a tenant."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from api.auth.access import AnyCaller, OwnSession, allowed, check_grant
from api.auth.passwords import account_of_login, hashed
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, fingerprint, id_by_key
from api.http.lookup import get_or_404
from api.http.openapi import refusals, shown
from api.http.pagination import AskedPage, page
from api.http.request_body import json_body
from api.schemas.accounts import (
    ACCOUNT_CHANGE_EXAMPLE,
    ACCOUNT_EXAMPLE,
    NEW_ACCOUNT_EXAMPLE,
    PASSWORD_EXAMPLE,
    AccountAnswer,
    AccountChange,
    NewAccount,
    OwnAccountAnswer,
    PasswordChange,
)
from api.schemas.common import Page
from api.state import CallerCache, Factory
from domain.access import OPERATIONS, Caller, Operation, Role, account_address
from domain.clock import utc_now
from domain.destinations import InvalidDestinationError
from domain.errors import InvalidRequestError
from domain.problems import Problem
from models.access import Account, ApiKey, Session
from models.audit import write_audit
from queries.cursor import Cursor

router = APIRouter(tags=["access"])

_READ: Final = "Cuenta encontrada"
_CHANGED: Final = "Cuenta modificada"

Reader = Annotated[Caller, allowed(Operation.ACCESS_READ)]
Writer = Annotated[Caller, allowed(Operation.ACCESS_WRITE)]


@router.get(
    "/v1/accounts",
    summary="List accounts",
    response_model=Envelope[Page[AccountAnswer]],
    responses={**refusals(422), **shown({"items": [ACCOUNT_EXAMPLE], "nextCursor": None})},
)
async def list_accounts(caller: Reader, asked: AskedPage) -> JSONResponse:
    """The tenant's accounts, newest first."""
    after = asked.after.after("created") if asked.after else {}
    found = Account.find({"tenant": caller.tenant, **after}).sort("-created", "-_id")
    accounts = await found.limit(asked.limit + 1).to_list()
    return success(page(accounts, asked, _show, lambda one: Cursor(one.created, one.id)), "Cuentas")


@router.post(
    "/v1/accounts",
    summary="Create an account",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[AccountAnswer],
    responses={**refusals(400, 409, 413, 422), **shown(ACCOUNT_EXAMPLE, HTTPStatus.CREATED)},
)
async def create_account(
    request: Request,
    caller: Writer,
    body: Annotated[NewAccount, json_body(NewAccount, {"operator": NEW_ACCOUNT_EXAMPLE})],
    factory: Factory,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Make an account. One address logs in to a tenant once, so that repeating the call makes no second one."""
    check_grant(caller, "role", OPERATIONS[body.role])
    email = _checked_email(body.email)
    vault = factory.vault
    account = Account(
        id=id_by_key("account", caller, idempotency_key),
        tenant=caller.tenant,
        email=email,
        password_hash=await hashed(request, "password", body.password, [email, caller.tenant]),
        role=body.role,
        fingerprint=vault.encrypt({"fingerprint": fingerprint(body)}) if idempotency_key else None,
    )

    async def insert(session: AsyncClientSession) -> None:
        await account.insert(session=session)
        await write_audit(caller, "account.created", account.id, ["email", "role"], session)

    try:
        await Account.in_transaction(insert)
    except DuplicateKeyError as error:
        first = await Account.find_one({"_id": account.id, "tenant": caller.tenant})
        if first is None or first.fingerprint is None:
            raise InvalidRequestError([Problem(field="email", code="email_taken")]) from error
        check_same(str(vault.decrypt(first.fingerprint)["fingerprint"]), fingerprint(body))
        account = first
    return success(_show(account), "Cuenta creada", HTTPStatus.CREATED)


@router.get(
    "/v1/accounts/me",
    summary="Read your own account",
    response_model=Envelope[OwnAccountAnswer],
    responses={
        **refusals(404),
        **shown({**ACCOUNT_EXAMPLE, "tenant": "demo", "operations": ["interactions:read", "users:read"]}),
    },
)
async def read_own_account(caller: AnyCaller) -> JSONResponse:
    """The account of the token or key that this call is made with, and what that may do."""
    account = await get_or_404(Account, caller.account_id, caller)
    return success(OwnAccountAnswer.as_caller(account, caller).on_the_wire(), _READ)


@router.post(
    "/v1/accounts/me/password",
    summary="Change one's own password",
    response_model=Envelope,
    responses=refusals(400, 404, 413, 422),
)
async def change_own_password(
    request: Request,
    caller: AnyCaller,
    own_session: OwnSession,
    body: Annotated[PasswordChange, json_body(PasswordChange, {"change": PASSWORD_EXAMPLE})],
    callers: CallerCache,
) -> JSONResponse:
    """Change the password of who logged in, who must know the old one; the account's other sessions end."""
    email = (await get_or_404(Account, caller.account_id, caller)).email
    if await account_of_login(request, caller.tenant, email, body.old_password) is None:
        raise InvalidRequestError([Problem(field="oldPassword", code="wrong_password")])
    password_hash = await hashed(request, "newPassword", body.new_password, [email, caller.tenant])

    async def change(session: AsyncClientSession) -> None:
        await Account.collection().update_one(
            {"_id": caller.account_id}, {"$set": {"password_hash": password_hash}}, session=session
        )
        others = {"account_id": caller.account_id, "_id": {"$ne": own_session}}
        await Session.collection().delete_many(others, session=session)
        await write_audit(caller, "account.changed", caller.account_id, ["password"], session)

    await Account.in_transaction(change)
    callers.clear()
    return success(None, "Contraseña cambiada")


@router.get(
    "/v1/accounts/{account_id}",
    summary="Read an account",
    response_model=Envelope[AccountAnswer],
    responses={**refusals(404), **shown(ACCOUNT_EXAMPLE)},
)
async def read_account(account_id: str, caller: Reader) -> JSONResponse:
    """One account of the tenant."""
    return success(_show(await get_or_404(Account, account_id, caller)), _READ)


@router.patch(
    "/v1/accounts/{account_id}",
    summary="Change an account",
    response_model=Envelope[AccountAnswer],
    responses={**refusals(400, 404, 409, 413, 422), **shown(ACCOUNT_EXAMPLE)},
)
async def change_account(
    account_id: str,
    request: Request,
    caller: Writer,
    body: Annotated[AccountChange, json_body(AccountChange, {"demote": ACCOUNT_CHANGE_EXAMPLE})],
    callers: CallerCache,
) -> JSONResponse:
    """Change an account's role or password, disable it or enable it again.

    While it is disabled, neither its password nor its keys count; its sessions end.
    """
    changes: dict[str, Any] = body.model_dump(exclude_none=True)
    names = list(changes)
    if body.password is not None:
        del changes["password"]
        email = (await get_or_404(Account, account_id, caller)).email
        changes["password_hash"] = await hashed(request, "password", body.password, [email, caller.tenant])

    async def change(session: AsyncClientSession) -> Account:
        account = await get_or_404(Account, account_id, caller, session=session)
        check_grant(caller, "role", OPERATIONS[account.role] | OPERATIONS[body.role or account.role])
        if (body.role or Role.ADMIN) is not Role.ADMIN or body.disabled:
            await _keep_an_administrator(account, session)
        if changes:
            await Account.collection().update_one({"_id": account.id}, {"$set": changes}, session=session)
            await write_audit(caller, "account.changed", account.id, names, session)
        if body.disabled or body.password is not None:
            await Session.collection().delete_many({"account_id": account.id}, session=session)
        return await get_or_404(Account, account_id, caller, session=session)

    changed = await Account.in_transaction(change)
    callers.clear()
    return success(_show(changed), _CHANGED)


@router.delete(
    "/v1/accounts/{account_id}", summary="Delete an account", response_model=Envelope, responses=refusals(404, 409)
)
async def delete_account(account_id: str, caller: Writer, callers: CallerCache) -> JSONResponse:
    """Take an account away, with its sessions and keys; what it wrote keeps its id as the author."""

    async def delete(session: AsyncClientSession) -> None:
        account = await get_or_404(Account, account_id, caller, session=session)
        await _keep_an_administrator(account, session)
        await Account.collection().delete_one({"_id": account.id}, session=session)
        of_account = {"account_id": account.id}
        await Session.collection().delete_many(of_account, session=session)
        still_valid = {**of_account, "revoked": None}
        await ApiKey.collection().update_many(still_valid, {"$set": {"revoked": utc_now()}}, session=session)
        await write_audit(caller, "account.deleted", account.id, session=session)

    await Account.in_transaction(delete)
    callers.clear()
    return success(None, "Cuenta eliminada")


async def _keep_an_administrator(account: Account, session: AsyncClientSession) -> None:
    if await account.is_last_administrator(session):
        raise InvalidRequestError([Problem(field="", code="last_administrator")])


def _checked_email(email: str) -> str:
    try:
        return account_address(email)
    except InvalidDestinationError as error:
        raise InvalidRequestError([Problem(field="email", code=error.code, details={**error.details})]) from error


def _show(account: Account) -> dict[str, Any]:
    return AccountAnswer.of(account).on_the_wire()
