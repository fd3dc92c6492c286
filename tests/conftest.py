"""Real servers for the tests: every worker of pytest-xdist has its own, started when a test first asks for one."""

import asyncio
import gc
import os
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
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

# How property tests run: a busy machine is no failure, and a build that fails does so again.
settings.register_profile("iris", deadline=None, max_examples=30, derandomize="CI" in os.environ)
settings.load_profile("iris")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that the product runs on; it also costs less than Python's own."""
    return {"uvloop": uvloop.new_event_loop}


class Scheduling(LoadFileScheduling):
    """Gives a worker whole files, so that no two start the same product, and all that runs against `iris up` to one."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/stack" if nodeid.startswith("tests/stack/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is collected is garbage: do not look through it while it grows, nor again and again afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        collect_rarely()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first and those without servers last, lest one worker go on alone when all others are done."""
    lengths: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        lengths[item.path] = max(lengths[item.path], _length(item))
    items.sort(key=lambda item: -lengths[item.path])


def _length(item: pytest.Item) -> float:
    """Something that is larger the longer a test may take."""
    limit = item.get_closest_marker("timeout")
    if limit:
        return limit.args[0]
    return 1 if "mongodb_uri" in getattr(item, "fixturenames", ()) else 0


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Where this worker's servers keep their files; removed at the end, unlike pytest's own temporary directories."""
    with tempfile.TemporaryDirectory(prefix="iris-tests-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
async def mongodb_uri(server_directory: Path) -> AsyncIterator[str]:
    """A MongoDB server of this worker's own."""
    async with Mongod(server_directory / "mongodb", free_port(), server_directory / "mongodb.log") as mongod:
        yield mongod.uri


@pytest.fixture(scope="session")
async def temporal_server(server_directory: Path) -> AsyncIterator[TemporalServer]:
    """A Temporal server of this worker's own, in memory."""
    async with TemporalServer(free_port(), server_directory / "temporal.log") as server:
        yield server


@pytest.fixture(scope="session")
def database_name(worker_id: str) -> str:
    """The name of this worker's database, so that workers may also share one server."""
    return f"iris_{worker_id}"


@pytest.fixture(scope="session")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    """The whole product, running for this worker's tests; each test sends to destinations of its own."""
    async with running_iris(mongodb_uri, temporal_server.address, database_name) as running:
        yield running


@pytest.fixture(scope="module")
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server whose time can be skipped, for tests of what time alone does."""
    async with time_skipping_server() as environment:
        yield environment
