"""Crash injection: activities that are interrupted, as by the end of their worker, and retried."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from tests.activities.factories import run

A = TypeVar("A")
R = TypeVar("R")

Activity = Callable[[A], Coroutine[Any, Any, R]]
During = Callable[[int], Coroutine[Any, Any, None]]


async def taken_again(function: Activity[A, R], argument: A, breaks: Sequence[int]) -> R:
    """Run an activity that is interrupted first, once for each of `breaks`, after that number of waits."""
    for after in breaks:
        try:
            return await run(_stepped(function, partial(_break_off, after)), argument)
        except asyncio.CancelledError:
            pass
    return await run(function, argument)


async def waits_of(function: Activity[A, object], argument: A) -> int:
    """Count how often an activity waits for its servers."""
    counted = 0

    async def count(number: int) -> None:
        nonlocal counted
        counted = number + 1

    await run(_stepped(function, count), argument)
    return counted


async def interrupted(function: Activity[A, R], argument: A, at: int, other: Callable[[], Awaitable[None]]) -> R:
    """Run an activity, and something else during one of its waits."""

    async def interrupt(number: int) -> None:
        if number == at:
            await other()

    return await run(_stepped(function, interrupt), argument)


async def _break_off(after: int, number: int) -> None:
    task = asyncio.current_task()
    if number == after and task is not None:
        task.cancel()


def _stepped(function: Activity[A, R], during: During) -> Activity[A, R]:
    @functools.wraps(function)
    async def stepping(argument: A) -> R:
        return await _Steps(function(argument), during)

    return stepping


@dataclass(frozen=True)
class _Steps(Generic[R]):
    """Work that runs something else during each of its waits, which are numbered."""

    work: Coroutine[Any, Any, R]
    during: During

    def __await__(self) -> Generator[Any, None, R]:
        waiting, number = self.work.__await__(), 0
        failure: BaseException | None = None
        while True:
            try:
                awaited = waiting.send(None) if failure is None else waiting.throw(failure)
            except StopIteration as ended:
                return ended.value
            failure = None
            try:
                yield from self.during(number).__await__()
                yield awaited
            except BaseException as error:  # noqa: BLE001 - any error is thrown into the work
                failure = error
            number += 1
