"""Public holidays of countries and their subdivisions, by the `holidays` package.

Its data change with each release, so workflows must not read them.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final

_NAME: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?", re.ASCII)


def is_known_calendar(name: str) -> bool:
    """Whether a calendar exists, such as `ES` or `ES-MD`."""
    if not _NAME.fullmatch(name):
        return False
    try:
        is_holiday(name, date(2026, 1, 1))
    except NotImplementedError:
        return False
    return True


def is_holiday(calendar: str, day: date) -> bool:
    """Whether a day is a holiday in a calendar.

    Raises:
        NotImplementedError: if the calendar does not exist.
    """
    return day in _holidays(calendar, day.year)


@lru_cache(maxsize=1024)
def _holidays(calendar: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # noqa: PLC0415 - slow to import, and most processes never need it

    country, _, subdivision = calendar.partition("-")
    return frozenset(country_holidays(country, subdiv=subdivision or None, years=year))
