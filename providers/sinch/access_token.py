"""Access tokens of one access key (OAuth 2.0 client credentials, RFC 6749 §4.4).

Without a token a message is certainly not sent, whatever the cause.
"""

import asyncio
import time
from typing import Annotated, Final

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from domain.outcomes import FailureClass, Rejected
from providers.base import TransientError
from providers.http import describe, read_json, retry_after
from providers.redaction import redaction_for
from providers.sinch.responses import is_momentary

RENEW_BEFORE: Final = 60.0
"""Seconds before its expiry at which a token is replaced; half of its lifetime if that is less."""

UNREACHABLE: Final = "unreachable"
NO_TOKEN: Final = "no_access_token"  # noqa: S105 - a problem's code


class _Grant(BaseModel):
    """Token response of RFC 6749 §5.1; the token has only characters that a header may carry."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access_token: Annotated[str, StringConstraints(pattern=r"^[!-~]+$")]
    expires_in: Annotated[float, Field(ge=0)] = 0


class _Refusal(BaseModel):
    """Error response of RFC 6749 §5.2."""

    error: str = NO_TOKEN
    error_description: str = ""


class AccessToken:
    """Access token, and the time until which it is used."""

    def __init__(self, grant: _Grant, asked_at: float) -> None:
        self._token = SecretStr(grant.access_token)
        self._renew_at = asked_at + max(grant.expires_in - RENEW_BEFORE, grant.expires_in / 2)

    @property
    def is_fresh(self) -> bool:
        """Whether it may still be used."""
        return time.monotonic() < self._renew_at

    def authorization(self) -> str:
        """`Authorization` header of a request (RFC 6750 §2.1)."""
        return f"Bearer {self._token.get_secret_value()}"


_Answer = AccessToken | Rejected | TransientError


def _is_fresh(answer: _Answer) -> bool:
    return isinstance(answer, AccessToken) and answer.is_fresh


class Tokens:
    """Cache of one access token; concurrent callers share one request for a new token."""

    def __init__(self, http: httpx2.AsyncClient, url: str, authorization: str) -> None:
        self._http = http
        self._url = url
        self._authorization = SecretStr(authorization)
        self._lock = asyncio.Lock()
        self._answer: _Answer | None = None
        self._asked = 0

    async def get(self) -> AccessToken | Rejected:
        """Return a valid token, or the refusal of the access key.

        Raises:
            TransientError: when no token is available at the moment.
        """
        asked = self._asked
        async with self._lock:
            answer = self._answer
            if answer is None or (self._asked == asked and not _is_fresh(answer)):
                answer = self._answer = await self._ask()
                self._asked += 1
        if isinstance(answer, TransientError):
            raise TransientError(answer.code, answer.detail, answer.retry_after)
        return answer

    async def get_another(self, stale: AccessToken) -> AccessToken | Rejected:
        """Return a new token in place of a refused one.

        Raises:
            TransientError: when no token is available at the moment.
        """
        if self._answer is stale:
            self._answer = None
        return await self.get()

    async def _ask(self) -> _Answer:
        asked_at = time.monotonic()
        headers = {"Authorization": self._authorization.get_secret_value()}
        try:
            response = await self._http.post(self._url, data={"grant_type": "client_credentials"}, headers=headers)
        except httpx2.RequestError as error:
            return TransientError(UNREACHABLE, describe(error))
        if is_momentary(response):
            return TransientError(NO_TOKEN, f"HTTP {response.status_code}", retry_after(response))
        if not response.is_success:
            return _rejection(response)
        try:
            return AccessToken(_Grant.model_validate(read_json(response.content)), asked_at)
        except ValidationError:
            return TransientError(NO_TOKEN, f"HTTP {response.status_code} without a token")


def _rejection(response: httpx2.Response) -> Rejected:
    try:
        refusal = _Refusal.model_validate(read_json(response.content))
    except ValidationError:
        refusal = _Refusal(error_description=f"HTTP {response.status_code}")
    redact = redaction_for(response.request)
    code, detail = redact(refusal.error), redact(refusal.error_description)
    return Rejected(code=code, failure=FailureClass.CONFIGURATION, detail=detail)
