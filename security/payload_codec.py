"""What Temporal keeps of our payloads: encrypted, so that nobody reads a message in a workflow's history.

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
"""96 bits of chance for each payload: one key may encrypt 2**32 of them (NIST SP 800-38D §8.3)."""

_ENCODING: Final = b"binary/encrypted"
"""The word of Temporal's own samples, by which its tools know an encrypted payload."""
_KEY_ID: Final = "encryption-key-id"


class UndecryptableError(Exception):
    """An encrypted payload whose key we do not have, or that is not as it was encrypted."""


class Encrypted(EncodingPayloadConverter):
    """Says of a payload that comes here encrypted, since nobody decrypted it, what is missing."""

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
    """Encrypts every payload with the first key, and decrypts with whichever key it names.

    What was never encrypted passes through: histories from before encryption was switched on can still be read.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes, of which the first encrypts.

        Raises:
            ValueError: if there is none, or one has another length.
        """
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ValueError(f"payload keys have {_KEY_BYTES} bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])

    @classmethod
    def of(cls, text: str) -> Self:
        """The codec of keys as a setting has them: URL-safe base64, separated by commas.

        Raises:
            ValueError: if there is none, or one is of another form.
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
        """The payloads as they were.

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
    """A key's name beside what it encrypted, from which it cannot be guessed: it is 256 bits of chance."""
    return hashlib.sha256(key).hexdigest()[:16]
