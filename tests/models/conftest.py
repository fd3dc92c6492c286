"""A database of this worker's own, open for every test; each test has a tenant of its own in it."""

from collections.abc import AsyncIterator

import pytest

from domain.identifiers import new_id
from settings import Settings
from tests.iris import open_database


@pytest.fixture(scope="session", autouse=True)
async def database(mongodb_uri: str, database_name: str) -> AsyncIterator[None]:
    """The database that the documents are bound to.

    The same as the whole product's (`tests.iris`): documents are bound to one database in a process.
    """
    values = {"mongodb_uri": mongodb_uri, "mongodb_database": database_name}
    async with open_database(Settings.model_validate(values)):
        yield


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test knows."""
    return f"tenant-{new_id()}"
