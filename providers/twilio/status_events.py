"""Status callbacks of outbound messages.

https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AliasChoices, Field

from domain.destinations import InvalidDestinationError
from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.twilio.addresses import destination_of
from providers.twilio.error_codes import FAILURES
from providers.twilio.messages import reference_of
from providers.twilio.webhook_form import Form, Present, read_as

STATUS_MAP: Final[Mapping[str, Milestone]] = {
    "accepted": Milestone.ACCEPTED,
    "scheduled": Milestone.ACCEPTED,
    "queued": Milestone.ACCEPTED,
    "sending": Milestone.ACCEPTED,
    "sent": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "failed": Milestone.FAILED,
    "undelivered": Milestone.FAILED,
    "canceled": Milestone.FAILED,
}
"""Milestone of each `MessageStatus`
(https://www.twilio.com/docs/messaging/api/message-resource#message-status-values).

`partially_delivered` is documented nowhere: it is recorded, and proves nothing.
"""


class StatusCallback(Form):
    """Parameters that are read; `SmsStatus` is the older name of `MessageStatus`."""

    message_sid: Present
    message_status: Annotated[Present, Field(validation_alias=AliasChoices("MessageStatus", "SmsStatus"))]
    to: str = ""
    error_code: str | None = None
    error_message: str = ""
    channel_status_message: str = ""


def read_receipt(parameters: Mapping[str, str], url: str) -> ProviderEvent:
    """Parse a status callback to `url`.

    Raises:
        UnreadableError: if it does not contain the status of a message.
    """
    callback = read_as(StatusCallback, parameters)
    provider_status = callback.message_status.lower()
    milestone = STATUS_MAP.get(provider_status, Milestone.NONE)
    failure = FAILURES.get(callback.error_code or "", FailureClass.OTHER)
    return ProviderEvent(
        key=f"{callback.message_sid}:{provider_status}",
        provider_status=provider_status,
        milestone=milestone,
        reference=reference_of(url),
        provider_message_id=callback.message_sid,
        destination=_destination(callback.to),
        code=callback.error_code,
        failure=failure if milestone is Milestone.FAILED else None,
        detail=callback.error_message or callback.channel_status_message,
    )


def _destination(address: str) -> str | None:
    try:
        return destination_of(address)[1]
    except InvalidDestinationError:
        return None
