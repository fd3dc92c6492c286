"""How much the API takes on at once; what is beyond that is refused before it costs anything, to be asked again."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from fastapi import Request
from pymongo.errors import PyMongoError
from temporalio.service import RPCError
from typing_extensions import override

from domain.errors import OverloadedError, UnavailableError

_SMALLEST: Final = 10
"""So many are always tried, so that it is noticed when all goes well again."""

_SHRINKS_TO: Final = 0.75
_SHRINKS_EVERY: Final = 1.0
"""Seconds: those that fail together fail for one reason."""


class Room:
    """Room for so many, of whatever is counted."""

    def __init__(self, most: int) -> None:
        self._most: float = most
        self._taken = 0

    @contextmanager
    def take(self, amount: int = 1) -> Generator[None]:
        """Take some of it until the end of the block.

        Raises:
            OverloadedError: if not so much is left.
        """
        if self._taken + amount > self._most:
            raise OverloadedError
        self._taken += amount
        try:
            yield
        finally:
            self._taken -= amount


class ElasticRoom(Room):
    """Room that shrinks while MongoDB or Temporal do not answer in time, and grows again with all that is done.

    Where too much is begun at once, all of it is given up in the end, and asked for again (`docs/decisions/0024`).
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Room for at most so many."""
        super().__init__(most)
        self._largest, self._smallest = most, min(most, _SMALLEST)
        self._clock, self._shrunk = clock, clock() - _SHRINKS_EVERY

    @override
    @contextmanager
    def take(self, amount: int = 1) -> Generator[None]:
        """Take some of it until the end of the block."""
        with super().take(amount):
            try:
                yield
            except (UnavailableError, RPCError, PyMongoError):
                self._shrink()
                raise
            self._most = min(self._largest, self._most + 1)

    def _shrink(self) -> None:
        now = self._clock()
        if now - self._shrunk >= _SHRINKS_EVERY:
            self._shrunk = now
            self._most = max(self._smallest, self._most * _SHRINKS_TO)


def bytes_to_come(request: Request, limit: int) -> int:
    """How many bytes a request's body may have, at most `limit`: what it declares, else all that it may send."""
    declared = request.headers.get("content-length", "")
    return min(int(declared), limit) if declared.isdigit() else limit
