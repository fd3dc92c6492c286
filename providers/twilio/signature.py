"""Verification of Twilio's webhook signatures (https://www.twilio.com/docs/usage/webhooks/webhooks-security)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit

from providers.base import Webhook

HEADER: Final = "x-twilio-signature"
FORM: Final = "application/x-www-form-urlencoded"
BODY_HASH: Final = "bodySHA256"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_EVERY_BYTE: Final = "surrogateescape"
"""Error handler that preserves bytes that are not UTF-8, since signatures cover bytes."""

Parameter = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Secret that signs webhooks: SHA-1 for an Auth Token, SHA-256 for a SharedKey."""

    secret: str
    digest: Literal["sha1", "sha256"] = "sha1"

    def sign(self, url: str, parameters: Iterable[Parameter] = ()) -> str:
        """Sign a request: over its URL, then each different parameter in the order of the names."""
        text = url + "".join(name + value for name, value in sorted(set(parameters)))
        code = hmac.new(self.secret.encode(), text.encode(errors=_EVERY_BYTE), self.digest)
        return base64.b64encode(code.digest()).decode()


def is_signed(webhook: Webhook, keys: Sequence[SigningKey]) -> bool:
    """Whether the webhook has the signature of one of the keys. An empty key signs nothing."""
    claimed = webhook.headers.get(HEADER, "").encode(errors="replace")
    parameters = _signed_parameters(webhook)
    if parameters is None:
        return False
    signatures = [key.sign(url, parameters) for key in keys if key.secret for url in _spellings(webhook.url)]
    return any(hmac.compare_digest(signature.encode(), claimed) for signature in signatures)


def _signed_parameters(webhook: Webhook) -> list[Parameter] | None:
    """Return the parameters that the signature covers besides the URL; None if it does not cover the body.

    A form is covered by its parameters, any other body by its hash in the URL.
    """
    if webhook.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        body = webhook.body.decode(errors=_EVERY_BYTE)
        return parse_qsl(body, keep_blank_values=True, errors=_EVERY_BYTE)
    claimed = parse_qs(urlsplit(webhook.url).query).get(BODY_HASH, [""])[0]
    computed = hashlib.sha256(webhook.body).hexdigest()
    return [] if hmac.compare_digest(claimed.encode(errors="replace"), computed.encode()) else None


def _spellings(url: str) -> Iterator[str]:
    """Return the URL as it is, without its port and with the default one: Twilio signs either form."""
    yield url
    parts = urlsplit(url)
    host, _, port = parts.netloc.partition(":")
    yield _with_host(parts, host)
    if not port:
        yield _with_host(parts, f"{host}:{_DEFAULT_PORTS.get(parts.scheme, 80)}")


def _with_host(parts: SplitResult, host: str) -> str:
    return parts._replace(netloc=host).geturl()
