"""Redaction of secrets in a provider's texts: some error messages quote the request."""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

import httpx2

HIDDEN: Final = "…"

_MIN_TRACE_LENGTH: Final = 4
"""Minimum characters of an encoded form; shorter ones would match everywhere."""

Redaction = Callable[[str], str]


def redaction(secrets: Iterable[str]) -> Redaction:
    """Return a function that hides secrets in a text: as they are, in a URL, and anywhere within base64."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)

    def redact(text: str) -> str:
        for form in forms:  # a regular expression takes milliseconds to compile, and each request may have a new token
            text = text.replace(form, HIDDEN)
        return text

    return redact


def redaction_for(request: httpx2.Request) -> Redaction:
    """Return a function that hides a request's secrets: its `Authorization`, and a password in it."""
    return redaction(_secrets_of(request))


def _secrets_of(request: httpx2.Request) -> Iterator[str]:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    yield credentials
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(credentials).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return


def _forms(secret: str) -> Iterator[str]:
    if not secret:
        return
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield from filter(lambda form: len(form) >= _MIN_TRACE_LENGTH, _traces(secret.encode(errors="replace"), encode))


def _traces(secret: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """Return the base64 forms of a secret at every offset: the characters that depend on it alone."""
    for before, mixed in ((0, 0), (1, 2), (2, 3)):
        whole = encode(bytes(before) + secret).decode()
        yield whole[mixed : (before + len(secret)) * 8 // 6]
