"""One interaction as everybody sees it: the answer of the send call, in our own spelling."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue

from domain.channels import Channel
from domain.destinations import Destination
from domain.events import ReceivedEvent
from domain.notes import Note, Notes
from domain.status import InteractionState, Status

REGISTERED_NOTE: Final = Note(code="registered")
"""The note of the first history entry (specification, the answer's example)."""


class Direction(StrEnum):
    """Whether a message leaves Iris or enters it."""

    OUT = "out"
    IN = "in"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class HistoryEntry(_Value):
    """One change of status, and why."""

    date: datetime
    status: Status
    custom_status: str | None = None
    notes: Notes | None = None


class RecordedEvent(ReceivedEvent):
    """One piece of the provider's news as it was taken: applied, or not and why.

    Attributes:
        reason: the code of why it was not applied, a key of `domain.texts.notes.REASONS`.
    """

    status: Status
    applied: bool
    reason: str | None = None

    @classmethod
    def taken(cls, news: ReceivedEvent, status: Status, reason: str | None) -> "RecordedEvent":
        """News as it was taken: `reason` is why it was not applied, None if it was; `status` the one after it."""
        return cls(
            id=news.id,
            received_at=news.received_at,
            event=news.event,
            status=status,
            applied=reason is None,
            reason=reason,
        )


class AuditTrail(_Value):
    """When and by whom the interaction was made and changed, its statuses, and the provider's news."""

    created: datetime
    updated: datetime
    author_id: str
    updater_id: str
    history: list[HistoryEntry]
    provider_events: list[RecordedEvent] = []


class IntegrationReference(_Value):
    """The integration that an interaction uses: its channel and provider, nothing secret.

    Attributes:
        version: of the integration when it was described; a process that has an older one cached reads it anew.
    """

    integration_id: str
    integration_name: str
    channel: Channel
    channel_id: str
    provider: str
    provider_id: str
    provider_title: str
    version: int = 0


class DispatchPolicy(_Value):
    """How an interaction is handed to its provider, and what is received of it afterwards.

    Attributes:
        repeatable: whether a send may be repeated although an earlier one may have gone out: the provider recognises
            our reference, or the integration asks for at-least-once.
        reports_delivery: whether receipts of delivery are to be expected.
        reports_reads: whether receipts of reading are.
        finds_sent: whether the provider can be asked what became of a send that nobody answered.
    """

    repeatable: bool
    reports_delivery: bool
    reports_reads: bool
    finds_sent: bool = False


class User(_Value):
    """An end user, with destinations by kind."""

    id: str
    name: str
    primary_key: dict[str, list[str]]
    metadata: dict[str, JsonValue] | None = None


class ProcessSummary(_Value):
    """The process (conversation) that an interaction belongs to."""

    id: str
    metadata: dict[str, JsonValue] = {}
    primary_key: dict[str, JsonValue] = {}
    is_closed: bool = False
    is_draft: bool = False
    last_direction: Direction | None = None


class TemplateReference(BaseModel):
    """Which version of which template an interaction was made of, and with what."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    version: int
    variables: dict[str, JsonValue]


class Interaction(_Value):
    """One message, out or in, with all that is known of it."""

    id: str
    tenant: str
    summary: str
    audit_trail: AuditTrail
    integration: IntegrationReference
    metadata: dict[str, JsonValue]
    payload: dict[str, JsonValue]
    primary_key: dict[str, JsonValue]
    process_id: str | None
    users: list[User] = []
    destinations: list[Destination] = []
    attachments: list[str] = []
    template: TemplateReference | None = None
    direction: Direction = Direction.OUT
    status: Status
    custom_status: str | None = None
    process_summary: ProcessSummary | None = None
    is_last_entry: bool = False

    def state_at(self, state: InteractionState, history: Sequence[HistoryEntry]) -> "Interaction":
        """The same interaction after the steps of a history, which has at least one."""
        trail = self.audit_trail.model_copy(update={"history": list(history), "updated": history[-1].date})
        changes = {"status": state.status, "custom_status": state.custom_status, "audit_trail": trail}
        return self.model_copy(update=changes)
