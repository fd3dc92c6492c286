"""How the sends that a worker does at once for a provider are shared among its integrations."""

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

MIN_DELAY: Final = timedelta(seconds=1)
"""How soon a send that found no place comes back."""

SPACING: Final = timedelta(milliseconds=50)
"""How far apart the sends of one integration that found no place come back, so that however many they are, asking
again and again costs the same."""


class LimitExceededError(Exception):
    """An integration has as many sends in flight as it may.

    Attributes:
        wait: when to come back.
    """

    def __init__(self, wait: timedelta) -> None:
        super().__init__("the integration has as many sends in flight as it may")
        self.wait = wait


class KeyedLimiter:
    """A bound on what each integration may have in flight, so that a slow one leaves the others their places."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_flight: Counter[str] = Counter()
        self._last_turn: dict[str, float] = {}

    @contextmanager
    def place(self, integration_id: str) -> Generator[None]:
        """A place among the integration's sends until the end of the block.

        Raises:
            LimitExceededError: if it has none left.
        """
        if self._in_flight[integration_id] >= self._most:
            raise LimitExceededError(self._turn(integration_id))
        self._in_flight[integration_id] += 1
        try:
            yield
        finally:
            self._in_flight[integration_id] -= 1
            if not self._in_flight[integration_id]:
                del self._in_flight[integration_id]
                self._last_turn.pop(integration_id, None)

    def _turn(self, integration_id: str) -> timedelta:
        now = time.monotonic()
        after_the_last = self._last_turn.get(integration_id, 0.0) + SPACING.total_seconds()
        turn = self._last_turn[integration_id] = max(after_the_last, now + MIN_DELAY.total_seconds())
        return timedelta(seconds=turn - now)
