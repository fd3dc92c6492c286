"""Statuses of outbound messages (https://developer.vonage.com/en/api/messages#message-status)."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from domain.destinations import InvalidDestinationError, reported
from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.lenient import Optional, ShortText, Text, read
from providers.vonage.error_codes import FAILURES, UNCERTAIN
from providers.vonage.responses import Problem
from providers.vonage.webhook_parts import CHANNELS, Report

STATUS_MAP: Final[Mapping[str, Milestone]] = {
    "submitted": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "rejected": Milestone.FAILED,
    "undeliverable": Milestone.FAILED,
}
"""Milestone of each `status` (https://developer.vonage.com/en/messages/concepts/messages-api-status-callbacks)."""


class _Status(Report):
    status: ShortText
    channel: Text = ""
    to: Text = ""
    client_ref: Text = ""
    error: Optional[Problem] = None


def read_status(content: JsonValue) -> ProviderEvent:
    """Parse a status.

    Raises:
        UnreadableError: if it does not have the documented form.
    """
    received = read(_Status, content)
    provider_status = received.status.lower()
    code = received.error.code if received.error else None
    milestone = Milestone.NONE if code in UNCERTAIN else STATUS_MAP.get(provider_status, Milestone.NONE)
    return ProviderEvent(
        key=f"{received.message_uuid}:{provider_status}",
        provider_status=provider_status,
        milestone=milestone,
        reference=received.client_ref or None,
        provider_message_id=received.message_uuid,
        destination=_destination(received),
        occurred_at=received.timestamp,
        code=code,
        failure=FAILURES.get(code or "", FailureClass.OTHER) if milestone is Milestone.FAILED else None,
        detail=received.error.text if received.error else "",
    )


def _destination(received: _Status) -> str | None:
    channel = CHANNELS.get(received.channel)
    if channel is None or not received.to:
        return None
    try:
        return reported(channel, received.to).value
    except InvalidDestinationError:
        return None
