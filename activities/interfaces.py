"""All that a workflow may ask of the world: abstract, typed, and pure, so that workflows never import a driver."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue
from temporalio import activity

from domain.destinations import Destination
from domain.events import Identity
from domain.findings import DiscrepancyCounts
from domain.interaction import DispatchPolicy, HistoryEntry, Interaction, RecordedEvent
from domain.outcomes import Accepted, Outcome
from domain.problems import Problem
from domain.reception import Reception
from domain.status import InteractionState
from domain.submission import Submission
from domain.webhook_events import NotificationState


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class AdmitInput(_Message):
    """A submission that is to be registered, and then admitted or refused.

    Attributes:
        admitted_at: when it is queued, if it is admitted.
        due: when its dispatch is over at the latest (`domain.deadlines`).
        revision: grows with each task of the interaction's workflows; a later one knows better.
    """

    submission: Submission
    admitted_at: datetime
    due: datetime | None
    revision: int


class AdmitResult(_Message):
    """The interaction in `DISPATCH_PENDING` and how to dispatch it; or as registered, and why it may not be sent."""

    interaction: Interaction
    policy: DispatchPolicy | None = None
    problems: list[Problem] = []


def sending_queue(task_queue: str, provider: str) -> str:
    """The task queue of a provider's `DispatchActivities`, beside the interactions' own."""
    return f"{task_queue}-{provider}"


class Dispatch(_Message):
    """One message to hand to its provider.

    Attributes:
        integration_version: the version of the integration that admitted it, or a later one, sends it.
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

    @classmethod
    def of(cls, interaction: Interaction, policy: DispatchPolicy) -> "Dispatch":
        """The message of an interaction."""
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
        )


class Search(_Message):
    """A send that nobody answered, to be looked for at its provider.

    Attributes:
        since: when it was asked for; nothing older can be it.
    """

    dispatch: Dispatch
    since: datetime


class RecordStepInput(_Message):
    """One step of an interaction's record.

    Attributes:
        integration_id: of the interaction, whose tenant may want to be told.
        integration_version: a version of the integration that is known to exist.
        sequence: the number of this step.
        revision: grows with each task of the interaction's workflows; a later one knows better.
        due: when the wait that it begins is over at the latest (`domain.deadlines`).
        history_before: how many history entries stood before it.
        recorded_before: how many of the provider's events stood before it.
        provider_message_id: the provider's id, when this step learnt it.
        problems: why the submission was refused, when this step refused it.
        process_id: the process that the refused submission named.
    """

    interaction_id: str
    integration_id: str
    integration_version: int = 0
    sequence: int
    revision: int
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


class Record(_Message):
    """What is stored of an interaction, as far as a run needs it to go on."""

    interaction: Interaction
    fingerprint: str
    sequence: int
    revision: int
    state: InteractionState
    due: datetime | None = None
    policy: DispatchPolicy | None
    problems: list[Problem]
    is_erased: bool = False


class Check(StrEnum):
    """One comparison of MongoDB with Temporal."""

    OVERDUE = "overdue"
    ABANDONED = "abandoned"
    FAILING = "failing"
    ENDED = "ended"
    RUNNING = "running"
    RECEPTIONS = "receptions"
    NEWS = "news"
    NOTIFICATIONS = "notifications"


class Inspection(_Message):
    """One page of a comparison.

    Attributes:
        cursor: where the last page ended; None for the first.
        page_size: how many are looked at.
        grace: what is younger, or less overdue, may just be on its way.
        repairs: whether to repair what can be repaired surely.
    """

    check: Check
    cursor: str | None = None
    page_size: int
    grace: timedelta
    repairs: bool


class Inspected(_Message):
    """What a page of a comparison found.

    Attributes:
        looked_at: how many were looked at.
        cursor: where the next page begins; None after the last one.
    """

    looked_at: int
    tally: DiscrepancyCounts
    cursor: str | None = None


def notification_task_queue(task_queue: str) -> str:
    """The task queue of notifications, their workflows and their activities, beside the interactions' own."""
    return f"{task_queue}-notifications"


class DeliverInput(_Message):
    """One attempt to tell.

    Attributes:
        at: now, by the workflow's clock, which alone says when who waits.
        deadline: when it is given up.
    """

    notification_id: str
    at: datetime
    deadline: datetime


class DeliveryResult(_Message):
    """What came of an attempt.

    Attributes:
        next_attempt: when to try again, while it is still to be told.
    """

    state: NotificationState
    next_attempt: datetime | None = None


class Replay(_Message):
    """One page of what is told again.

    Attributes:
        replay_id: of the whole replay: of which each notification is part once.
        since: from when on.
        until: when the replay was asked for; what happened later is told anyway.
        cursor: where the page before ended.
    """

    replay_id: str
    tenant: str
    integration_id: str
    since: datetime
    until: datetime
    page_size: int
    cursor: str | None = None


class Replayed(_Message):
    """What came of a page: how many were looked at and begun again, and where the next page begins."""

    looked_at: int
    begun: int
    cursor: str | None = None


class AdmissionActivities(ABC):
    """Taking a submission in."""

    @abstractmethod
    @activity.defn
    async def admit(self, admit_input: AdmitInput) -> AdmitResult | None:
        """Write the interaction down in `VALIDATION_PENDING`, and admit it; or say why not.

        To admit is to validate it, to find or make its users and its process, and to put it in `DISPATCH_PENDING`.
        None if another run wrote it down, which alone may dispatch it.
        """


class DispatchActivities(ABC):
    """Sending; each provider's on the `sending_queue` of its own."""

    @abstractmethod
    @activity.defn
    async def dispatch(self, dispatch: Dispatch) -> Outcome:
        """Hand the message to its provider; write nothing."""

    @abstractmethod
    @activity.defn
    async def find_sent(self, search: Search) -> Accepted | None:
        """The message that an unanswered send made after all, if the provider surely has it."""


class RecordActivities(ABC):
    """Keeping the record."""

    @abstractmethod
    @activity.defn
    async def record(self, change: RecordStepInput) -> None:
        """Write one step of an interaction down."""

    @abstractmethod
    @activity.defn
    async def load(self, interaction_id: str) -> Record | None:
        """What is stored of an interaction, or None if there is no such one."""


class UserTask(_Message):
    """What is to be done with a user, durably.

    Attributes:
        into: the user that it is merged into; None if it is erased.
        erasure_grace_period: how long what had found the user before may still write; then all is looked through again.
    """

    tenant: str
    user_id: str
    into: str | None = None
    erasure_grace_period: timedelta


USER_ERASED: Final = "user erased"
"""The signal that tells an interaction's workflow that one of its users is erased."""


class Identification(_Message):
    """Everything by which a provider knows one person of a tenant."""

    tenant: str
    identities: list[Identity]


class Received(_Message):
    """What came of a message.

    Attributes:
        user_id: whose it is.
        merges: which users to merge because they are one person.
    """

    user_id: str | None
    merges: list[UserTask] = []


class ReceptionActivities(ABC):
    """Taking in what end users send, and what providers say of who they are."""

    @abstractmethod
    @activity.defn
    async def receive(self, reception: Reception) -> Received:
        """Write the message down as an interaction in `RECEIVED`, with its user and process; once."""

    @abstractmethod
    @activity.defn
    async def identify(self, identification: Identification) -> list[UserTask]:
        """Let one user have everything by which a provider knows somebody, if any has some of it; what to merge."""


class EraseSignal(_Message):
    """What the running workflow of an interaction is told, of whose users one is erased.

    Attributes:
        is_cancelled: whether nobody is left whom it is for, so that what is not sent yet is not sent any more.
        user_ids: by which the interaction may know the user.
    """

    is_cancelled: bool = False
    user_ids: list[str] = []


class MergeActivities(ABC):
    """Merging users; each may be done again and again."""

    @abstractmethod
    @activity.defn
    async def claim_merge(self, task: UserTask) -> list[Problem]:
        """Give the destinations of a user to the other at one moment, from which on it is merged; or say why not."""

    @abstractmethod
    @activity.defn
    async def move(self, task: UserTask) -> None:
        """Give the other user the interactions and the processes that the merged one still has."""

    @abstractmethod
    @activity.defn
    async def complete_merge(self, task: UserTask) -> None:
        """Write down that nothing is left to be moved."""


class ErasureActivities(ABC):
    """EraseSignal users; each may be done again and again."""

    @abstractmethod
    @activity.defn
    async def claim_erasure(self, task: UserTask) -> list[Problem]:
        """Empty a user at one moment, from which on it is erased; or say why not."""

    @abstractmethod
    @activity.defn
    async def erase(self, task: UserTask) -> None:
        """Empty what is left of an erased user, and tell the running workflows of its interactions."""

    @abstractmethod
    @activity.defn
    async def forget(self, task: UserTask) -> None:
        """Empty what is told of its interactions, and delete the histories of their workflows that have ended."""

    @abstractmethod
    @activity.defn
    async def complete_erasure(self, task: UserTask) -> None:
        """Write down that nothing is left, and by what it would have been found no longer."""


class ReconciliationActivities(ABC):
    """Comparing what MongoDB and Temporal say."""

    @abstractmethod
    @activity.defn
    async def inspect(self, inspection: Inspection) -> Inspected:
        """Look at one page of what one comparison looks at; repair what may be, if it is asked for."""


class NotificationActivities(ABC):
    """Telling tenants, on the `notification_task_queue`."""

    @abstractmethod
    @activity.defn
    async def deliver(self, delivery: DeliverInput) -> DeliveryResult:
        """SignalEvents it, unless all of the host wait, and write down what came of it."""

    @abstractmethod
    @activity.defn
    async def conclude(self, notification_id: str, state: NotificationState) -> None:
        """Write down that it ended otherwise than by an attempt."""

    @abstractmethod
    @activity.defn
    async def replay(self, replay: Replay) -> Replayed:
        """Begin to tell one page again."""
