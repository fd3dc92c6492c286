"""Activities that are broken off in the middle, as by the end of their worker, and taken again."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.activities.world import run

A = TypeVar("A")
R = TypeVar("R")


async def taken_again(function: Callable[[A], Coroutine[Any, Any, R]], argument: A, breaks: Sequence[int]) -> R:
    """What an activity makes that is broken off first, as often as `breaks` say, each after so many waits."""
    for after in breaks:
        try:
            return await run(_broken_off(function, after), argument)
        except asyncio.CancelledError:
            pass
    return await run(function, argument)


async def waits_of(function: Callable[[A], Coroutine[Any, Any, object]], argument: A) -> int:
    """How often an activity waits for its servers until its end."""
    counted = 0

    def count(number: int) -> None:
        nonlocal counted
        counted = number + 1

    @functools.wraps(function)
    async def counting(argument: A) -> None:
        await _Steps(function(argument), count)

    await run(counting, argument)
    return counted


def _broken_off(function: Callable[[A], Coroutine[Any, Any, R]], after: int) -> Callable[[A], Coroutine[Any, Any, R]]:
    @functools.wraps(function)
    async def breaking(argument: A) -> R:
        task = asyncio.current_task()

        def break_off(number: int) -> None:
            if number == after and task is not None:
                task.cancel()

        return await _Steps(function(argument), break_off)

    return breaking


@dataclass(frozen=True)
class _Steps(Generic[R]):
    """Some work, during each of whose waits something is done."""

    work: Coroutine[Any, Any, R]
    during: Callable[[int], None]

    def __await__(self) -> Generator[Any, None, R]:
        waiting, number = self.work.__await__(), 0
        failure: BaseException | None = None
        while True:
            try:
                awaited = waiting.send(None) if failure is None else waiting.throw(failure)
            except StopIteration as ended:
                return ended.value
            self.during(number)
            number += 1
            failure = None
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the work's own
                failure = error
