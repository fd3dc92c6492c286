"""Bulkhead: limits the concurrent sends of each integration of a provider."""

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

MIN_DELAY: Final = timedelta(seconds=1)
"""Minimum wait before a send that was over the limit is retried."""

SPACING: Final = timedelta(milliseconds=50)
"""Time between the retries of one integration's sends that were over the limit, so that their rate is constant
however many they are."""


class LimitExceededError(Exception):
    """An integration has its maximum number of sends in flight.

    Attributes:
        wait: time to wait before the next try.
    """

    def __init__(self, wait: timedelta) -> None:
        super().__init__("the integration has as many sends in flight as it may")
        self.wait = wait


class KeyedLimiter:
    """Concurrency limit for each key, so that a slow integration does not use the slots of the others."""

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent
        self._in_flight: Counter[str] = Counter()
        self._last_retry: dict[str, float] = {}

    @contextmanager
    def slot(self, integration_id: str) -> Generator[None]:
        """Hold a slot of the integration until the end of the block.

        Raises:
            LimitExceededError: if it has none left.
        """
        if self._in_flight[integration_id] >= self._max_concurrent:
            raise LimitExceededError(self._wait(integration_id))
        self._in_flight[integration_id] += 1
        try:
            yield
        finally:
            self._in_flight[integration_id] -= 1
            if not self._in_flight[integration_id]:
                del self._in_flight[integration_id]
                self._last_retry.pop(integration_id, None)

    def _wait(self, integration_id: str) -> timedelta:
        now = time.monotonic()
        after_the_last = self._last_retry.get(integration_id, 0.0) + SPACING.total_seconds()
        retry = self._last_retry[integration_id] = max(after_the_last, now + MIN_DELAY.total_seconds())
        return timedelta(seconds=retry - now)
