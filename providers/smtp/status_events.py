"""Reports of mail systems: delivery (RFC 3464), and readers' complaints (RFC 5965)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from domain.destinations import DestinationKind, InvalidDestinationError, normalise
from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.smtp.authors import DELIVERY_STATUS, FEEDBACK_REPORT, Writer
from providers.smtp.bounces import Bounce, read_bounces, reason_of, report_text
from providers.smtp.error_texts import failure_class
from providers.smtp.mime import Entity, decode_words

ACTIONS: Final[Mapping[str, Milestone]] = {
    "failed": Milestone.FAILED,
    "delayed": Milestone.SENT,  # not given up
    "delivered": Milestone.DELIVERED,
    "relayed": Milestone.SENT,  # to a system that reports nothing
    "expanded": Milestone.SENT,  # to the members of a list, which sends no further reports
}
"""Milestone of each `Action` (RFC 3464 §2.3.3)."""

SPELLINGS: Final[Mapping[str, str]] = {
    "fail": "failed",
    "failure": "failed",
    "error": "failed",  # OpenSMTPD
    "undeliverable": "failed",
    "deliverable": "delivered",  # Postfix asked to verify (`sendmail -bv`)
    "expired": "failed",
    "delay": "delayed",
    "deferred": "delayed",
}
"""Actions in the spellings of some servers."""

ACTIONS_OF_STATUSES: Final[Mapping[str, str]] = {"5": "failed", "4": "delayed", "2": "delivered"}
"""Action of a recipient whose report has none, by the class of its status (RFC 3463 §2)."""

EXPIRED: Final = "expired"
"""Our provider status for a failure whose status is X.4.7, «delivery time expired» (RFC 3463 §3.5)."""
COMPLAINT: Final = "complaint"
"""Our provider status for a reader's complaint."""

MAX_RECIPIENTS: Final = 200
"""Recipients that are read of one report; one interaction has fewer."""

_MAX_ACTION_LENGTH: Final = 40
_MAX_ADDRESS_LENGTH: Final = 200
"""Characters of an address in a key."""
_STATUS: Final = re.compile(r"\s*(?P<code>[245]\.\d{1,3}\.\d{1,3})(?![\w.])", re.ASCII)
_REFUSED: Final = re.compile(r"^\s*(?:[\w-]+\s*;\s*)?5\d\d[ -]", re.ASCII)
"""Permanent reply (RFC 5321 §4.2.1) as a diagnosis."""
_COMMENT: Final = re.compile(r"\([^()]*\)")
_RECIPIENTS: Final = ("original-recipient", "final-recipient", "x-actual-recipient")


@dataclass(frozen=True)
class Report:
    """Automatic mail about one of our messages.

    Attributes:
        mail_id: the same whenever the same mail is repeated.
        writer: the kind of its author.
        reference: of our message.
        provider_message_id: of our message.
    """

    mail_id: str
    mail: Entity
    writer: Writer
    reference: str
    provider_message_id: str
    occurred_at: datetime | None

    def events(self) -> Sequence[ProviderEvent]:
        """Return the events of the report."""
        return (
            list(self._events_of_parts())
            or list(self._events_within_texts())
            or [self._bounce(bounce) for bounce in self._bounces()]
            or [self._event("", self.writer, detail=self.mail.header("subject"))]
        )

    def _events_of_parts(self) -> Iterator[ProviderEvent]:
        """Yield the events of the machine-readable parts, wherever they are in the mail."""
        for part in self.mail.leaves() if self.writer is Writer.MAIL_SYSTEM else ():
            if part.media_type in DELIVERY_STATUS:
                for block in part.blocks(MAX_RECIPIENTS):
                    action = _action(block)
                    if action is not None:
                        yield self._delivery(block, action)
            elif part.media_type == FEEDBACK_REPORT:
                for block in part.blocks(1):
                    yield self._complaint(block)

    def _events_within_texts(self) -> Iterator[ProviderEvent]:
        """Yield the events of machine-readable text in a part that is not declared so, or whose boundary is damaged."""
        for leaf in self.mail.leaves() if self.writer is Writer.MAIL_SYSTEM else ():
            if leaf.media_type == "text/plain" or leaf.media_type.startswith("multipart/"):
                for block in leaf.blocks_within(MAX_RECIPIENTS):
                    action = _action(block)
                    if action is not None and any(block.get(name) for name in _RECIPIENTS):
                        yield self._delivery(block, action)

    def _bounces(self) -> Sequence[Bounce]:
        """Return the bounces in the text for people; none in an automatic response."""
        return read_bounces(self.mail, MAX_RECIPIENTS) if self.writer is Writer.MAIL_SYSTEM else ()

    def _bounce(self, bounce: Bounce) -> ProviderEvent:
        action = "failed" if bounce.is_permanent else "delayed"
        return self._event(
            f":{action}:{bounce.address[:_MAX_ADDRESS_LENGTH]}",
            action,
            milestone=ACTIONS[action],
            destination=_destination(bounce.address),
            failure=failure_class("", bounce.reason) if bounce.is_permanent else None,
            detail=bounce.reason.partition("\n")[0],
        )

    def _delivery(self, block: Mapping[str, str], action: str) -> ProviderEvent:
        """Return the event of one recipient in a delivery report.

        It names the recipient as we did, if the report does so: the mail may have been forwarded.
        """
        recipient = next(filter(None, (block.get(name) for name in _RECIPIENTS)), "")
        status = _status(block)
        diagnostic = decode_words(block.get("diagnostic-code", ""))
        milestone = ACTIONS.get(action, Milestone.NONE)
        is_failure = milestone is Milestone.FAILED
        return self._event(
            f":{action[:_MAX_ACTION_LENGTH]}:{_address(recipient)[:_MAX_ADDRESS_LENGTH]}",
            EXPIRED if is_failure and status.endswith(".4.7") else action,
            milestone=milestone,
            destination=_destination(recipient),
            code=status or None,
            failure=self._class_of(status, diagnostic, _address(recipient)) if is_failure else None,
            detail=diagnostic,
        )

    @cached_property
    def _text(self) -> str:
        return report_text(self.mail)

    def _class_of(self, status: str, diagnostic: str, address: str) -> FailureClass:
        """Classify by the status and the diagnosis; if they say nothing, by the report's text about the address."""
        failure = failure_class(status, diagnostic)
        if failure is not FailureClass.OTHER:
            return failure
        return failure_class(status, reason_of(self._text, address))

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
        provider_status: str,
        *,
        milestone: Milestone = Milestone.NONE,
        destination: str | None = None,
        code: str | None = None,
        failure: FailureClass | None = None,
        detail: str = "",
    ) -> ProviderEvent:
        return ProviderEvent(
            key=self.mail_id + key,
            provider_status=provider_status,
            milestone=milestone,
            reference=self.reference,
            provider_message_id=self.provider_message_id,
            destination=destination,
            occurred_at=self.occurred_at,
            code=code,
            failure=failure,
            detail=detail,
        )


def _action(block: Mapping[str, str]) -> str | None:
    """Return a recipient's action, in the standard's word if it is one; None for a block without one.

    It comes from `Action`, perhaps with a comment (RFC 822 §3.4.3); else from the class of `Status`.
    """
    if "action" in block:
        said = " ".join(_COMMENT.sub(" ", decode_words(block["action"])).lower().split()) or "unknown"
        first = said.partition(" ")[0].strip(";,.")
        return SPELLINGS.get(first, first if first in ACTIONS else said)
    status = _status(block)
    if not status or not any(block.get(name) for name in _RECIPIENTS):
        return None
    if status.endswith(".4.7") or _REFUSED.search(block.get("diagnostic-code", "")):
        return "failed"
    return ACTIONS_OF_STATUSES[status[0]]


def _status(block: Mapping[str, str]) -> str:
    found = _STATUS.match(block.get("status", ""))
    return found["code"] if found else ""


def _address(recipient: str) -> str:
    """Return the address in `rfc822; ana@example.com` (RFC 3464 §2.1.2), or in an address alone."""
    return decode_words(recipient).rpartition(";")[2].strip(" <>")


def _destination(recipient: str) -> str | None:
    try:
        return normalise(DestinationKind.EMAIL, _address(recipient))
    except InvalidDestinationError:
        return None
