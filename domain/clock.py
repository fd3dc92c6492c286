"""Instants, always in UTC and in whole milliseconds, the precision of MongoDB and of the API."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_milliseconds(instant: datetime) -> datetime:
    """Truncate an instant to whole milliseconds, so that the answered value equals the stored one."""
    return instant.astimezone(UTC).replace(microsecond=instant.microsecond // 1000 * 1000)


def utc_now() -> datetime:
    """Return the current instant, for code outside workflows (inside a workflow, time is `workflow.now`)."""
    return to_milliseconds(datetime.now(UTC))


def to_wire(instant: datetime) -> str:
    """Format an instant as the specification does: `2025-06-25T09:48:21.246Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def earlier(instant: datetime, duration: timedelta) -> datetime:
    """Return the instant that is `duration` before another; at the earliest 1970, since Iris has no older records."""
    try:
        return max(instant - duration, _EPOCH)
    except OverflowError:
        return _EPOCH
