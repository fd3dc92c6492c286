"""Authentication of an application (https://developer.vonage.com/en/getting-started/concepts/authentication#jwts)."""

from datetime import datetime, timedelta
from typing import Final, Self
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from domain.clock import utc_now
from providers.vonage.settings import VonageCredentials, read_private_key

LIFETIME: Final = timedelta(minutes=15)
"""Lifetime of a token; Vonage allows a day."""

LEEWAY: Final = timedelta(minutes=1)
"""Time before its expiry at which a token is replaced, for clock differences and requests in flight."""


def has_public_key(private_key: str, public_key: str) -> bool:
    """Whether a private key belongs to a public one, both in PEM.

    Raises:
        ValueError: if either is not.
    """
    whole = read_private_key(private_key).public_key()
    return load_pem_public_key(public_key.encode()) == whole


class ApplicationToken:
    """Cached JWT of an application: created at first use, and again when it is about to expire."""

    def __init__(self, application_id: str, private_key: RSAPrivateKey) -> None:
        self._application_id = application_id
        self._private_key = private_key
        self._minted: tuple[str, datetime] | None = None

    @classmethod
    def of(cls, credentials: VonageCredentials) -> Self | None:
        """Return the token of the application in the credentials; None if they name none."""
        if credentials.application_id is None or credentials.private_key is None:
            return None
        return cls(credentials.application_id, read_private_key(credentials.private_key.get_secret_value()))

    def current(self) -> str:
        """Return a token that is not about to expire."""
        now = utc_now()
        if self._minted is None or now >= self._minted[1] - LEEWAY:
            self._minted = self._mint(now), now + LIFETIME
        return self._minted[0]

    def discard(self) -> None:
        """Invalidate a token that Vonage refused."""
        self._minted = None

    def _mint(self, now: datetime) -> str:
        claims = {
            "application_id": self._application_id,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self._private_key, algorithm="RS256")
