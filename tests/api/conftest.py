"""Fixtures of other tenants: a shared second one, and one per test."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from embedded.demo import Demo, seed_open_database
from security.credential_encryption import Vault
from tests.api.account_factories import Town
from tests.iris import Iris, calling, demo_settings


@pytest.fixture(scope="session")
async def other_tenant(iris: Iris) -> Demo:
    keys = iris.settings.vault_keys()
    return await seed_open_database(Vault(keys), demo_settings(iris.gateway_url, tenant="other"))


@pytest.fixture
async def stranger(iris: Iris, other_tenant: Demo) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the second tenant."""
    async with calling(str(iris.http.base_url), other_tenant.api_key) as http:
        yield http


@pytest.fixture
async def town(iris: Iris) -> AsyncIterator[Town]:
    """A tenant for one test."""
    async with Town(str(iris.http.base_url)) as town:
        yield town


@pytest.fixture
async def another_town(iris: Iris) -> AsyncIterator[Town]:
    """Another tenant for one test."""
    async with Town(str(iris.http.base_url)) as town:
        yield town
