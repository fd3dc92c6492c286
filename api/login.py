"""Logging in, as the vendor documents it."""

import asyncio
import secrets
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.access import issue_token
from api.bodies import parse_fields, read_object
from api.description import refusals
from api.envelope import failure, language_of, success
from api.schemas.common import inlined_schema
from api.schemas.login import LoginRequest, TokenEnvelope
from api.state import State
from domain.problems import Language, Problem
from models.access import Account
from security import hash_password, password_matches

router = APIRouter(tags=["access"])

LOGIN_DETAIL: Final = "Login"
WRONG_LOGIN_TITLE: Final = {Language.SPANISH: "Login erróneo", Language.ENGLISH: "Wrong login"}
ABSENT_PASSWORD_HASH: Final = hash_password(secrets.token_hex())
"""Checked when an account does not exist, so that its absence takes as long to find out as a wrong password."""


@router.post(
    "/user/login",
    summary="Log in",
    response_model=TokenEnvelope,
    responses={**refusals(400, 413, 422), 401: {"model": TokenEnvelope, "description": "Wrong credentials."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": inlined_schema(LoginRequest),
                    "example": {"Email": "ana@demo.example", "Password": "…", "tenant": "demo"},
                }
            },
        }
    },
)
async def log_in(request: Request, state: State) -> JSONResponse:
    """A token for an account's e-mail address and password: `payload` is the token itself."""
    asked = parse_fields(LoginRequest, await read_object(request, state.settings.largest_body))
    account = await Account.find_one({"tenant": asked.tenant, "email": asked.email.strip().lower()})
    password_hash = account.password_hash if account else ABSENT_PASSWORD_HASH
    matches = await asyncio.to_thread(password_matches, password_hash, asked.password)
    if account is None or not matches:
        return failure(
            request,
            HTTPStatus.UNAUTHORIZED,
            [Problem(field="", code="wrong_credentials")],
            title=WRONG_LOGIN_TITLE[language_of(request)],
        )
    return success(issue_token(account, state.settings), LOGIN_DETAIL)
