"""Trusted certificate authorities of outbound TLS connections."""

import ssl
from functools import cache

import httpx2


@cache
def trusted_authorities() -> ssl.SSLContext:
    """TLS context with the packaged authorities, loaded once: that is the slowest part of creating a client."""
    return httpx2.create_ssl_context(trust_env=False)
