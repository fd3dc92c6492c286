"""How the tests run: their settings, event loop, and order; `tests/servers.py` has their servers."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop
from argon2 import PasswordHasher
from hypothesis import settings
from xdist.remote import Producer  # pyright: ignore[reportMissingTypeStubs] - its annotations stand in its code
from xdist.scheduler import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs] - likewise

# Property tests: slowness is no failure, and failures are reproducible.
settings.register_profile("iris", deadline=None, max_examples=30, derandomize="CI" in os.environ)
settings.load_profile("iris")


def pytest_configure(config: pytest.Config) -> None:
    """Load the servers, except in pytest-xdist's controller, which runs no test.

    Hash passwords at the least cost; `tests/security/test_at_rest.py` has the real one.
    """
    if config.getoption("numprocesses") and not hasattr(config, "workerinput"):
        return
    config.pluginmanager.import_plugin("tests.servers")
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
