"""Activities that are broken off in the middle, as by the end of their worker, and taken again."""

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
    """What an activity makes that is broken off first, as often as `breaks` say, each after so many waits."""
    for after in breaks:
        try:
            return await run(_stepped(function, partial(_break_off, after)), argument)
        except asyncio.CancelledError:
            pass
    return await run(function, argument)


async def waits_of(function: Activity[A, object], argument: A) -> int:
    """How often an activity waits for its servers until its end."""
    counted = 0

    async def count(number: int) -> None:
        nonlocal counted
        counted = number + 1

    await run(_stepped(function, count), argument)
    return counted


async def interrupted(function: Activity[A, R], argument: A, at: int, other: Callable[[], Awaitable[None]]) -> R:
    """What an activity makes during one of whose waits something else is done."""

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
    """Some work, during each of whose waits, which are numbered, something else is done."""

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
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the work's own
                failure = error
            number += 1
