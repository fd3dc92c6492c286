"""Local clocks of the IANA time zones, and the instants at which they change.

The data of the zones change with each release of tzdata, so workflows must not read them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """Return a zone of the IANA time zone database; unlike `ZoneInfo`, it keeps more than eight.

    Raises:
        ValueError, KeyError, OSError: if there is no such zone.
    """
    return ZoneInfo(name)


def is_zone(name: str) -> bool:
    """Whether the IANA time zone database has a zone with this name."""
    try:
        zone_named(name)
    except (ValueError, KeyError, OSError):
        return False
    return True


def offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Return how far the clock of a zone is ahead of UTC."""
    return instant.astimezone(zone).utcoffset() or timedelta()


class ClockSpan(NamedTuple):
    """Span of time in which a clock runs without a change.

    Attributes:
        start, end: instants in UTC; `end` does not belong to the span.
        offset: how far the clock is ahead of UTC.
    """

    start: datetime
    end: datetime
    offset: timedelta

    def wall(self, instant: datetime) -> datetime:
        """Return the local time of an instant of this span, without a zone."""
        return instant.replace(tzinfo=None) + self.offset

    def instant(self, wall: datetime) -> datetime:
        """Return the instant at which the clock would show a local time if it never changed."""
        return (wall - self.offset).replace(tzinfo=UTC)


def clock_spans(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[ClockSpan]:
    """Split the time between two instants at the clock changes, in spans of at most a day."""
    begin, offset = start.astimezone(UTC), offset_at(zone, start)
    while begin < end:
        until = min(begin + _DAY, end.astimezone(UTC))
        next_offset = offset_at(zone, until)
        if next_offset != offset:
            until = min(until, _change(zone, begin, until))
            next_offset = offset_at(zone, until)
        yield ClockSpan(begin, until, offset)
        begin, offset = until, next_offset


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the instant of the clock change between two instants with different offsets; it is a whole second."""
    low, high = floor(before.timestamp()), ceil(after.timestamp())
    offset = offset_at(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, datetime.fromtimestamp(middle, UTC)) == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time.

    A local time that occurs twice is its first occurrence. One that a clock change skips is the first instant after it.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # Read with the offset after the change, a skipped time lies before the change; with the one before, after it.
    return _change(zone, local.replace(tzinfo=zone, fold=1).astimezone(UTC), first)
