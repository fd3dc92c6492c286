"""What the webhooks of both channels have in common.

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
"""Unix times from here on are milliseconds: as seconds they would be after the year 5138."""


def to_instant(time: object) -> datetime | None:
    """The instant of a Unix time in seconds or milliseconds, as a number or a text; None for anything else."""
    if not isinstance(time, int | str):
        return None
    try:
        number = int(time)
        return _EPOCH + timedelta(milliseconds=number if abs(number) >= _MILLISECONDS_FROM else number * 1000)
    except (ValueError, OverflowError):
        return None


Instant = Annotated[datetime | None, BeforeValidator(to_instant)]
"""When something happened; None where it cannot be read, since what happened matters more."""
Watermark = Annotated[datetime, BeforeValidator(to_instant)]


class Envelope(Part):
    """Every webhook: what kind of thing it is about, and an entry for each such thing."""

    object: str
    entry: list[JsonValue]


def sender_id(kind: DestinationKind, text: str) -> str:
    """A sender as a destination.

    Raises:
        UnreadableError: if the text is empty.
    """
    try:
        return reported_as(kind, text).value
    except InvalidDestinationError as error:
        raise UnreadableError("a message has a sender") from error
