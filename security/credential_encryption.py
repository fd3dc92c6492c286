"""Secrets at rest: encrypted credentials, hashed passwords and hashed API keys."""

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
"""Prefix of API keys, which distinguishes them from access tokens and lets secret scanners find them."""

REFRESH_TOKEN_PREFIX: Final = "irisr_"  # noqa: S105 - what is public of it
"""Prefix of refresh tokens; no API key has it."""

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 1024

_HASHER: Final = PasswordHasher()


class DecryptionError(Exception):
    """Encrypted credentials that no configured key decrypts."""


class Vault:
    """Encrypts credentials with the newest key, and decrypts them with any key."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take Fernet keys (32 bytes, URL-safe base64), newest first.

        Raises:
            ValueError: if there is none, or one is malformed.
        """
        fernets = [Fernet(key) for key in keys]
        self._fernet = MultiFernet(fernets)
        self._newest = fernets[0]

    def encrypt(self, credentials: Mapping[str, JsonValue]) -> str:
        """Encrypt credentials for storage."""
        return self._fernet.encrypt(json.dumps(credentials).encode()).decode()

    def is_newest(self, ciphertext: str) -> bool:
        """Whether a text was encrypted with the newest key."""
        try:
            self._newest.decrypt(ciphertext.encode())
        except InvalidToken:
            return False
        return True

    def decrypt(self, ciphertext: str) -> dict[str, JsonValue]:
        """Decrypt credentials.

        Raises:
            DecryptionError: if no key fits.
        """
        try:
            return json.loads(self._fernet.decrypt(ciphertext.encode()))
        except InvalidToken as error:
            raise DecryptionError("no encryption key opens these credentials") from error


def new_api_key() -> str:
    """Generate an API key with 256 random bits."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256 of an API key or a refresh token for storage; fast, and sufficient for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_refresh_token() -> str:
    """Generate a single-use refresh token with 256 random bits."""
    return REFRESH_TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_password() -> str:
    """Generate a password with 144 random bits."""
    return secrets.token_urlsafe(18)


def hash_password(password: str) -> str:
    """Hash a password for storage, with argon2id and a salt."""
    return _HASHER.hash(password)


def absent_password_hash() -> str:
    """A hash of no known password, made without hashing; checking it takes as long as any other."""
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (_HASHER.salt_len, _HASHER.hash_len)
    )
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def password_matches(password_hash: str, password: str) -> bool:
    """Whether a password matches a hash; takes tens of milliseconds on purpose."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
