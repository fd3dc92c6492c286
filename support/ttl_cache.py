"""TTL cache for database lookups; misses are not cached."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, Generic, TypeVar

from cachetools import TTLCache

Value = TypeVar("Value")

MAX_ENTRIES: Final = 10_000
"""Entries of one cache; the least recently used are evicted."""


class TtlCache(Generic[Value]):
    """Caches values for a fixed time. Misses are not cached, so that a new document is found at once."""

    def __init__(self, ttl: timedelta) -> None:
        """Cache each entry for `ttl`, which is how long a change may go unnoticed."""
        self._entries: TTLCache[str, Value] = TTLCache(MAX_ENTRIES, ttl.total_seconds())

    def get(self, key: str) -> Value | None:
        """The cached value of a key; None if there is none."""
        return self._entries.get(key)

    def set(self, key: str, value: Value) -> None:
        """Cache a value."""
        self._entries[key] = value

    def invalidate(self, key: str) -> None:
        """Remove a key."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove all keys."""
        self._entries.clear()

    async def get_or_load(self, key: str, load: Callable[[], Awaitable[Value | None]]) -> Value | None:
        """The cached value of a key, loaded if it is not cached; None if `load` finds none."""
        value = self.get(key)
        if value is None:
            value = await load()
            if value is not None:
                self.set(key, value)
        return value
