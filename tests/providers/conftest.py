"""Who does not wait long for an answer."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.plain_http import plain_client


@pytest.fixture(scope="session")
async def impatient() -> AsyncIterator[httpx2.AsyncClient]:
    """A client for answers that never come; where one comes, a busy machine may take long to give it."""
    async with plain_client(timeout=httpx2.Timeout(30, read=0.5)) as client:
        yield client
