"""Durations in the form of ISO 8601."""

import re
from datetime import timedelta
from typing import Final

_DURATION: Final = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,10})S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta | None:
    """Parse a duration of whole weeks, days, hours, minutes and seconds, such as `P1DT12H`; None if it is not one.

    Years and months are not accepted, because they have no fixed length.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    return timedelta(**{unit: int(number) for unit, number in found.groupdict(default="0").items()})
