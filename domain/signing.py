"""Signatures of webhook notifications to tenants: Standard Webhooks, symmetric.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with
_SECRET_BYTES: Final = 32
"""Within the 24 to 64 bytes that the specification requires."""

OVERLAP: Final = timedelta(hours=24)
"""Time for which a replaced secret still signs beside the new one."""


def new_secret() -> str:
    """Return a new secret in the form shown to its owner."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature_headers(signing: Sequence[str], message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Return the headers by which a receiver verifies origin, age and uniqueness of a body.

    Args:
        signing: the secrets, each of which gives a signature of its own.
        message_id: the same at each attempt.
        at: when it is sent.
        body: the exact bytes.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (f"v1,{_signature(secret, signed)}" for secret in signing)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
