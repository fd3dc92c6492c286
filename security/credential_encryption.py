"""Secrets at rest: sealed credentials, hashed passwords, hashed API keys."""

import hashlib
import json
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import JsonValue

API_KEY_PREFIX: Final = "iris_"
"""What every API key begins with, so that it is told from a login token and found by secret scanners."""

REFRESH_TOKEN_PREFIX: Final = "irisr_"  # noqa: S105 - what is public of it
"""What every refresh token begins with; it is no beginning of an API key."""

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 1024

_HASHER: Final = PasswordHasher()


class DecryptionError(Exception):
    """Sealed credentials that none of our keys opens."""


class Vault:
    """Seals credentials for storage with the newest key, and opens them with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take Fernet keys (32 bytes, URL-safe base64), newest first.

        Raises:
            ValueError: if there is none, or one is of another form.
        """
        fernets = [Fernet(key) for key in keys]
        self._fernet = MultiFernet(fernets)
        self._newest = fernets[0]

    def seal(self, credentials: Mapping[str, JsonValue]) -> str:
        """Credentials as a text that may be stored."""
        return self._fernet.encrypt(json.dumps(credentials).encode()).decode()

    def is_newest(self, sealed: str) -> bool:
        """Whether a text was sealed with the newest key."""
        try:
            self._newest.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def open(self, sealed: str) -> dict[str, JsonValue]:
        """The credentials in a sealed text.

        Raises:
            DecryptionError: if no key fits.
        """
        try:
            return json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise DecryptionError("no encryption key opens these credentials") from error


def new_api_key() -> str:
    """A fresh API key: 256 bits of chance."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is stored of an API key or a refresh token: SHA-256, enough for 256 random bits and quick on every call."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_refresh_token() -> str:
    """A fresh token that renews a session once: 256 bits of chance."""
    return REFRESH_TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_password() -> str:
    """A password that nobody chose: 144 bits of chance."""
    return secrets.token_urlsafe(18)


def hash_password(password: str) -> str:
    """What is stored of a password: argon2id with its salt."""
    return _HASHER.hash(password)


def absent_password_hash() -> str:
    """A hash of no known password, made without hashing; to try one on it takes as long as on any other."""
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (_HASHER.salt_len, _HASHER.hash_len)
    )
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def password_matches(password_hash: str, password: str) -> bool:
    """Whether a password is the one that was hashed; takes tens of milliseconds on purpose."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
