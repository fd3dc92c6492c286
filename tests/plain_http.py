"""Plain HTTP clients of servers on this machine."""

import ssl
from functools import partial
from typing import Final

import httpx2

_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""TLS context without trusted certificates, since loading them takes longer than many a test."""

plain_client: Final = partial(httpx2.AsyncClient, verify=_NO_TLS, trust_env=False)
"""A client without TLS and without a proxy from the environment."""
