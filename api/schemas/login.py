"""Logging in on the wire, as the vendor documents it."""

from pydantic import Field

from api.envelope import Envelope
from api.schemas.common import Asked


class LoginRequest(Asked):
    """Who logs in. Names are matched in any letter case."""

    email: str = Field(alias="Email", max_length=320)
    password: str = Field(alias="Password", max_length=1024)
    tenant: str = Field(max_length=100)


class TokenEnvelope(Envelope):
    """The answer that carries a login token."""

    payload: str | None = None
