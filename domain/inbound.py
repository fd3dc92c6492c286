"""Inbound message on its way to become an interaction."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue

from domain.channels import Channel
from domain.destinations import UNGROUPED, Destination
from domain.events import Identity, InboundMessage
from domain.gate.consent import ConsentCategory, ConsentChange, ConsentSource, ConsentState, Coverage, Evidence
from domain.gate.keywords import NO_KEYWORD, NO_OWN_KEYWORDS, Keyword, KeywordMatch, OwnKeywords, read_keyword
from domain.identifiers import derived_id
from domain.interaction import AuditTrail, Direction, HistoryEntry, IntegrationReference, Interaction
from domain.notes import Note
from domain.payloads.base import summary_text
from domain.status import Status

RECEIVED_NOTE: Final = Note(code="received")


def keyword_of(payload: dict[str, JsonValue], own: OwnKeywords = NO_OWN_KEYWORDS) -> KeywordMatch:
    """Return the keyword that a message is: its text, or the title of the button that was pressed."""
    read = [read_keyword(text, own) for text in texts_of(payload)]
    suspected = next((one for one in read if one.is_opt_out_suspected), NO_KEYWORD)
    return next((one for one in read if one.keyword), suspected)


def texts_of(payload: dict[str, JsonValue]) -> list[str]:
    """Return the texts of a message that may be a keyword."""
    texts = (payload.get(name) for name in ("Text", "Body", "Title"))
    return [text for text in texts if isinstance(text, str) and text]


CONSENT_OF_KEYWORD: Final[Mapping[Keyword | None, ConsentState]] = {
    Keyword.OPT_OUT: ConsentState.OUT,
    Keyword.OPT_IN: ConsentState.IN,
}


def names_nobody(name: str, destinations: Collection[str] = ()) -> bool:
    """Whether a name is only a number, or one of its owner's destinations."""
    return name in destinations or not any(character.isalpha() for character in name)


class InboundToClosed(StrEnum):
    """Effect of a message from a user whose last process is closed: open a new process, or reopen the last one."""

    REPLACE = "replace"
    REOPEN = "reopen"


class ReceivedMessage(BaseModel):
    """Inbound message, and the integration that received it.

    Attributes:
        interaction_id: derived from the provider's id, so that a repeated webhook leads to the same interaction.
        received_at: when the webhook arrived, by our clock.
    """

    model_config = ConfigDict(frozen=True)

    interaction_id: str
    tenant: str
    integration: IntegrationReference
    message: InboundMessage
    received_at: datetime

    @property
    def new_user_id(self) -> str:
        """Return the id of the user that is created if no user has the sender's destination."""
        return derived_id("user", self.interaction_id)

    @property
    def summary(self) -> str:
        """Return the summary of the message's content."""
        return _summary(self.message.payload)

    def received(self, user_id: str, process_id: str, own: OwnKeywords = NO_OWN_KEYWORDS) -> Interaction:
        """Return the interaction of the message; it has no author in the tenant, so its author is the user.

        Args:
            user_id: the sender.
            process_id: its process.
            own: the tenant's keywords.
        """
        message = self.message
        return Interaction(
            id=self.interaction_id,
            tenant=self.tenant,
            summary=self.summary,
            audit_trail=AuditTrail(
                created=self.received_at,
                updated=self.received_at,
                author_id=user_id,
                updater_id=user_id,
                history=[HistoryEntry(date=self.received_at, status=Status.RECEIVED, notes=RECEIVED_NOTE)],
            ),
            integration=self.integration,
            metadata=self._metadata(own),
            payload=message.payload,
            primary_key={},
            process_id=process_id,
            destinations=[
                Destination(
                    key=message.sender_kind,
                    value=message.sender,
                    group=message.group_id or UNGROUPED,
                    user_id=user_id,
                )
            ],
            direction=Direction.IN,
            status=Status.RECEIVED,
        )

    def consents(self, own: OwnKeywords = NO_OWN_KEYWORDS) -> list[ConsentChange]:
        """Return the statements about the sender's consent that the message makes; a message to a group makes none.

        On SMS they are about all messages of this integration, since that is what carriers block; elsewhere they are
        about its marketing. An opt-in ends an opt-out of either.

        Args:
            own: the tenant's keywords.
        """
        state, message = self._stated_consent(own), self.message
        if state is None or message.group_id is not None:
            return []
        categories = list(ConsentCategory)
        if state is ConsentState.OUT:
            is_sms = self.integration.channel is Channel.SMS
            categories = [ConsentCategory.ALL if is_sms else ConsentCategory.MARKETING]
        evidence = Evidence(interaction_id=self.interaction_id, text=" ".join(texts_of(message.payload)))
        sender = Identity(kind=message.sender_kind, value=message.sender)
        return [
            ConsentChange(
                kind=identity.kind,
                value=identity.value,
                coverage=Coverage.of_sender(self.integration.integration_id, category),
                state=state,
                source=ConsentSource.PROVIDER if message.consent else ConsentSource.KEYWORD,
                at=self.received_at,
                evidence=evidence,
            )
            for identity in dict.fromkeys([sender, *message.aliases, *message.successors])
            for category in categories
        ]

    def _stated_consent(self, own: OwnKeywords) -> ConsentState | None:
        if self.message.consent is not None:
            return self.message.consent
        return CONSENT_OF_KEYWORD.get(keyword_of(self.message.payload, own).keyword)

    def _metadata(self, own: OwnKeywords) -> dict[str, JsonValue]:
        metadata: dict[str, JsonValue] = {"providerMessageId": self.message.provider_message_id}
        if self.message.in_reply_to is not None:
            metadata["inReplyTo"] = self.message.in_reply_to
        if self.message.group_id is not None:
            metadata["groupId"] = self.message.group_id
        if self._stated_consent(own) is ConsentState.OUT:
            metadata["optOut"] = True
        elif keyword_of(self.message.payload, own).is_opt_out_suspected:
            metadata["optOutSuspected"] = True
        return metadata


def _summary(payload: dict[str, JsonValue]) -> str:
    def text(*names: str) -> str:
        return next((value for name in names if isinstance(value := payload.get(name), str) and value), "")

    body = text("Text", "Body", "Caption", "Title")
    return summary_text(text("Subject"), body, None if body else text("Url", "MediaId", "Type") or None)
