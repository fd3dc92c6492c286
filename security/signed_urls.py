"""Links to uploaded files that providers follow without a key: signed, and for a while only."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import jwt

from domain.clock import utc_now
from settings import Settings

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "iris-file"
"""What tells a link's token from one that logs in."""


class ExpiredLinkError(Exception):
    """A link of ours whose time is over."""


@dataclass(frozen=True, slots=True)
class FileLinks:
    """Makes links to files, and reads them.

    Attributes:
        secret: signs them.
        public_url: where they are followed.
        valid: for how long.
    """

    secret: str
    public_url: str
    valid: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "FileLinks":
        """Links as the settings say."""
        secret = settings.jwt_secret.get_secret_value()
        return cls(secret, settings.public_url.rstrip("/"), settings.file_url_ttl)

    def link(self, attachment_id: str) -> str:
        """Where a file may be fetched from now on."""
        claims = {"sub": attachment_id, "aud": _AUDIENCE, "exp": utc_now() + self.valid}
        return f"{self.public_url}/files/{jwt.encode(claims, self.secret, algorithm=_ALGORITHM)}"

    def attachment_id(self, token: str) -> str | None:
        """Which file the last part of a link is about; None if it is no link of ours.

        Raises:
            ExpiredLinkError: if its time is over.
        """
        try:
            claims = jwt.decode(
                token, self.secret, algorithms=[_ALGORITHM], audience=_AUDIENCE, options={"require": ["exp", "sub"]}
            )
        except jwt.ExpiredSignatureError as error:
            raise ExpiredLinkError from error
        except jwt.InvalidTokenError:
            return None
        return str(claims["sub"])
