"""Authentication of Meta's requests (https://developers.facebook.com/docs/graph-api/webhooks/getting-started)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from providers.base import Webhook

HEADER: Final = "x-hub-signature-256"


def sign(body: bytes, app_secret: str) -> str:
    """Sign a webhook's raw bytes."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(webhook: Webhook, app_secret: str) -> bool:
    """Whether the webhook has the signature of this secret. An empty secret signs nothing."""
    return bool(app_secret) and _is_same(webhook.headers.get(HEADER, ""), sign(webhook.body, app_secret))


def knows_token(query: Mapping[str, str], verify_token: str) -> bool:
    """Whether a verification request contains the agreed token. An empty token is never valid."""
    asked = query.get("hub.mode") == "subscribe"
    return asked and bool(verify_token) and _is_same(query.get("hub.verify_token", ""), verify_token)


def proof_of(access_token: str, app_secret: str) -> str:
    """Return the proof that the owner of a token also has the secret of its app.

    https://developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof
    """
    return hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()


def _is_same(claimed: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(claimed.encode(errors="replace"), expected.encode())
