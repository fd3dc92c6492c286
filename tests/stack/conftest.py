"""A stack that runs as long as there are tests here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stack.running import Stack, running


@pytest.fixture(scope="package")
async def shared_stack(server_directory: Path) -> AsyncIterator[tuple[Stack, list[str]]]:
    """A running `iris up`, and what it printed until it served; whoever kills a part of it waits until it is back."""
    async with running(server_directory / "stack") as (stack, printed):
        yield stack, printed
