"""Concurrency limits of the API. Excess requests are refused early, before they cost anything, to be retried.

Each tenant has a share of every limit, so that no tenant can exhaust it (`docs/decisions/0037`).
"""

import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from pymongo.errors import PyMongoError
from temporalio.service import RPCError
from typing_extensions import override

from domain.errors import OverloadedError, UnavailableError

TENANT_SHARE: Final = 8
"""A tenant may use at most this multiple of the free part: alone 8/9 of a limit, beside another one less than half."""

INTEGRATION_SHARE: Final = 3
"""The same for one integration of a tenant: alone 3/4 of a limit."""

MIN_ADAPTIVE_LIMIT: Final = 10
"""Lower bound of an adaptive limit, so that a recovery is noticed."""

_DECREASE: Final = 0.75
_DECREASE_INTERVAL: Final = 1.0
"""Minimum seconds between two decreases: requests that fail together fail for one reason."""


class Slot:
    """Part of a limit in use by a tenant, optionally by one of its integrations."""

    def __init__(self, limiter: "ConcurrencyLimiter", tenant: str, integration_id: str) -> None:
        """Create an empty slot."""
        self._limiter, self._keys, self._amount = limiter, (tenant, integration_id), 0

    def grow(self, amount: int) -> None:
        """Acquire more of the limit.

        Raises:
            OverloadedError: if that exceeds the limit or a share of it.
        """
        self._limiter.add(*self._keys, amount)
        self._amount += amount

    def release(self) -> None:
        """Release the whole slot."""
        self._limiter.remove(*self._keys, self._amount)
        self._amount = 0


class ConcurrencyLimiter:
    """Limits concurrent use, with a share for each tenant and integration.

    Shares are dynamic queue thresholds: what a key may use is in proportion to what is free (Choudhury and Hahne,
    https://doi.org/10.1109/90.664262). A key that uses nothing may acquire the last of it.
    """

    def __init__(self, limit: int) -> None:
        """Limit the use to `limit`, in the unit of the caller."""
        self._limit: float = limit
        self._used: Counter[tuple[str, str]] = Counter()
        self._total = 0

    @contextmanager
    def acquire(self, tenant: str, integration_id: str = "", amount: int = 1) -> Generator[Slot]:
        """Use so much of the limit until the end of the block.

        Raises:
            OverloadedError: if that exceeds the limit or a share of it.
        """
        slot = Slot(self, tenant, integration_id)
        slot.grow(amount)
        try:
            yield slot
        finally:
            slot.release()

    def add(self, tenant: str, integration_id: str, amount: int) -> None:
        """Add to the amount in use.

        Raises:
            OverloadedError: if that exceeds the limit or a share of it.
        """
        free = self._limit - self._total - amount
        shares = {(tenant, ""): TENANT_SHARE}
        if integration_id:
            shares[tenant, integration_id] = INTEGRATION_SHARE
        for key, share in shares.items():
            used = self._used[key]
            if free < 0 or (used and used + amount > share * free):
                raise OverloadedError
        self._total += amount
        for key in shares:
            self._used[key] += amount

    def remove(self, tenant: str, integration_id: str, amount: int) -> None:
        """Subtract from the amount in use."""
        self._total -= amount
        for key in {(tenant, ""), (tenant, integration_id)}:
            self._used[key] -= amount
            if not self._used[key]:
                del self._used[key]


class AdaptiveLimiter(ConcurrencyLimiter):
    """Limiter whose limit decreases while MongoDB or Temporal time out, and recovers with each success.

    Without it, too many concurrent requests would all time out and be retried (`docs/decisions/0024`).
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start at `limit`, which is the maximum."""
        super().__init__(limit)
        self._max_limit, self._min_limit = limit, min(limit, MIN_ADAPTIVE_LIMIT)
        self._clock, self._decreased_at = clock, clock() - _DECREASE_INTERVAL

    @override
    @contextmanager
    def acquire(self, tenant: str, integration_id: str = "", amount: int = 1) -> Generator[Slot]:
        """Use so much of the limit until the end of the block."""
        with super().acquire(tenant, integration_id, amount) as slot:
            try:
                yield slot
            except (UnavailableError, RPCError, PyMongoError):
                self._decrease()
                raise
            self._limit = min(self._max_limit, self._limit + 1)

    def _decrease(self) -> None:
        now = self._clock()
        if now - self._decreased_at >= _DECREASE_INTERVAL:
            self._decreased_at = now
            self._limit = max(self._min_limit, self._limit * _DECREASE)
