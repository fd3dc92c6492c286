"""Signed, expiring URLs of uploaded files, for providers, which have no API key."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import jwt

from domain.clock import utc_now

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "iris-file"
"""JWT audience that distinguishes a URL's token from an access token."""


class ExpiredUrlError(Exception):
    """A valid URL that has expired."""


@dataclass(frozen=True, slots=True)
class FileUrls:
    """Creates and verifies signed file URLs.

    Attributes:
        secret: the signing key.
        public_url: the base URL.
        valid: how long a URL is valid.
    """

    secret: str
    public_url: str
    valid: timedelta

    def url(self, attachment_id: str) -> str:
        """A URL of a file, valid from now on."""
        claims = {"sub": attachment_id, "aud": _AUDIENCE, "exp": utc_now() + self.valid}
        return f"{self.public_url.rstrip('/')}/files/{jwt.encode(claims, self.secret, algorithm=_ALGORITHM)}"

    def attachment_id(self, token: str) -> str | None:
        """The file id in a URL's token; None if the token is invalid.

        Raises:
            ExpiredUrlError: if it has expired.
        """
        try:
            claims = jwt.decode(
                token, self.secret, algorithms=[_ALGORITHM], audience=_AUDIENCE, options={"require": ["exp", "sub"]}
            )
        except jwt.ExpiredSignatureError as error:
            raise ExpiredUrlError from error
        except jwt.InvalidTokenError:
            return None
        return str(claims["sub"])
