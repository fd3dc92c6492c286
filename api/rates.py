"""How many requests an API key may make."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from cachetools import LRUCache

from domain.errors import TooManyRequestsError

MAX_KEYS: Final = 10_000
"""Keys whose rate is known; the longest unused are forgotten."""

_ROUNDING: Final = 1e-9
"""What floating point leaves."""


class RequestRates:
    """A bucket of tokens for each key: one request takes one, and so many come back each second.

    Kept as the instant at which the bucket will be full, which is all that need be known of it (the generic cell rate
    algorithm, ITU-T I.371 Annex A).
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Let each key make so many requests per second, a second's worth of them at once; None: any number."""
        self._interval = 1 / per_second if per_second else 0
        self._capacity = max(1, per_second or 0) * self._interval
        self._full_at: LRUCache[str, float] = LRUCache(MAX_KEYS)
        self._clock = clock

    def take(self, key: str) -> Mapping[str, str]:
        """Count a request; the headers that say how many more there may be.

        https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/

        Raises:
            TooManyRequestsError: if there are too many.
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
        """The headers, with seconds of the capacity that are unused, and seconds until it is whole again."""
        quota, window = round(self._capacity / self._interval), math.ceil(self._capacity)
        remaining = math.floor(max(unused, 0) / self._interval + _ROUNDING)
        return {
            "RateLimit-Policy": f'"key";q={quota};w={window}',
            "RateLimit": f'"key";r={remaining};t={math.ceil(until_full)}',
        }
