"""Routes to log in, refresh a session and log out."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pymongo import ReturnDocument

from api.auth.access import OwnSession, issue_token
from api.auth.passwords import account_of_login
from api.http.envelope import Envelope, failure, language_of, success
from api.http.openapi import refusals, shown
from api.http.request_body import json_body
from api.schemas.sessions import (
    LOGIN_EXAMPLE,
    REFRESH_EXAMPLE,
    SESSION_EXAMPLE,
    LoginRequest,
    RefreshRequest,
    SessionAnswer,
    SessionRequest,
    TokenEnvelope,
)
from api.state import IrisState, State
from domain.clock import utc_now
from domain.errors import UnauthenticatedError
from domain.problems import Problem
from domain.texts import Language
from models.access import Account, RefreshToken, Session
from security.credential_encryption import hash_secret, new_refresh_token

router = APIRouter(tags=["access"])

REFRESH_GRACE_PERIOD: Final = timedelta(seconds=10)
"""Time after its first use in which a refresh token may be reused."""

LOGIN_DETAIL: Final = "Login"
WRONG_LOGIN_TITLE: Final = {Language.SPANISH: "Login erróneo", Language.ENGLISH: "Wrong login"}

_LOGIN_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Envelope, "description": "Wrong credentials."},
    **{status: described for status, described in refusals(400, 413, 422).items() if status not in {401, 403}},
}


@router.post(
    "/user/login",
    summary="Log in (the vendor's own call)",
    response_model=TokenEnvelope,
    responses=_LOGIN_REFUSALS,
)
async def log_in(
    request: Request, body: Annotated[LoginRequest, json_body(LoginRequest, {"login": LOGIN_EXAMPLE})], state: State
) -> JSONResponse:
    """A token for an account's e-mail address and password: `payload` is the token itself."""
    account = await account_of_login(request, body.tenant, body.email, body.password)
    if account is None:
        return _wrong_login(request)
    session = await _begin(account, state.settings.token_lifetime)
    return success(issue_token(session, state.settings), LOGIN_DETAIL)


@router.post(
    "/v1/sessions",
    summary="Log in with a session",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[SessionAnswer],
    responses={**_LOGIN_REFUSALS, **shown(SESSION_EXAMPLE, HTTPStatus.CREATED)},
)
async def begin_session(
    request: Request,
    body: Annotated[
        SessionRequest,
        json_body(SessionRequest, {"login": {name.lower(): value for name, value in LOGIN_EXAMPLE.items()}}),
    ],
    state: State,
) -> JSONResponse:
    """An access token for an account's e-mail address and password, and a refresh token for the next one."""
    account = await account_of_login(request, body.tenant, body.email, body.password)
    if account is None:
        return _wrong_login(request)
    session = await _begin(account, state.settings.refresh_lifetime)
    return success(await _tokens(session, state), "Sesión iniciada", HTTPStatus.CREATED)


@router.post(
    "/v1/sessions/refresh",
    summary="Renew the tokens of a session",
    response_model=Envelope[SessionAnswer],
    responses={**_LOGIN_REFUSALS, **shown(SESSION_EXAMPLE)},
)
async def refresh_session(
    body: Annotated[RefreshRequest, json_body(RefreshRequest, {"refresh": REFRESH_EXAMPLE})], state: State
) -> JSONResponse:
    """Other tokens for a refresh token, which counts once: given back a second time, it ends its session.

    For ten seconds after its first use it renews again, so that two requests at once, or one whose answer was lost, do
    not log anybody out.
    """
    session = await _renewed(body.refresh_token, state)
    if session is None:
        raise UnauthenticatedError([Problem(field="refreshToken", code="session_over")])
    return success(await _tokens(session, state), "Sesión renovada")


@router.delete(
    "/v1/sessions/current", summary="Log out", response_model=Envelope, responses=refusals(), status_code=HTTPStatus.OK
)
async def end_session(session_id: OwnSession, state: State) -> JSONResponse:
    """End the session whose token this call is made with: none of its tokens counts any longer."""
    await _end(session_id, state)
    return success(None, "Sesión cerrada")


def _wrong_login(request: Request) -> JSONResponse:
    problems = [Problem(field="", code="wrong_credentials")]
    return failure(request, HTTPStatus.UNAUTHORIZED, problems, title=WRONG_LOGIN_TITLE[language_of(request)])


async def _begin(account: Account, lifetime: timedelta) -> Session:
    session = Session(tenant=account.tenant, account_id=account.id, expires=utc_now() + lifetime)
    await session.insert()
    return session


async def _tokens(session: Session, state: IrisState) -> dict[str, Any]:
    refresh_token = new_refresh_token()
    stored = RefreshToken(id=hash_secret(refresh_token), session_id=session.id, expires=session.expires)
    await stored.insert()
    return SessionAnswer(
        access_token=issue_token(session, state.settings),
        expires_in=int(state.settings.token_lifetime.total_seconds()),
        refresh_token=refresh_token,
        refresh_expires=session.expires,
    ).on_the_wire()


async def _renewed(refresh_token: str, state: IrisState) -> Session | None:
    """Renew the session of a refresh token; a token reused after the grace period ends its session."""
    now = utc_now()
    of_token = {"_id": hash_secret(refresh_token), "expires": {"$gt": now}}
    stored = await RefreshToken.collection().find_one_and_update(
        of_token, [{"$set": {"used": {"$ifNull": ["$used", now]}}}]
    )
    if stored is None:
        return None
    if stored["used"] is not None and now - stored["used"] > REFRESH_GRACE_PERIOD:
        await _end(stored["session_id"], state)
        return None
    found = await Session.collection().find_one_and_update(
        {"_id": stored["session_id"], "expires": {"$gt": now}},
        {"$set": {"expires": now + state.settings.refresh_lifetime}},
        return_document=ReturnDocument.AFTER,
    )
    return Session.model_validate(found) if found else None


async def _end(session_id: str, state: IrisState) -> None:
    await Session.collection().delete_one({"_id": session_id})
    state.callers.clear()
