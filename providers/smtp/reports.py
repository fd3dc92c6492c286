"""What mail systems report of a message: its delivery (RFC 3464), and that its reader complained (RFC 5965)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.destinations import DestinationKind, InvalidDestinationError, normalise
from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.smtp.mime import Entity, decode_words
from providers.smtp.replies import class_of_enhanced_code

ACTIONS: Final[Mapping[str, Milestone]] = {
    "failed": Milestone.FAILED,
    "delayed": Milestone.SENT,  # not given up
    "delivered": Milestone.DELIVERED,
    "relayed": Milestone.SENT,  # to a system that reports nothing
    "expanded": Milestone.SENT,  # to the members of a list, of whom nothing more is heard
}
"""What each `Action` means (RFC 3464 §2.3.3)."""

EXPIRED: Final = "expired"
"""Our word for a failure whose status is X.4.7, «delivery time expired» (RFC 3463 §3.5)."""
COMPLAINT: Final = "complaint"
"""Our word for a reader's complaint."""
UNCLASSIFIED: Final = "unclassified-bounce"
"""Our word for what a machine wrote, and no machine can read."""

DELIVERY_STATUS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
FEEDBACK_REPORT: Final = "message/feedback-report"

MOST_RECIPIENTS: Final = 200
"""Recipients that are read of one report; one interaction has fewer."""

_LONGEST_ACTION: Final = 40
_LONGEST_ADDRESS: Final = 200
"""Characters of them in a key."""
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)", re.ASCII)
_SMTP_REPLY: Final = re.compile(r"\s*smtp\s*;\s*(?:\d{3}[ -]\s*)?(?P<text>.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """A mail that a mail system wrote about one of our messages.

    Attributes:
        mail_id: the same whenever the same mail comes again.
        reference: of our message.
        provider_message_id: of our message.
    """

    mail_id: str
    mail: Entity
    reference: str
    provider_message_id: str
    occurred_at: datetime | None

    def events(self) -> Sequence[ProviderEvent]:
        """What it tells."""
        return self._told() or [self._event("", UNCLASSIFIED, detail=self.mail.header("subject"))]

    def _told(self) -> Sequence[ProviderEvent]:
        """What it tells to machines."""
        for part in self.mail.parts if self.mail.media_type == "multipart/report" else ():
            if part.media_type in DELIVERY_STATUS:
                return [self._delivery(block) for block in part.blocks(MOST_RECIPIENTS) if "action" in block]
            if part.media_type == FEEDBACK_REPORT:
                return [self._complaint(block) for block in part.blocks(1)]
        return ()

    def _delivery(self, block: Mapping[str, str]) -> ProviderEvent:
        """One recipient's part of a report on delivery.

        About the recipient as we named it, where the report says so: its mail may have been forwarded.
        """
        recipient = block.get("original-recipient") or block.get("final-recipient", "")
        found = _STATUS.match(block.get("status", ""))
        status = found[0] if found else ""
        diagnostic = decode_words(block.get("diagnostic-code", ""))
        action = decode_words(block["action"]).lower() or "unknown"
        milestone = ACTIONS.get(action, Milestone.NONE)
        is_failure = milestone is Milestone.FAILED
        return self._event(
            f":{action[:_LONGEST_ACTION]}:{_address(recipient)[:_LONGEST_ADDRESS]}",
            EXPIRED if is_failure and status.endswith(".4.7") else action,
            milestone=milestone,
            destination=_destination(recipient),
            code=status or None,
            failure=_failure(status, diagnostic) if is_failure else None,
            detail=diagnostic,
        )

    def _complaint(self, fields: Mapping[str, str]) -> ProviderEvent:
        return self._event(
            f":{COMPLAINT}",
            COMPLAINT,
            destination=_destination(fields.get("original-rcpt-to", "")),
            detail=decode_words(fields.get("feedback-type", "")),
        )

    def _event(  # noqa: PLR0913 - the fields of an event that differ between the kinds of report
        self,
        key: str,
        word: str,
        *,
        milestone: Milestone = Milestone.NONE,
        destination: str | None = None,
        code: str | None = None,
        failure: FailureClass | None = None,
        detail: str = "",
    ) -> ProviderEvent:
        return ProviderEvent(
            key=self.mail_id + key,
            word=word,
            milestone=milestone,
            reference=self.reference,
            provider_message_id=self.provider_message_id,
            destination=destination,
            occurred_at=self.occurred_at,
            code=code,
            failure=failure,
            detail=detail,
        )


def _failure(status: str, diagnostic: str) -> FailureClass:
    """What a failure is about: by its status, else by the reply of the server that refused."""
    reply = _SMTP_REPLY.fullmatch(diagnostic)
    by_reply = class_of_enhanced_code(reply["text"]) if reply else None
    return class_of_enhanced_code(status) or by_reply or FailureClass.OTHER


def _address(recipient: str) -> str:
    """The address in `rfc822; ana@example.com` (RFC 3464 §2.1.2), or in an address alone."""
    return decode_words(recipient).rpartition(";")[2].strip(" <>")


def _destination(recipient: str) -> str | None:
    try:
        return normalise(DestinationKind.EMAIL, _address(recipient))
    except InvalidDestinationError:
        return None
