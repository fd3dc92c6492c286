"""Confirmation of an opt-out: the one message that its recipient still gets."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from domain.channels import Channel
from domain.clock import to_wire
from domain.gate.category import Category
from domain.gate.consent import ConsentChange, ConsentSource, ConsentState
from domain.gate.keywords import OwnKeywords
from domain.gate.opt_out_confirmation import CONFIRMATION_OF, OptOutConfirmation
from domain.identifiers import derived_id
from domain.inbound import ReceivedMessage, keyword_of, texts_of
from domain.payloads.email import Email
from domain.payloads.texts import RcsText, SimpleText
from domain.submission import Submission


def confirmable(stated: Sequence[ConsentChange]) -> ConsentChange | None:
    """Return the opt-out of a message that may be confirmed to its sender: one by a keyword.

    A provider that reports an opt-out by itself has shown it to the recipient.
    """
    first = next(iter(stated), None)
    is_opt_out = first is not None and first.state is ConsentState.OUT and first.source is ConsentSource.KEYWORD
    return first if is_opt_out else None


class OptedOut(NamedTuple):
    """A recorded message that opted out.

    Attributes:
        inbound: the message.
        change: the opt-out.
        consent_id: the consent that it changed.
        user_id: the sender.
        process_id: its process.
    """

    inbound: ReceivedMessage
    change: ConsentChange
    consent_id: str
    user_id: str
    process_id: str

    @property
    def words(self) -> str:
        """Return what the message says."""
        return " ".join(texts_of(self.inbound.message.payload))

    def confirmation(self, setting: OptOutConfirmation, own: OwnKeywords, now: datetime) -> Submission:
        """Return the message that confirms it, whose id is derived from the change of the consent.

        Its category makes it go first and whatever the hour; it passes the opt-out. It creates no user: one that was
        erased meanwhile gets none. Its author is the user, as of an inbound message.

        Args:
            setting: the setting of the integration.
            own: the tenant's keywords.
            now: the time of the submission.
        """
        inbound = self.inbound
        payload, channel = inbound.message.payload, inbound.integration.channel
        text = setting.text(self.change.coverage.category, keyword_of(payload, own).language)
        interaction_id = derived_id("opt_out_confirmation", self.consent_id, to_wire(self.change.at))
        return Submission(
            interaction_id=interaction_id,
            fingerprint="",
            tenant=inbound.tenant,
            author_id=self.user_id,
            submitted_at=now,
            integration=inbound.integration,
            payload=_payload(channel, text, payload.get("Subject")),
            destinations=[inbound.message.sender],
            process_id=self.process_id,
            new_process_id=derived_id("process", interaction_id),
            auto_create_user=False,
            auto_create_process=False,
            metadata={CONFIRMATION_OF: inbound.interaction_id},
            category=Category.AUTHENTICATION,
            is_forced=True,
        )


def _payload(channel: Channel, text: str, subject: JsonValue) -> dict[str, JsonValue]:
    match channel:
        case Channel.EMAIL:
            return {"Type": Email.wire_type, "Subject": f"Re: {subject or ''}", "Body": text}
        case Channel.RCS:
            return {"Type": RcsText.wire_type, "Text": text}
        case Channel.SMS | Channel.WHATSAPP | Channel.MESSENGER:
            return {"Type": SimpleText.wire_type, "Text": text}
