"""Common fields of Vonage's statuses and inbound messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from domain.channels import Channel
from providers.lenient import Id, Part

CHANNELS: Final[Mapping[str, Channel]] = {
    "sms": Channel.SMS,
    "mms": Channel.SMS,
    "whatsapp": Channel.WHATSAPP,
    "messenger": Channel.MESSENGER,
    "rcs": Channel.RCS,
}
"""Our channels by the names in webhooks; a number for SMS receives MMS too."""


def _instant(value: object, handler: ValidatorFunctionWrapHandler) -> datetime | None:
    """Parse a time; an unreadable one is None, so that the event is not lost."""
    try:
        instant: datetime | None = handler(value)
        return instant and instant.astimezone(UTC)
    except (ValidationError, OverflowError):
        return None


class Report(Part):
    """A status or a message."""

    message_uuid: Annotated[Id, Field(max_length=200)]
    timestamp: Annotated[AwareDatetime | None, WrapValidator(_instant)] = None
