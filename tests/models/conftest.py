"""A database per test worker, open for every test, with a tenant per test."""

from collections.abc import AsyncIterator

import pytest

from domain.identifiers import new_id
from settings import Settings
from tests.iris import open_database


@pytest.fixture(scope="session", autouse=True)
async def database(mongodb_uri: str, database_name: str) -> AsyncIterator[None]:
    """Database that the documents are bound to.

    It is that of the whole product (`tests.iris`), because documents are bound to one database per process.
    """
    values = {"mongodb_uri": mongodb_uri, "mongodb_database": database_name}
    async with open_database(Settings.model_validate(values)):
        yield


@pytest.fixture
def tenant() -> str:
    """A tenant for one test."""
    return f"tenant-{new_id()}"
