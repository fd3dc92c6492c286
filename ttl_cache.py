"""What was looked up in the database a moment ago, so that it need not be asked for each message."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, Generic, TypeVar

from cachetools import TTLCache

Value = TypeVar("Value")

MAX_ENTRIES: Final = 10_000
"""Entries of one cache; the longest unused are forgotten."""


class TtlCache(Generic[Value]):
    """Keeps what was found for a while. What was not found is not kept, so that what is made can be used at once."""

    def __init__(self, kept: timedelta) -> None:
        """Keep each entry for so long: so long a change may go unnoticed."""
        self._entries: TTLCache[str, Value] = TTLCache(MAX_ENTRIES, kept.total_seconds())

    def kept(self, key: str) -> Value | None:
        """The entry of a key, if it is kept."""
        return self._entries.get(key)

    def keep(self, key: str, entry: Value) -> None:
        """Keep an entry."""
        self._entries[key] = entry

    def forget(self, key: str) -> None:
        """Keep the entry of a key no longer."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Keep nothing any longer."""
        self._entries.clear()

    async def get(self, key: str, find: Callable[[], Awaitable[Value | None]]) -> Value | None:
        """The entry of a key, found if it is not kept; None if there is none."""
        entry = self.kept(key)
        if entry is None:
            entry = await find()
            if entry is not None:
                self.keep(key, entry)
        return entry
