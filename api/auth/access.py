"""Authentication by API key or session token, and authorization by operation, within the caller's tenant."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from pymongo.errors import PyMongoError

from api.auth.visibility import hide_from
from api.state import IrisState, State, state_of
from domain.access import Caller, Operation
from domain.clock import utc_now
from domain.errors import ForbiddenError, UnauthenticatedError
from domain.identifiers import new_id
from domain.phone_numbers import PhoneNumberRules
from domain.problems import Problem
from models.access import Account, ApiKey, Session, Tenant
from security.credential_encryption import API_KEY_PREFIX, hash_secret
from settings import Settings
from support.logs import note

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "iris"
_USE_NOTED: Final = timedelta(minutes=1)
"""Minimum time between two writes of a key's last use."""

bearer = HTTPBearer(
    auto_error=False,
    description="An API key (`iris_…`), or a token that `POST /v1/sessions` or `/user/login` answers",
)


def issue_token(session: Session, settings: Settings) -> str:
    """An access token for a session, valid for `Settings.token_lifetime` unless the session ends first."""
    issued = utc_now()
    claims = {
        "sub": session.account_id,
        "tenant": session.tenant,
        "sid": session.id,
        "jti": new_id(),  # makes tokens of the same second differ
        "aud": _AUDIENCE,
        "iat": issued,
        "exp": issued + settings.token_lifetime,
    }
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), algorithm=_ALGORITHM)


async def authenticate(request: Request, state: State, _: Annotated[object, Depends(bearer)]) -> Caller:
    """Authenticate the request by its `Authorization` header.

    Raises:
        UnauthenticatedError: if the header is missing or its credential is not (or no longer) valid.
        TooManyRequestsError: if the API key makes too many requests.
    """
    caller = await _caller_of(request, state)
    if caller is None:
        raise UnauthenticatedError([Problem(field="Authorization", code="unauthenticated")])
    note(tenant=caller.tenant)
    request.state.tenant = caller.tenant
    if caller.key_id is not None:
        request.state.rate_limit = state.rates.take(caller.key_id)
    return caller


async def is_still_allowed(request: Request, operation: Operation) -> bool:
    """Whether the caller of a request may still do an operation; polled while an answer is streamed.

    The result is cached: the database is queried at most once per `Settings.lookup_cache_ttl`.
    """
    caller = await _caller_of(request, await state_of(request))
    return caller is not None and operation in caller.operations


async def _caller_of(request: Request, state: IrisState) -> Caller | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return None
    is_key = token.startswith(API_KEY_PREFIX)
    return await (_caller_of_key(token, state) if is_key else _caller_of_token(token, state))


AnyCaller = Annotated[Caller, Depends(authenticate)]
"""The caller of a route that needs no particular operation."""


async def _caller_of_key(key: str, state: IrisState) -> Caller | None:
    key_hash = hash_secret(key)

    async def find() -> Caller | None:
        found = await ApiKey.of_hash(key_hash)
        account = await _account(found.tenant, found.account_id) if found else None
        if found is None or account is None:
            return None
        _note_use(found, state)
        country = await _default_country(found.tenant)
        return Caller(found.tenant, account.id, found.operations(account), key_id=found.id, default_country=country)

    return await state.callers.get_or_load(key_hash, find)


async def _caller_of_token(token: str, state: IrisState) -> Caller | None:
    try:
        claims = jwt.decode(
            token,
            state.settings.jwt_secret.get_secret_value(),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["exp", "iat", "sub", "tenant", "sid"]},
        )
    except jwt.InvalidTokenError:
        return None
    tenant, account_id, session_id = (str(claims[name]) for name in ("tenant", "sub", "sid"))

    async def find() -> Caller | None:
        session = await Session.find_one({"_id": session_id, "account_id": account_id, "expires": {"$gt": utc_now()}})
        account = await _account(tenant, account_id)
        if session is None or account is None:
            return None
        country = await _default_country(tenant)
        return Caller(tenant, account_id, account.operations, session_id=session_id, default_country=country)

    return await state.callers.get_or_load(session_id, find)


async def _account(tenant: str, account_id: str) -> Account | None:
    """The account, if it exists and may authenticate."""
    return await Account.find_one({"_id": account_id, "tenant": tenant, "disabled": {"$ne": True}})


async def _default_country(tenant: str) -> str | None:
    found = await Tenant.find_one({"name": tenant})
    return found.default_country if found else None


def _note_use(key: ApiKey, state: IrisState) -> None:
    """Record the use of a key in the background."""
    now = utc_now()
    if key.used is None or now - key.used >= _USE_NOTED:
        state.go_on(_write_use(key.id, now))


async def _write_use(key_id: str, now: datetime) -> None:
    not_since = {"$or": [{"used": None}, {"used": {"$lte": now - _USE_NOTED}}]}
    with suppress(PyMongoError):
        await ApiKey.collection().update_one({"_id": key_id, **not_since}, {"$set": {"used": now}})


def allowed(operation: Operation) -> Any:  # noqa: ANN401 - what `fastapi.Depends` gives
    """Dependency that authenticates the caller of a route and authorizes an operation.

    A route takes it as `caller: Annotated[Caller, allowed(Operation.USERS_READ)]`. It raises `UnauthenticatedError`
    without a valid credential, and `ForbiddenError` if the caller lacks the operation.
    """

    async def check(caller: AnyCaller) -> Caller:
        if operation not in caller.operations:
            raise ForbiddenError([Problem(field="Authorization", code="forbidden", details={"operation": operation})])
        hide_from(caller, operation)
        return caller

    return Depends(check)


def phone_number_rules(caller: Caller, settings: Settings) -> PhoneNumberRules:
    """The rules for parsing the phone numbers of a caller's requests."""
    return PhoneNumberRules(default_country=caller.default_country, accept_possible=settings.accept_possible_numbers)


async def _rules_of(caller: AnyCaller, state: State) -> PhoneNumberRules:
    return phone_number_rules(caller, state.settings)


PhoneRules = Annotated[PhoneNumberRules, Depends(_rules_of)]
"""The rules for parsing the phone numbers of the request's caller."""


def check_grant(caller: Caller, field: str, operations: Iterable[Operation]) -> None:
    """Check that a caller has every operation that it grants to others.

    Raises:
        ForbiddenError: if it lacks one; the error names the field that grants too much.
    """
    excess = sorted(frozenset(operations) - caller.operations)
    if excess:
        raise ForbiddenError([Problem(field=field, code="more_than_own", details={"operations": ", ".join(excess)})])


async def _own_session(caller: AnyCaller) -> str:
    if caller.session_id is None:
        raise ForbiddenError([Problem(field="Authorization", code="session_required")])
    return caller.session_id


OwnSession = Annotated[str, Depends(_own_session)]
"""The id of the caller's session; a route that takes it raises `ForbiddenError` if the caller uses an API key."""
