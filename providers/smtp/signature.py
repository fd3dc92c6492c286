"""Signature of webhooks, which shows that the tenant's own mail system posted them."""

import hashlib
import hmac
from typing import Final

from providers.base import Webhook

RECIPIENT: Final = "x-iris-recipient"
"""Header with the envelope address that the mail came to."""

SIGNATURE: Final = "x-iris-signature"
"""Header with the signature."""


def signature_of(webhook: Webhook, secret: str) -> str:
    """Return the HMAC-SHA256 in hexadecimal digits, over the recipient's header, a line feed, and the body."""
    signed = webhook.headers.get(RECIPIENT, "").encode() + b"\n" + webhook.body
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()


def is_signed(webhook: Webhook, secret: str) -> bool:
    """Whether the webhook has its signature."""
    claimed = webhook.headers.get(SIGNATURE, "").strip().encode(errors="replace")
    return hmac.compare_digest(signature_of(webhook, secret).encode(), claimed)
