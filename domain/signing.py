"""How what a tenant is told is signed: Standard Webhooks, symmetric.

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
"""Between the 24 and the 64 that the specification wants."""

OVERLAP: Final = timedelta(hours=24)
"""How long a secret still signs, beside the one that took its place."""


def new_secret() -> str:
    """A fresh secret, as its owner is shown it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature_headers(signing: Sequence[str], message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The headers by which a receiver knows that a body is ours, that it is fresh, and whether it knows it already.

    Args:
        signing: the secrets, each of which gives a signature of its own.
        message_id: the same at each attempt.
        at: when it is sent.
        body: the very bytes.
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
