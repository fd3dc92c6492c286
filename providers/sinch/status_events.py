"""Delivery reports (https://developers.sinch.com/docs/conversation/callbacks/, «MESSAGE_DELIVERY»)."""

from datetime import datetime
from typing import Final

from domain.destinations import InvalidDestinationError
from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.lenient import Id, Optional, Part, ShortText, Text
from providers.sinch.error_codes import FAILURES, STATUS_MAP
from providers.sinch.webhook_parts import ChannelIdentity

NO_SUB_CODE: Final = "UNSPECIFIED_SUB_CODE"


class _Reason(Part):
    code: Text = ""
    description: Text = ""
    sub_code: Text = ""
    channel_code: Text = ""

    def detail(self) -> str:
        """Return the description, and the finer codes in brackets."""
        finer = ", ".join(code for code in (self.sub_code, self.channel_code) if code and code != NO_SUB_CODE)
        return " ".join(filter(None, (self.description, finer and f"[{finer}]")))


class DeliveryReport(Part):
    """Report on a message that was sent."""

    message_id: Id
    status: ShortText
    channel_identity: Optional[ChannelIdentity] = None
    reason: Optional[_Reason] = None
    metadata: Text = ""

    def event(self, reference: str, occurred_at: datetime | None) -> ProviderEvent:
        """Return the report as an event.

        Args:
            reference: our reference in the envelope, else that in the report's metadata is used.
            occurred_at: the time of the envelope.
        """
        provider_status = self.status.lower()
        milestone = STATUS_MAP.get(provider_status, Milestone.NONE)
        reason = self.reason or _Reason()
        failure = FAILURES.get(reason.code, FailureClass.OTHER)
        return ProviderEvent(
            key=f"{self.message_id}:{provider_status}",
            provider_status=provider_status,
            milestone=milestone,
            reference=reference or self.metadata or None,
            provider_message_id=self.message_id,
            destination=_destination_of(self.channel_identity),
            occurred_at=occurred_at,
            code=reason.code or None,
            failure=failure if milestone is Milestone.FAILED else None,
            detail=reason.detail(),
        )


def _destination_of(identity: ChannelIdentity | None) -> str | None:
    """Return the destination of a report if it is one of ours; the id identifies the message anyway."""
    try:
        destination = identity and identity.destination()
    except InvalidDestinationError:
        return None
    return destination.value if destination else None
