"""Real servers for the tests: each pytest-xdist worker starts its own on first use.

A plugin of the processes that run tests, which `tests/conftest.py` registers: it imports the whole product.
"""

import gc
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from bootstrap import collect_rarely
from embedded.mongod import Mongod
from embedded.ports import free_port
from embedded.temporal_server import TemporalServer
from tests.iris import Iris, running_iris
from tests.time_skipping import time_skipping_server


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Disable the garbage collector while tests are collected, since they are never garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        collect_rarely()


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Directory of this worker's servers; removed at the end, unlike pytest's own temporary directories."""
    with tempfile.TemporaryDirectory(prefix="iris-tests-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
async def mongodb_uri(server_directory: Path) -> AsyncIterator[str]:
    """A MongoDB server for this worker."""
    async with Mongod(server_directory / "mongodb", free_port(), server_directory / "mongodb.log") as mongod:
        yield mongod.uri


@pytest.fixture(scope="session")
async def temporal_server(server_directory: Path) -> AsyncIterator[TemporalServer]:
    """A Temporal server for this worker, in memory."""
    async with TemporalServer(free_port(), server_directory / "temporal.log") as server:
        yield server


@pytest.fixture(scope="session")
def database_name(worker_id: str) -> str:
    """Name of this worker's database, so that workers can also share a server."""
    return f"iris_{worker_id}"


@pytest.fixture(scope="session")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    """The whole product for this worker's tests; each test sends to unique destinations."""
    async with running_iris(mongodb_uri, temporal_server.address, database_name) as running:
        yield running


@pytest.fixture(scope="module")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A time-skipping Temporal server, for tests of timeouts."""
    async with time_skipping_server() as environment:
        yield environment
