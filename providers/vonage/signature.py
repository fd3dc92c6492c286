"""Verification of Vonage's webhook signatures.

https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
"""

import hashlib
import hmac
from datetime import timedelta
from typing import Annotated, Final, Literal

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers.base import UnverifiedError, Webhook
from providers.vonage.settings import VonageCredentials

MAX_TOKEN_AGE: Final = timedelta(hours=24)
"""Maximum age of a webhook: Vonage repeats one for that long, and does not document a new signature."""

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Maximum time by which Vonage's clock may be ahead of ours."""


class Claims(BaseModel):
    """Claims of a webhook's token.

    Attributes:
        iat: when it was signed, in seconds since 1970.
        exp: its expiry, in seconds since 1970, if it has one.
        jti: an identifier that no other token has.
        payload_hash: SHA-256 of the body, in hexadecimal.
    """

    model_config = ConfigDict(frozen=True)

    iss: Literal["Vonage"]
    api_key: str
    iat: int
    exp: int | None = None
    jti: Annotated[str, Field(min_length=1)]
    payload_hash: str


def signed_claims(webhook: Webhook, credentials: VonageCredentials) -> Claims:
    """Return the claims of a webhook that Vonage signed for this account, over this body, recently.

    Raises:
        UnverifiedError: with the reason; also when there is no secret to check with.
    """
    claims = _read(webhook, credentials.signature_secret.get_secret_value())
    if claims.api_key != credentials.api_key:
        raise UnverifiedError("the webhook is another account's")
    computed = hashlib.sha256(webhook.body).hexdigest()
    if not hmac.compare_digest(computed.encode(), claims.payload_hash.lower().encode(errors="replace")):
        raise UnverifiedError("the signature is of another body")
    now = int(webhook.received_at.timestamp())
    if not -MAX_CLOCK_SKEW.total_seconds() <= now - claims.iat <= MAX_TOKEN_AGE.total_seconds():
        raise UnverifiedError("the signature is not of these hours")
    if claims.exp is not None and claims.exp <= now:
        raise UnverifiedError("the signature has expired")
    return claims


def _read(webhook: Webhook, secret: str) -> Claims:
    scheme, _, token = webhook.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise UnverifiedError("the webhook is not signed")
    try:
        # Not `jwt.decode`, which checks times against this machine's clock and not against `received_at`.
        signed = jwt.PyJWS().decode(token.strip(), secret, algorithms=["HS256"])
        return Claims.model_validate_json(signed)
    except (jwt.PyJWTError, ValidationError) as error:
        raise UnverifiedError("the signature is not Vonage's") from error
