"""Activity interfaces of the workflows: abstract, typed and pure, so that workflows never import a driver."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from temporalio import activity

from domain.destinations import Destination
from domain.discrepancies import DiscrepancyCounts
from domain.events import Identity
from domain.gate.category import Category
from domain.gate.decision import Wait
from domain.gate.schedule import Schedule
from domain.gate.throttle import Place
from domain.inbound import ReceivedMessage
from domain.interaction import DispatchPolicy, HistoryEntry, Interaction, RecordedEvent, Revision
from domain.outcomes import Accepted, OutcomeUnknown, Rejected
from domain.problems import Problem
from domain.status import InteractionState
from domain.strategy.recall import RecallResult
from domain.strategy.reference import StrategyReference
from domain.submission import Submission


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class AdmitInput(_Message):
    """A submission to register, and then to admit or refuse.

    Attributes:
        admitted_at: time of the admission, if it is admitted.
        due: deadline of its dispatch (`domain.deadlines`).
        revision: of the record that is written.
    """

    submission: Submission
    admitted_at: datetime
    due: datetime | None
    revision: Revision


class AdmitResult(_Message):
    """The interaction in `DISPATCH_PENDING` with its policy, or the interaction as registered with the problems.

    Attributes:
        category: why it is sent.
        expires: from this instant it may not be sent any more; None if it stays valid.
    """

    interaction: Interaction
    policy: DispatchPolicy | None = None
    problems: list[Problem] = []
    expires: datetime | None = None


def sending_queue(task_queue: str, provider: str) -> str:
    """Name of the task queue of a provider's `DispatchActivities`, beside the interactions' own."""
    return f"{task_queue}-{provider}"


class Dispatch(_Message):
    """One message to hand to its provider.

    Attributes:
        integration_version: version of the integration that admitted it; this one or a later one sends it.
        category: why it is sent.
        expires: from this instant it may not be sent any more; None if it stays valid.
        place: what it keeps in the schedule of its sender since it was held; empty at first.
    """

    interaction_id: str
    tenant: str
    provider: str
    integration_id: str
    integration_version: int = 0
    payload: dict[str, JsonValue]
    destinations: list[Destination]
    repeatable: bool
    attachments: list[str] = []
    category: Category = Category.TRANSACTIONAL
    expires: datetime | None = None
    place: Place = Place()

    @classmethod
    def of(cls, interaction: Interaction, policy: DispatchPolicy) -> "Dispatch":
        """Create the message of an interaction."""
        return cls(
            interaction_id=interaction.id,
            tenant=interaction.tenant,
            provider=interaction.integration.provider,
            integration_id=interaction.integration.integration_id,
            integration_version=interaction.integration.version,
            payload=interaction.payload,
            destinations=interaction.destinations,
            repeatable=policy.repeatable,
            attachments=interaction.attachments,
            category=interaction.effective_category,
        )


class Held(_Message):
    """The message was not handed over: the gate holds it until its sender may send again.

    Attributes:
        place: what it keeps in the schedule of its sender meanwhile.
    """

    kind: Literal["held"] = "held"
    wait: Wait
    place: Place = Place()


DispatchResult = Annotated[Accepted | Rejected | OutcomeUnknown | Held, Field(discriminator="kind")]
"""Result of a dispatch: the provider's answer, or the reason why it was not asked."""


class Search(_Message):
    """An unanswered send to look for at its provider; the message cannot be older than `since`."""

    dispatch: Dispatch
    since: datetime


class Recall(_Message):
    """A message that its provider is asked to take back."""

    interaction_id: str
    tenant: str
    integration_id: str


class RecordStepInput(_Message):
    """One step of an interaction's record.

    Attributes:
        integration_id: the interaction's integration, whose webhook may be notified.
        integration_version: a version of the integration that is known to exist.
        revision: of the record that is written.
        due: deadline of the wait that this step starts (`domain.deadlines`).
        history_before, recorded_before: number of history entries, and of recorded provider events, before this step.
        provider_message_id: the provider's message id, if this step learnt it.
        problems: reasons of a refusal, if this step refuses the submission.
        process_id: process that the refused submission named.
        hold: why the gate holds the message after this step; None if it does not.
        schedule: the schedule that this step changes it to; None if it stays.
        strategy: the step of a strategy that the message is; None if it is none.
        is_ordered: whether the message keeps the order of its process, so that others may wait for it.
        wakes_at: when the next workflow of the held message starts; None if this one stays open.
    """

    interaction_id: str
    integration_id: str
    integration_version: int = 0
    sequence: int
    revision: Revision
    state: InteractionState
    due: datetime | None = None
    updated: datetime
    history_before: int
    history: list[HistoryEntry]
    recorded_before: int
    received: list[RecordedEvent] = []
    provider_message_id: str | None = None
    problems: list[Problem] = []
    process_id: str | None = None
    hold: Wait | None = None
    schedule: Schedule | None = None
    wakes_at: datetime | None = None
    is_ordered: bool = False
    strategy: StrategyReference | None = None


class Record(_Message):
    """Stored data of an interaction that a run needs to resume."""

    interaction: Interaction
    fingerprint: str
    sequence: int
    revision: Revision
    state: InteractionState
    due: datetime | None = None
    policy: DispatchPolicy | None
    problems: list[Problem]
    is_erased: bool = False


class Check(StrEnum):
    """One comparison of MongoDB with Temporal."""

    OVERDUE = "overdue"
    ABANDONED = "abandoned"
    WAKING = "waking"
    FAILING = "failing"
    ENDED = "ended"
    RUNNING = "running"
    INBOUND = "inbound"
    UNMATCHED_EVENTS = "unmatched_events"
    NOTIFICATIONS = "notifications"


class Inspection(_Message):
    """One page of a comparison.

    Attributes:
        grace: minimum age, or minimum delay, of an inspected item: younger ones may still be in progress.
        repairs: whether to make safe repairs.
    """

    check: Check
    cursor: str | None = None
    page_size: int
    grace: timedelta
    repairs: bool


class Inspected(_Message):
    """Result of one page of a comparison.

    Attributes:
        cursor: start of the next page; None after the last one.
    """

    examined: int
    counts: DiscrepancyCounts
    cursor: str | None = None


class AdmissionActivities(ABC):
    """Admission of submissions."""

    @abstractmethod
    @activity.defn
    async def admit(self, admit_input: AdmitInput) -> AdmitResult | None:
        """Store the interaction in `VALIDATION_PENDING`, and admit or refuse it.

        Admission validates it, finds or creates its users and its process, and puts it in `DISPATCH_PENDING`.
        Returns None if another run stored it, because only that run may dispatch it.
        """


class DispatchActivities(ABC):
    """Dispatch through a provider, on that provider's own `sending_queue`."""

    @abstractmethod
    @activity.defn
    async def dispatch(self, dispatch: Dispatch) -> DispatchResult:
        """Hand the message to its provider, unless its sender may not send now."""

    @abstractmethod
    @activity.defn
    async def find_sent(self, search: Search) -> Accepted | None:
        """Find the message of an unanswered send; None if it is not certain that the provider has it."""

    @abstractmethod
    @activity.defn
    async def recall(self, recall: Recall) -> RecallResult:
        """Ask the provider to take a message back."""


class RecordActivities(ABC):
    """Storage of the record of interactions."""

    @abstractmethod
    @activity.defn
    async def record(self, change: RecordStepInput) -> None:
        """Write one step of an interaction's record."""

    @abstractmethod
    @activity.defn
    async def load(self, interaction_id: str) -> Record | None:
        """Load an interaction's record; None if there is no such interaction."""


class UserTask(_Message):
    """A merge or an erasure of a user.

    Attributes:
        into: the user that it is merged into; None if it is erased.
        erasure_grace_period: time in which callers that found the user before may still write; then all is rechecked.
    """

    tenant: str
    user_id: str
    into: str | None = None
    erasure_grace_period: timedelta


USER_ERASED: Final = "user erased"
"""Name of the signal to an interaction's workflow that one of its users is erased."""


class Identification(_Message):
    """All identities by which a provider knows one person of a tenant."""

    tenant: str
    identities: list[Identity]


class Received(_Message):
    """Result of recording an inbound message: its sender, and the merges of users that are one person."""

    user_id: str | None
    merges: list[UserTask] = []


class InboundActivities(ABC):
    """Recording of inbound messages, and of the identities that providers report for end users."""

    @abstractmethod
    @activity.defn
    async def receive(self, inbound: ReceivedMessage) -> Received:
        """Store the message as an interaction in `RECEIVED`, once, with its user and process."""

    @abstractmethod
    @activity.defn
    async def identify(self, identification: Identification) -> list[UserTask]:
        """Give all identities of a person to one user, if any user has one of them; returns the merges needed."""


class EraseSignal(_Message):
    """Signal to the running workflow of an interaction that one of its users is erased.

    Attributes:
        is_cancelled: whether no recipient is left, so that an unsent message is not sent.
        user_ids: ids by which the interaction may know the user.
    """

    is_cancelled: bool = False
    user_ids: list[str] = []


class MergeActivities(ABC):
    """Merges of users; all are idempotent."""

    @abstractmethod
    @activity.defn
    async def reserve_merge(self, task: UserTask) -> list[Problem]:
        """Give a user's destinations to the other user atomically, which merges it; or return the problems."""

    @abstractmethod
    @activity.defn
    async def move(self, task: UserTask) -> None:
        """Give the interactions and processes that the merged user still has to the other one."""

    @abstractmethod
    @activity.defn
    async def complete_merge(self, task: UserTask) -> None:
        """Mark the merge as completed."""


class ErasureActivities(ABC):
    """Erasure of users; all are idempotent."""

    @abstractmethod
    @activity.defn
    async def reserve_erasure(self, task: UserTask) -> list[Problem]:
        """Empty a user atomically, which erases it; or return the problems."""

    @abstractmethod
    @activity.defn
    async def erase(self, task: UserTask) -> None:
        """Empty the interactions and processes of an erased user, and signal its running workflows."""

    @abstractmethod
    @activity.defn
    async def purge_derived_data(self, task: UserTask) -> None:
        """Empty the notifications of its interactions, and delete the histories of their ended workflows."""

    @abstractmethod
    @activity.defn
    async def complete_erasure(self, task: UserTask) -> None:
        """Mark the erasure as completed, and remove the destinations that were needed to find the user's data."""


class ReconciliationActivities(ABC):
    """Comparison of MongoDB with Temporal."""

    @abstractmethod
    @activity.defn
    async def inspect(self, inspection: Inspection) -> Inspected:
        """Inspect one page of a comparison, and make safe repairs if they are requested."""
