"""Payload codec that encrypts all payloads in Temporal, so that workflow histories are unreadable.

AES-256-GCM (NIST SP 800-38D). Search attributes are never encrypted by Temporal's SDKs, and carry no personal data
(`docs/decisions/0005`, `docs/encryption.md`).
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from typing import Final, Never, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import EncodingPayloadConverter, PayloadCodec
from typing_extensions import override

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
"""96 random bits for each payload: one key may encrypt 2**32 of them (NIST SP 800-38D §8.3)."""

_ENCODING: Final = b"binary/encrypted"
"""The encoding of Temporal's own samples, by which its tools recognise an encrypted payload."""
_KEY_ID: Final = "encryption-key-id"


class UndecryptableError(Exception):
    """An encrypted payload whose key is missing, or that was modified."""


class Encrypted(EncodingPayloadConverter):
    """Payload converter that names the missing key setting when an encrypted payload was not decrypted."""

    @property
    @override
    def encoding(self) -> str:
        return _ENCODING.decode()

    @override
    def to_payload(self, value: object) -> None:
        return None

    @override
    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Never:
        raise UndecryptableError("what Temporal keeps is encrypted: IRIS_PAYLOAD_KEYS is missing here")


class EncryptingCodec(PayloadCodec):
    """Encrypts every payload with the first key, and decrypts with the key that the payload names.

    Unencrypted payloads pass through, so that histories from before encryption was enabled can still be read.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes; the first one encrypts.

        Raises:
            ValueError: if there is none, or one has another length.
        """
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ValueError(f"payload keys have {_KEY_BYTES} bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])

    @classmethod
    def of(cls, text: str) -> Self:
        """Create a codec from the setting's keys: URL-safe base64, separated by commas.

        Raises:
            ValueError: if there is none, or one is malformed.
        """
        try:
            return cls([base64.b64decode(key.strip().encode(), b"-_", validate=True) for key in text.split(",")])
        except (binascii.Error, UnicodeError):
            raise ValueError("payload keys are URL-safe base64") from None

    @override
    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    @override
    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads.

        Raises:
            UndecryptableError: naming the key that is missing.
        """
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, payload.SerializeToString(), None)
        return Payload(metadata={"encoding": _ENCODING, _KEY_ID: self._newest.encode()}, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        key_id = payload.metadata.get(_KEY_ID, b"").decode(errors="backslashreplace")[:100]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UndecryptableError(f"no payload key has the id {key_id!r}: add it to IRIS_PAYLOAD_KEYS")
        try:
            return Payload.FromString(cipher.decrypt(payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:], None))
        except (InvalidTag, ValueError) as error:
            raise UndecryptableError(f"a payload was damaged after key {key_id!r} had encrypted it") from error


def _key_id(key: bytes) -> str:
    """Id of a key, stored with what it encrypted; the key's 256 random bits cannot be guessed from it."""
    return hashlib.sha256(key).hexdigest()[:16]
