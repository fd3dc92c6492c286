"""Whether Vonage signed a webhook (https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks)."""

import hashlib
import hmac
from datetime import timedelta
from typing import Annotated, Final, Literal

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers.base import UnverifiedError, Webhook
from providers.vonage.settings import VonageCredentials

MAX_TOKEN_AGE: Final = timedelta(hours=24)
"""The age up to which a webhook is believed: Vonage repeats one for that long, and does not say that it signs anew."""

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far Vonage's clock may be ahead of ours."""


class Claims(BaseModel):
    """What the token of a webhook claims.

    Attributes:
        iat: when it was signed, in seconds since 1970.
        exp: until when it is valid, in the same way, if it says so.
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
    """The claims of a webhook that Vonage signed for this account, over this body, lately.

    Raises:
        UnverifiedError: saying what is wrong; also when there is no secret to check with.
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
