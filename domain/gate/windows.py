"""Opening hours: whether windows are open at an instant, and when they open next.

A window follows the local clock: it is open while the clock of its zone shows a time within it. So it opens at the
first instant after a skipped time, and may open twice on the day on which the clock is set back.
The data of time zones and holidays change with their releases, so workflows must not compute openings.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.gate.holiday_calendars import is_holiday
from domain.gate.schedule import DAYS, RECIPIENT, Window
from domain.local_time import ClockSpan, clock_spans, offset_at, zone_named

HORIZON: Final = timedelta(days=60)
"""Time in which every window opens that opens at all; a weekday may be a holiday for several weeks in a row."""

_DAY: Final = timedelta(days=1)


class Hours(NamedTuple):
    """Hours in which at least one of several windows is open.

    Attributes:
        zone: the zone of the windows that are in the recipient's.
    """

    windows: Sequence[Window]
    zone: str

    def are_open(self, at: datetime) -> bool:
        """Whether one of the windows is open at an instant."""
        return any(is_open(window, self.zone, at) for window in self.windows)

    def next_opening(self, at: datetime) -> datetime | None:
        """Return the first instant from `at` at which one of the windows is open; None if none opens."""
        openings = (next_opening(window, self.zone, at) for window in self.windows)
        return min((opening for opening in openings if opening is not None), default=None)


def is_open(window: Window, zone: str, at: datetime) -> bool:
    """Whether a window is open at an instant; `zone` is the zone of the recipient."""
    clock = zone_named(_zone_of(window, zone))
    return _shows(window, at.astimezone(clock).replace(tzinfo=None))


def next_opening(window: Window, zone: str, at: datetime) -> datetime | None:
    """Return the first instant from `at` at which a window is open; None if it does not open within `HORIZON`.

    `zone` is the zone of the recipient.
    """
    for span in clock_spans(zone_named(_zone_of(window, zone)), at, at + HORIZON):
        for instant in _possible_openings(window, span):
            if _shows(window, span.wall(instant)):
                return instant
    return None


def next_common_opening(hours: Sequence[Hours], at: datetime) -> datetime | None:
    """Return the first instant from `at` at which all of these hours are open; None if there is none within `HORIZON`.

    Without any hours that is `at` itself.
    """
    instant = at
    while instant < at + HORIZON:
        openings = [each.next_opening(instant) for each in hours]
        latest = max((opening for opening in openings if opening is not None), default=instant)
        if None in openings or latest == instant:
            return None if None in openings else instant
        instant = latest
    return None


def shared_time(windows: Sequence[Window], zones: Sequence[str], at: datetime) -> timedelta:
    """Return for how long a day the longest of the windows is open in all zones, with the offsets of `at`."""
    offsets = [offset_at(zone_named(zone), at) for zone in zones]
    longest = timedelta(minutes=max(window.length_minutes for window in windows))
    return longest - (max(offsets) - min(offsets))


def _zone_of(window: Window, recipient: str) -> str:
    return recipient if window.time_zone == RECIPIENT else window.time_zone


def _possible_openings(window: Window, span: ClockSpan) -> Iterator[datetime]:
    """Yield in their order the instants of a span at which a window may open: its start, and when the clock says so."""
    yield span.start
    opens, _ = window.minutes
    midnight = span.wall(span.start).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight, midnight + _DAY):
        instant = span.instant(day + timedelta(minutes=opens))
        if span.start < instant < span.end:
            yield instant


def _shows(window: Window, wall: datetime) -> bool:
    """Whether a window is open while the clock shows a local time."""
    opens, closes = window.minutes
    minute = wall.hour * 60 + wall.minute
    if opens < closes:
        return opens <= minute < closes and _opens_on(window, wall)
    if minute >= opens:
        return _opens_on(window, wall)
    return minute < closes and _opens_on(window, wall - _DAY) and not _is_holiday(window, wall)


def _opens_on(window: Window, day: datetime) -> bool:
    return DAYS[day.weekday()] in window.days and not _is_holiday(window, day)


def _is_holiday(window: Window, day: datetime) -> bool:
    return any(is_holiday(calendar, day.date()) for calendar in window.holidays)
