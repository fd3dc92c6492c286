"""Fixtures with short timeouts."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.plain_http import plain_client


@pytest.fixture(scope="session")
async def impatient() -> AsyncIterator[httpx2.AsyncClient]:
    """Client for answers that never come; its connect timeout stays long, because a busy machine may be slow."""
    async with plain_client(timeout=httpx2.Timeout(30, read=0.5)) as client:
        yield client
