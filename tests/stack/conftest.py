"""The shared stack of the tests in this folder: the second run in its directory."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.stack.running import EarlierRun, Stack, names_in, running, send

SLOW: Final = "34600000011"
"""The sandbox responds for this recipient after three seconds."""


@pytest.fixture(scope="package")
async def earlier_run(server_directory: Path) -> EarlierRun:
    """A previous run in the directory of the shared stack."""
    data = server_directory / "stack"
    async with running(data) as (stack, _):
        sent, described = await send(stack), stack.described()
        last_words = await stack.stop()
        await stack.until_deserted()
        left = [name for name in ("stack.json",) if (data / name).exists()] + names_in(data / "run")
    return EarlierRun(data, described, sent, last_words, stack.process.returncode, left)


@pytest.fixture(scope="package")
async def shared_stack(earlier_run: EarlierRun) -> AsyncIterator[tuple[Stack, list[str]]]:
    """A running `iris up`, and its output until it served; a test that kills a process waits until it is back.

    Its end is checked here too, since only then does no test need it any longer.
    """
    async with running(earlier_run.data) as (stack, printed):
        yield stack, printed
        await a_second_ctrl_c_does_not_wait_for_what_is_being_sent(stack)


async def a_second_ctrl_c_does_not_wait_for_what_is_being_sent(stack: Stack) -> None:
    """No process outlives a stack that has ended so."""
    await send(stack, SLOW)
    lines = len(stack.printed())
    stack.process.send_signal(signal.SIGINT)
    await stack.printed_until("Ctrl-C again ends at once", lines)
    stack.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(stack.process.wait(), 10) == -signal.SIGINT
    await stack.until_deserted()
