"""HTTP clients of providers, and the fake provider that a test is parametrised with."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from providers.base import AnyProvider
from tests.plain_http import plain_client
from tests.providers.fake_provider import FakeProvider


@pytest.fixture(scope="session")
async def impatient() -> AsyncIterator[httpx2.AsyncClient]:
    """Client for answers that never come; its connect timeout stays long, because a busy machine may be slow."""
    async with plain_client(timeout=httpx2.Timeout(30, read=0.5)) as client:
        yield client


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """Client of providers that answer."""
    async with plain_client(timeout=30) as client:
        yield client


@pytest.fixture
async def fake_provider(request: pytest.FixtureRequest) -> AsyncIterator[FakeProvider]:
    async with request.param() as listening:
        yield listening


@pytest.fixture
def provider(fake_provider: FakeProvider, http: httpx2.AsyncClient) -> AnyProvider:
    return fake_provider.open(http)
