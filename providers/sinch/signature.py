"""Verification of Sinch's webhook signatures.

Source: https://developers.sinch.com/docs/conversation/callbacks/#validating-callbacks
"""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Final

from providers.base import UnverifiedError, Webhook

SIGNATURE: Final = "x-sinch-webhook-signature"
NONCE: Final = "x-sinch-webhook-signature-nonce"
TIMESTAMP: Final = "x-sinch-webhook-signature-timestamp"
ALGORITHM: Final = "x-sinch-webhook-signature-algorithm"

HMAC_SHA256: Final = "HmacSHA256"
MAX_SIGNATURE_AGE: Final = timedelta(minutes=5)
"""Maximum difference between a signature's time and ours; Sinch itself names no limit."""


def sign(secret: str, body: bytes, nonce: str, timestamp: str) -> str:
    """Sign the raw body, the nonce and the time in Unix seconds, joined by dots."""
    signed = b".".join((body, nonce.encode(errors="replace"), timestamp.encode(errors="replace")))
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def check(webhook: Webhook, secret: str) -> None:
    """Check that the webhook was signed with the secret within `MAX_SIGNATURE_AGE`. An empty secret signs nothing.

    Raises:
        UnverifiedError: if it was not.
    """
    claimed, nonce, timestamp, algorithm = (
        webhook.headers.get(name, "") for name in (SIGNATURE, NONCE, TIMESTAMP, ALGORITHM)
    )
    if not (secret and claimed and nonce and timestamp and algorithm == HMAC_SHA256):
        raise UnverifiedError("not signed as Sinch signs")
    computed = sign(secret, webhook.body, nonce, timestamp)
    if not hmac.compare_digest(computed.encode(), claimed.encode(errors="replace")):
        raise UnverifiedError("the signature is not Sinch's")
    if not _is_recent(timestamp, webhook.received_at.timestamp()):
        raise UnverifiedError("the signature is too old, or of the future")


def _is_recent(timestamp: str, now: float) -> bool:
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= len("9999999999")
    return is_number and abs(now - int(timestamp)) <= MAX_SIGNATURE_AGE.total_seconds()
