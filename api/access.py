"""Who calls: by API key or by login token; everything is scoped to the caller's tenant."""

from typing import Annotated, Any, Final

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.state import IrisState, state_of
from domain.access import OPERATIONS, Caller, Operation, Role
from domain.clock import utc_now
from domain.errors import ForbiddenError, UnauthenticatedError
from domain.problems import Problem
from logs import note
from models.access import Account, ApiKey
from security import API_KEY_PREFIX, hash_api_key
from settings import Settings

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "iris"

bearer = HTTPBearer(auto_error=False, description="An API key (`iris_…`), or the token that `POST /user/login` answers")


def issue_token(account: Account, settings: Settings) -> str:
    """A token by which an account calls for `Settings.token_lifetime`."""
    issued = utc_now()
    claims = {
        "sub": account.id,
        "tenant": account.tenant,
        "aud": _AUDIENCE,
        "iat": issued,
        "exp": issued + settings.token_lifetime,
    }
    return jwt.encode(claims, settings.jwt_secret.get_secret_value(), algorithm=_ALGORITHM)


async def authenticate(
    request: Request, state: Annotated[IrisState, Depends(state_of)], _: Annotated[object, Depends(bearer)]
) -> Caller:
    """The caller by the request's `Authorization`.

    Raises:
        UnauthenticatedError: if there is none, or it is not (or no longer) valid.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() == "bearer" and token:
        caller = (
            await _caller_of_key(token, state) if token.startswith(API_KEY_PREFIX) else _caller_of_token(token, state)
        )
        if caller is not None:
            note(tenant=caller.tenant)
            return caller
    raise UnauthenticatedError([Problem(field="Authorization", code="unauthenticated")])


async def _caller_of_key(key: str, state: IrisState) -> Caller | None:
    key_hash = hash_api_key(key)

    async def find() -> Caller | None:
        found = await ApiKey.find_one({"key_hash": key_hash})
        return Caller(found.tenant, found.account_id, OPERATIONS[Role.ADMIN], found.id) if found else None

    return await state.callers.get(key_hash, find)


def _caller_of_token(token: str, state: IrisState) -> Caller | None:
    try:
        claims = jwt.decode(
            token,
            state.settings.jwt_secret.get_secret_value(),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["exp", "iat", "sub", "tenant"]},
        )
    except jwt.InvalidTokenError:
        return None
    return Caller(str(claims["tenant"]), str(claims["sub"]), OPERATIONS[Role.ADMIN])


def allowed(operation: Operation) -> Any:  # noqa: ANN401 - what `fastapi.Depends` gives
    """What gives a route its caller, who may do this.

    A route takes it as `caller: Annotated[Caller, allowed(Operation.USERS_READ)]`. It
    raises `UnauthenticatedError` where nobody valid calls, and `ForbiddenError` where the caller may not do this.
    """

    async def check(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
        if operation not in caller.operations:
            raise ForbiddenError([Problem(field="Authorization", code="forbidden", details={"operation": operation})])
        return caller

    return Depends(check)
