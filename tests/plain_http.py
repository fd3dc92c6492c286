"""Clients of what listens on this machine, by plain HTTP."""

import ssl
from functools import partial
from typing import Final

import httpx2

_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: to read whom else to trust takes longer than many a test."""

plain_client: Final = partial(httpx2.AsyncClient, verify=_NO_TLS, trust_env=False)
"""A client that neither speaks TLS nor takes a proxy from the environment."""
