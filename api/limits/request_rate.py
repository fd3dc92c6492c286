"""Rate limit of API keys."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from cachetools import LRUCache

from domain.errors import TooManyRequestsError

MAX_KEYS: Final = 10_000
"""Keys whose rate is tracked; the least recently used are evicted."""

_ROUNDING: Final = 1e-9
"""Tolerance for floating-point rounding."""


class RequestRates:
    """Token bucket per key: each request takes one token, and `per_second` tokens are refilled each second.

    A bucket is stored as the instant at which it will be full (generic cell rate algorithm, ITU-T I.371 Annex A).
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Limit each key to `per_second` requests, with bursts of one second's worth; None for no limit."""
        self._interval = 1 / per_second if per_second else 0
        self._capacity = max(1, per_second or 0) * self._interval
        self._full_at: LRUCache[str, float] = LRUCache(MAX_KEYS)
        self._clock = clock

    def take(self, key: str) -> Mapping[str, str]:
        """Count a request and return its rate limit headers.

        https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/

        Raises:
            TooManyRequestsError: if the key exceeds its rate.
        """
        if not self._interval:
            return {}
        now = self._clock()
        full_at = max(self._full_at.get(key, now), now) + self._interval
        late = full_at - now - self._capacity
        if late > _ROUNDING:
            raise TooManyRequestsError(timedelta(seconds=math.ceil(late)))
        self._full_at[key] = full_at
        return self._headers(-late, full_at - now)

    def _headers(self, unused: float, until_full: float) -> Mapping[str, str]:
        """The headers, from the unused capacity in seconds and the seconds until the bucket is full."""
        quota, window = round(self._capacity / self._interval), math.ceil(self._capacity)
        remaining = math.floor(max(unused, 0) / self._interval + _ROUNDING)
        return {
            "RateLimit-Policy": f'"key";q={quota};w={window}',
            "RateLimit": f'"key";r={remaining};t={math.ceil(until_full)}',
        }
