"""Instants: always UTC, in whole milliseconds, which is what MongoDB keeps and the wire shows."""

from datetime import UTC, datetime


def to_milliseconds(instant: datetime) -> datetime:
    """The same instant cut to whole milliseconds, so that what is answered equals what is stored."""
    return instant.astimezone(UTC).replace(microsecond=instant.microsecond // 1000 * 1000)


def utc_now() -> datetime:
    """This instant, for code outside workflows (inside one, time is `workflow.now`)."""
    return to_milliseconds(datetime.now(UTC))


def to_wire(instant: datetime) -> str:
    """An instant as the specification writes it: `2025-06-25T09:48:21.246Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
