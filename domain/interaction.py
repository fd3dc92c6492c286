"""Interaction as the API shows it: the answer of the send call, in our own spelling."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue

from domain.channels import Channel
from domain.destinations import Destination
from domain.events import ReceivedEvent
from domain.gate.category import Category
from domain.gate.decision import Wait
from domain.gate.order import Order
from domain.gate.schedule import Schedule
from domain.notes import Note, Notes, note_of_hold
from domain.status import InteractionState, Status
from domain.strategy.reference import StrategyReference

REGISTERED_NOTE: Final = Note(code="registered")
"""Note of the first history entry (specification, the answer's example)."""


class Direction(StrEnum):
    """Whether a message leaves Iris or enters it."""

    OUT = "out"
    IN = "in"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Revision(_Value):
    """Revision of an interaction's record, which grows with each workflow task; the record of the highest one wins.

    A step of a later task so replaces one of a task that failed after writing it. The record compares the fields in
    their order.

    Attributes:
        history_length: the number of events in the histories of the interaction's runs.
        task_time: the time of the task: it orders the tries of a task that keeps failing, which lengthen no history.
    """

    history_length: int
    task_time: datetime


UNWRITTEN: Final = Revision(history_length=0, task_time=datetime.fromtimestamp(0, UTC))
"""Revision of a record that is only registered: every workflow task has a higher one."""


class HistoryEntry(_Value):
    """Change of status, and its reason."""

    date: datetime
    status: Status
    custom_status: str | None = None
    notes: Notes | None = None

    @classmethod
    def pending(cls, date: datetime, hold: Wait | None) -> "HistoryEntry":
        """Return the entry of a message that awaits its dispatch; `hold` is why the gate holds it, if it does."""
        if hold is None:
            return cls(date=date, status=Status.DISPATCH_PENDING)
        reason = hold.reason.value
        return cls(date=date, status=Status.DISPATCH_PENDING, custom_status=reason, notes=note_of_hold(hold))

    @property
    def state(self) -> InteractionState:
        """Return the state that it begins."""
        return InteractionState(status=self.status, custom_status=self.custom_status)


class RecordedEvent(ReceivedEvent):
    """Provider event as recorded: applied, or not and why.

    Attributes:
        reason: the code of why it was not applied, a key of `domain.texts.notes.REASONS`.
    """

    status: Status
    applied: bool
    reason: str | None = None

    @classmethod
    def taken(cls, received: ReceivedEvent, status: Status, reason: str | None) -> "RecordedEvent":
        """Record an event: `reason` is why it was not applied, None if it was; `status` the one after it."""
        return cls(
            id=received.id,
            received_at=received.received_at,
            event=received.event,
            status=status,
            applied=reason is None,
            reason=reason,
        )


class AuditTrail(_Value):
    """Creation, changes, status history and provider events of an interaction."""

    created: datetime
    updated: datetime
    author_id: str
    updater_id: str
    history: list[HistoryEntry]
    provider_events: list[RecordedEvent] = []


class IntegrationReference(_Value):
    """Integration of an interaction: its channel and provider, without secrets.

    Attributes:
        version: of the integration when this was read; a process with an older one cached reads it again.
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
    """Rules for handing an interaction to its provider, and the receipts to expect.

    Attributes:
        repeatable: whether a send may be repeated although an earlier one may have gone out: the provider recognises
            our reference, or the integration asks for at-least-once.
        reports_delivery: whether delivery receipts are expected.
        reports_reads: whether read receipts are expected.
        finds_sent: whether the provider can be asked for a send whose outcome is unknown.
    """

    repeatable: bool
    reports_delivery: bool
    reports_reads: bool
    finds_sent: bool = False


class User(_Value):
    """End user, with destinations by kind."""

    id: str
    name: str
    primary_key: dict[str, list[str]]
    metadata: dict[str, JsonValue] | None = None


class ProcessSummary(_Value):
    """Process (conversation) that an interaction belongs to."""

    id: str
    metadata: dict[str, JsonValue] = {}
    primary_key: dict[str, JsonValue] = {}
    is_closed: bool = False
    is_draft: bool = False
    last_direction: Direction | None = None


class TemplateReference(BaseModel):
    """Template, version and values that an interaction was made from."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    version: int
    variables: dict[str, JsonValue]


class Interaction(_Value):
    """Outbound or inbound message with all that is known of it.

    Attributes:
        category: why it is sent; None for an inbound message.
        schedule: when it may go; None if the caller restricted nothing.
        order: how it keeps the order of its process; None if it does not.
        hold: why the gate holds it, and until when; None if it does not.
        strategy: the step of a strategy that it is; None if it is none.
    """

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
    category: Category | None = None
    schedule: Schedule | None = None
    order: Order | None = None
    hold: Wait | None = None
    strategy: StrategyReference | None = None
    direction: Direction = Direction.OUT
    status: Status
    custom_status: str | None = None
    process_summary: ProcessSummary | None = None
    is_last_entry: bool = False

    @property
    def effective_category(self) -> Category:
        """Return why it is sent; transactional if nothing says so."""
        return self.category or Category.TRANSACTIONAL

    def state_at(self, state: InteractionState, history: Sequence[HistoryEntry]) -> "Interaction":
        """Return the interaction as it was after a history of at least one entry."""
        trail = self.audit_trail.model_copy(update={"history": list(history), "updated": history[-1].date})
        changes = {"status": state.status, "custom_status": state.custom_status, "audit_trail": trail}
        return self.model_copy(update=changes)
