"""How much the API takes on at once; what is beyond that is refused before it costs anything, to be asked again."""

from collections.abc import Generator
from contextlib import contextmanager

from fastapi import Request

from domain.errors import OverloadedError


class Room:
    """Room for so many, of whatever is counted."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def take(self, amount: int = 1) -> Generator[None]:
        """Take some of it until the end of the block.

        Raises:
            OverloadedError: if not so much is left.
        """
        if amount > self._left:
            raise OverloadedError
        self._left -= amount
        try:
            yield
        finally:
            self._left += amount


def bytes_to_come(request: Request, limit: int) -> int:
    """How many bytes a request's body may have, at most `limit`: what it declares, else all that it may send."""
    declared = request.headers.get("content-length", "")
    return min(int(declared), limit) if declared.isdigit() else limit
