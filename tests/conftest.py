"""Real servers for the tests: each pytest-xdist worker starts its own on first use."""

import asyncio
import gc
import os
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
from argon2 import PasswordHasher
from hypothesis import settings
from temporalio.testing import WorkflowEnvironment
from xdist.remote import Producer  # pyright: ignore[reportMissingTypeStubs] - its annotations stand in its code
from xdist.scheduler import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs] - likewise

from bootstrap import collect_rarely
from embedded.mongod import Mongod
from embedded.ports import free_port
from embedded.temporal_server import TemporalServer
from tests.iris import Iris, running_iris
from tests.time_skipping import time_skipping_server

# Property tests: slowness is no failure, and failures are reproducible.
settings.register_profile("iris", deadline=None, max_examples=30, derandomize="CI" in os.environ)
settings.load_profile("iris")


def pytest_configure() -> None:
    """Hash passwords at the least cost; `tests/security/test_at_rest.py` has the real one."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    pytest.MonkeyPatch().setattr("security.credential_encryption._HASHER", cheap)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that the product runs on; it also costs less than Python's own."""
    return {"uvloop": uvloop.new_event_loop}


class Scheduling(LoadFileScheduling):
    """Assigns whole files to workers, so that no two start the same product, and all tests of `iris up` to one."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/stack" if nodeid.startswith("tests/stack/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Disable the garbage collector while tests are collected, since they are never garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        collect_rarely()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order long files first and those without servers last, so that no worker continues alone."""
    lengths: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        lengths[item.path] = max(lengths[item.path], _length(item))
    items.sort(key=lambda item: -lengths[item.path])


def _length(item: pytest.Item) -> float:
    """Sort key that grows with a test's likely duration."""
    limit = item.get_closest_marker("timeout")
    if limit:
        return limit.args[0]
    return 1 if "mongodb_uri" in getattr(item, "fixturenames", ()) else 0


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
