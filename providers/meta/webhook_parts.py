"""Common parts of the webhooks of both channels.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started#event-notifications
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, JsonValue

from domain.destinations import DestinationKind, InvalidDestinationError, reported_as
from providers.base import UnreadableError
from providers.lenient import Part

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM: Final = 10**11
"""Unix times from this value on are milliseconds: as seconds they would be after the year 5138."""


def to_instant(time: object) -> datetime | None:
    """Convert a Unix time in seconds or milliseconds, as a number or a text; None for anything else."""
    if not isinstance(time, int | str):
        return None
    try:
        number = int(time)
        return _EPOCH + timedelta(milliseconds=number if abs(number) >= _MILLISECONDS_FROM else number * 1000)
    except (ValueError, OverflowError):
        return None


Instant = Annotated[datetime | None, BeforeValidator(to_instant)]
"""Time of an event; None if it is unreadable, because the event matters more."""
Watermark = Annotated[datetime, BeforeValidator(to_instant)]


class Envelope(Part):
    """Envelope of every webhook: the kind of object, and an entry for each object."""

    object: str
    entry: list[JsonValue]


def sender_id(kind: DestinationKind, text: str) -> str:
    """Normalise a sender to a destination.

    Raises:
        UnreadableError: if the text is empty.
    """
    try:
        return reported_as(kind, text).value
    except InvalidDestinationError as error:
        raise UnreadableError("a message has a sender") from error
