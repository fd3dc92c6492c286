"""Logging in on the wire: as the vendor documents it, and as ours."""

from typing import Final

from pydantic import Field

from api.http.envelope import Envelope
from api.schemas.common import Asked
from security.credential_encryption import MAX_PASSWORD_LENGTH
from wire.answer import Answer, Instant

MAX_EMAIL_LENGTH: Final = 320
MAX_TENANT_LENGTH: Final = 100


class LoginRequest(Asked):
    """Who logs in. Names are matched in any letter case."""

    email: str = Field(alias="Email", max_length=MAX_EMAIL_LENGTH)
    password: str = Field(alias="Password", max_length=MAX_PASSWORD_LENGTH)
    tenant: str = Field(max_length=MAX_TENANT_LENGTH)


class SessionRequest(Asked):
    """Who logs in."""

    tenant: str = Field(max_length=MAX_TENANT_LENGTH)
    email: str = Field(max_length=MAX_EMAIL_LENGTH)
    password: str = Field(max_length=MAX_PASSWORD_LENGTH)


class RefreshRequest(Asked):
    """What renews a session."""

    refresh_token: str = Field(alias="refreshToken", max_length=200)


class SessionAnswer(Answer):
    """The tokens of a session."""

    access_token: str = Field(description="The token to call with, in `Authorization: Bearer`.")
    expires_in: int = Field(description="Seconds that it counts.")
    refresh_token: str = Field(description="What the next tokens are asked with, once.")
    refresh_expires: Instant = Field(description="When the session ends unless it is renewed.")


class TokenEnvelope(Envelope[str]):
    """The answer that carries a login token."""


LOGIN_EXAMPLE: Final = {"Email": "ana@demo.example", "Password": "…", "tenant": "demo"}
REFRESH_EXAMPLE: Final = {"refreshToken": "irisr_…"}
SESSION_EXAMPLE: Final = {
    "accessToken": "eyJhbGciOiJIUzI1NiIs…",
    "expiresIn": 3600,
    "refreshToken": "irisr_…",
    "refreshExpires": "2026-12-27T04:20:11.512Z",
}
