"""Pause of an e-mail address that returns messages again and again, although it may work."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

SOFT_BOUNCES: Final = 3
"""Soft bounces within `PERIOD` that pause an address."""

PERIOD: Final = timedelta(days=14)
"""Time that soft bounces count, and that a pause lasts: after a pause, all before it are forgotten."""


def paused_until(bounces: Collection[datetime]) -> datetime | None:
    """Return until when an address is paused after its soft bounces; None if it is not.

    A message between them that was not returned does not reset the count: few mail servers report a delivery, so that
    silence proves none.
    """
    pauses = [one + PERIOD for one in bounces if _number_within(bounces, one) >= SOFT_BOUNCES]
    return max(pauses, default=None)


def _number_within(bounces: Collection[datetime], last: datetime) -> int:
    return sum(last - PERIOD < one <= last for one in bounces)
