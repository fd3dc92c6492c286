"""Stored interactions."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue
from pymongo import ASCENDING, IndexModel, ReturnDocument

from domain import interaction as domain
from domain.clock import utc_now
from domain.deadlines import VALIDATION_TIMEOUT, WaitContext
from domain.destinations import Destination
from domain.gate.category import Category
from domain.gate.decision import Wait
from domain.gate.order import Order
from domain.gate.recipients import Recipients
from domain.gate.schedule import Schedule
from domain.interaction import (
    UNWRITTEN,
    AuditTrail,
    Direction,
    DispatchPolicy,
    HistoryEntry,
    IntegrationReference,
    RecordedEvent,
    Revision,
    TemplateReference,
)
from domain.payloads import summary_text
from domain.problems import Problem
from domain.resending import RESEND_OF
from domain.search_keys import MAX_NAMES, searchable_fields
from domain.status import InteractionState, Milestone, Status
from domain.strategy.reference import StrategyReference
from domain.tokenizer import words_of_summary
from models.base import ANY_TEXT, NEWEST_FIRST, Stored
from models.interaction_steps import Step, writing
from models.process import Process
from models.strategy_run import StrategyRun
from models.user import User

_IS_DUE: Final = {"due": {"$type": "date"}}

_WAKES: Final = {"wakes_at": {"$type": "date"}}

TAKES_FILES: Final = {"attachments.0": {"$exists": True}}
"""Selector of the interactions with uploaded files."""

RESEND_OF_FIELD: Final = f"metadata.{RESEND_OF}"

HOLD_REASON: Final = "hold.reason"

LISTED_BY: Final = (
    RESEND_OF_FIELD,
    HOLD_REASON,
    "process_id",
    "destinations.normal_form",
    "user_ids",
    "primary_key_keys",
    "metadata_keys",
    "words",
    "integration.integration_id",
    "status",
    None,
)
"""Fields by which interactions are listed, each with an index of its own, most selective first; None lists all."""

_INDEXED_WHERE: Final = {
    RESEND_OF_FIELD: {"$exists": True},
    HOLD_REASON: ANY_TEXT,
    "primary_key_keys": ANY_TEXT,
    "metadata_keys": ANY_TEXT,
}
"""Partial-index conditions of fields that most interactions lack, so that those cost the index nothing."""


def newest_first_by(field: str | None) -> list[tuple[str, int]]:
    """Index by which a tenant's interactions are listed: equality, then sort (and range)."""
    equal = ["tenant", *([field] if field else [])]
    return [*((name, ASCENDING) for name in equal), *NEWEST_FIRST]


def _index_by(field: str | None) -> IndexModel:
    where = _INDEXED_WHERE.get(field) if field else None
    return IndexModel(newest_first_by(field), **({"partialFilterExpression": {field: where}} if where else {}))


class Interaction(Stored):
    """One outbound or inbound message. Only its own workflow changes it.

    Attributes:
        fingerprint: of the request that created it; a different request with the same `Idempotency-Key` has another.
        registered_by: the workflow run that registered it; no other run dispatches it. Empty for one that no worker has
            registered yet, which is not stored (`api.routes.interactions.unregistered`).
        sequence: number of the last step written.
        revision: of the step that was written last; the highest wins (`write_step`).
        due: when its workflow must have advanced it (`domain.deadlines`); None once nothing more is expected.
        attachments: ids of its uploaded files.
        template: the template that produced the payload, if any.
        is_forced: whether it is sent to destinations that opted out.
        order: how it keeps the order of its process.
        predecessors: ids of the messages that go before it.
        waiters: ids of the messages that wait for it; they add themselves.
        hold: why the gate holds it, and until when.
        strategy: the step of a strategy that it is; None if it is none.
        wakes_at: when its next workflow starts, if the gate holds it for so long that its workflow has ended.
        milestone: delivery progress that the provider reports; `custom_status` is derived from it.
        provider_message_ids: the provider's ids, by which receipts without our reference are matched.
        policy: how it is dispatched, once it is valid.
        problems: why it was rejected, if it was.
        metadata_keys: search keys of its sender's metadata, for the first `MAX_NAMES` names.
        primary_key_keys: search keys of its primary key, likewise.
        words: search words of its summary; a change of the summary must change them too.
        erased_at: since when no personal data is written to it (`models.erasure`).
    """

    tenant: str
    fingerprint: str
    registered_by: str
    sequence: int
    revision: Revision = UNWRITTEN
    summary: str
    words: list[str] = []
    created: datetime
    updated: datetime
    author_id: str
    updater_id: str
    history: list[HistoryEntry]
    provider_events: list[RecordedEvent] = []
    integration: IntegrationReference
    metadata: dict[str, JsonValue]
    metadata_keys: list[str] = []
    payload: dict[str, JsonValue]
    primary_key: dict[str, JsonValue]
    primary_key_keys: list[str] = []
    process_id: str | None = None
    user_ids: list[str] = []
    destinations: list[Destination]
    attachments: list[str] = []
    template: TemplateReference | None = None
    category: Category | None = None
    is_forced: bool = False
    schedule: Schedule | None = None
    order: Order | None = None
    predecessors: list[str] = []
    waiters: list[str] = []
    hold: Wait | None = None
    strategy: StrategyReference | None = None
    wakes_at: datetime | None = None
    direction: Direction
    status: Status
    custom_status: str | None = None
    due: datetime | None = None
    milestone: Milestone = Milestone.NONE
    provider_message_ids: list[str] = []
    policy: DispatchPolicy | None = None
    problems: list[Problem] = []
    erased_at: datetime | None = None

    class Settings:
        """Collection name and indexes."""

        name = "interactions"
        indexes = [
            # Every list is of one tenant, newest first: equality, sort, range (docs/decisions/0003-mongodb.md).
            *map(_index_by, LISTED_BY),
            IndexModel([("integration.integration_id", ASCENDING), ("provider_message_ids", ASCENDING)]),
            IndexModel([("tenant", ASCENDING), ("attachments", ASCENDING)], partialFilterExpression=TAKES_FILES),
            # Only interactions with pending work: a handful of a million.
            IndexModel([("due", ASCENDING), ("_id", ASCENDING)], partialFilterExpression=_IS_DUE),
            IndexModel([("wakes_at", ASCENDING)], partialFilterExpression=_WAKES),
        ]

    @classmethod
    def registered(cls, interaction: domain.Interaction, fingerprint: str, registered_by: str) -> "Interaction":
        """The document of an interaction that a run has just registered: its first step."""
        trail = interaction.audit_trail
        return cls(
            id=interaction.id,
            tenant=interaction.tenant,
            fingerprint=fingerprint,
            registered_by=registered_by,
            sequence=1,
            summary=interaction.summary,
            words=words_of_summary(interaction.summary),
            created=trail.created,
            updated=trail.updated,
            author_id=trail.author_id,
            updater_id=trail.updater_id,
            history=trail.history,
            integration=interaction.integration,
            metadata=interaction.metadata,
            metadata_keys=searchable_fields(interaction.metadata)[:MAX_NAMES],
            payload=interaction.payload,
            primary_key=interaction.primary_key,
            primary_key_keys=searchable_fields(interaction.primary_key)[:MAX_NAMES],
            process_id=interaction.process_id,
            destinations=interaction.destinations,
            attachments=interaction.attachments,
            template=interaction.template,
            category=interaction.category,
            strategy=interaction.strategy,
            direction=interaction.direction,
            status=interaction.status,
            due=utc_now() + VALIDATION_TIMEOUT if interaction.status is Status.VALIDATION_PENDING else None,
        )

    @classmethod
    async def overdue(cls, before: datetime, after: tuple[datetime, str] | None, limit: int) -> "Sequence[Interaction]":
        """Return interactions whose deadline passed before a moment, the longest overdue first.

        Args:
            before: the moment.
            after: `due` and id of the last one of the previous page.
            limit: maximum number.
        """
        return await cls.find(overdue_selector(before, after)).sort("due", "_id").limit(limit).to_list()

    @classmethod
    async def waking(cls, before: datetime, limit: int) -> "Sequence[Interaction]":
        """Return held interactions whose next workflow starts before a moment, the earliest first."""
        selector = {"wakes_at": {"$type": "date", "$lt": before}}
        return await cls.find(selector).sort("wakes_at").limit(limit).to_list()

    @classmethod
    async def set_predecessors(cls, interaction_id: str, predecessors: Sequence[str]) -> None:
        """Note the messages that go before one, which counts also if it is refused."""
        await cls.collection().update_one({"_id": interaction_id}, {"$set": {"predecessors": list(predecessors)}})

    @classmethod
    async def add_waiter(cls, ids: Sequence[str], waiter_id: str) -> None:
        """Add a message that waits for these."""
        await cls.collection().update_many({"_id": {"$in": list(ids)}}, {"$addToSet": {"waiters": waiter_id}})

    @classmethod
    async def waiters_of(cls, interaction_id: str) -> list[str]:
        """Return the ids of the messages that wait for one."""
        found = await cls.collection().find_one({"_id": interaction_id}, {"waiters": True})
        return found.get("waiters", []) if found else []

    @classmethod
    async def mark_awake(cls, interaction_id: str, wakes_at: datetime | None) -> None:
        """Note that the workflow is started that was to start at `wakes_at`, unless it is to start later by now."""
        await cls.collection().update_one({"_id": interaction_id, "wakes_at": wakes_at}, {"$set": {"wakes_at": None}})

    @classmethod
    async def write_step(cls, interaction_id: str, step: Step, changes: Mapping[str, object]) -> None:
        """Write one step, replacing the results of an earlier attempt at it.

        A workflow task may fail after its steps are written, and be retried with more events: the same steps are then
        longer, or there are fewer. A late write of an older attempt changes nothing, nor does a step whose predecessor
        is missing.
        """
        await cls.collection().update_one(*writing(interaction_id, step, changes))

    @classmethod
    async def write_step_and_read(cls, interaction_id: str, step: Step, changes: Mapping[str, object]) -> "Interaction":
        """Like `write_step`, and return the interaction afterwards; one command does both if this write wins."""
        found = await cls.collection().find_one_and_update(
            *writing(interaction_id, step, changes), return_document=ReturnDocument.AFTER
        )
        return cls.model_validate(found or await cls.collection().find_one({"_id": interaction_id}))

    async def as_shown(self) -> "Interaction":
        """The interaction without personal data of erased users, while erasure is still pending."""
        if self._is_emptied or not self.user_ids:
            return self
        return self.without_users(await User.erased_among(self.tenant, self.user_ids))

    @property
    def _is_emptied(self) -> bool:
        return self.erased_at is not None and not any(one.value for one in self.destinations)

    def without_users(self, erased: AbstractSet[str]) -> "Interaction":
        """The interaction without personal data of these erased users."""
        if self._is_emptied or erased.isdisjoint(self.user_ids):
            return self
        unsaid = {"destination": "", "detail": "", "provider_message_id": None}
        events = [one.model_copy(update={"event": one.event.model_copy(update=unsaid)}) for one in self.provider_events]
        contents: dict[str, Any] = (
            {"payload": {}, "attachments": [], "template": None} if erased >= set(self.user_ids) else {}
        )
        return self.model_copy(
            update={
                **contents,
                **redacted_summary(self.destinations, self.user_ids, erased),
                "history": [entry.model_copy(update={"notes": None}) for entry in self.history],
                "provider_events": events,
            }
        )

    @property
    def effective_category(self) -> Category:
        """Why it is sent; transactional if nothing says so."""
        return self.category or Category.TRANSACTIONAL

    @property
    def recipients(self) -> Recipients:
        """To whom it goes."""
        return Recipients(self.tenant, self.integration, self.destinations, self.effective_category, self.is_forced)

    @property
    def living_destinations(self) -> list[Destination]:
        """Its destinations but those of erased users."""
        return [one for one in self.destinations if one.value]

    @property
    def state(self) -> InteractionState:
        """Its state in the state machine."""
        return InteractionState(status=self.status, custom_status=self.custom_status, milestone=self.milestone)

    @property
    def situation(self) -> WaitContext:
        """Context from which its deadlines are computed."""
        return WaitContext(self.state, self.policy, self.due, self.history, self.hold)

    async def view(self) -> domain.Interaction:
        """The interaction as the API shows it, with the current state of its users and process."""
        users = await User.of_interaction(self.tenant, self.user_ids)
        process = await Process.find_one({"_id": self.process_id, "tenant": self.tenant}) if self.process_id else None
        shown = self.composed(users, process)
        if self.strategy is None:
            return shown
        outcome = await StrategyRun.outcome_of(self.strategy.run_id)
        return shown.model_copy(update={"strategy": self.strategy.model_copy(update={"outcome": outcome})})

    def composed(self, users: list[User], process: Process | None) -> domain.Interaction:
        """The interaction as the API shows it, with these users and this process."""
        return domain.Interaction(
            id=self.id,
            tenant=self.tenant,
            summary=self.summary,
            audit_trail=AuditTrail(
                created=self.created,
                updated=self.updated,
                author_id=self.author_id,
                updater_id=self.updater_id,
                history=self.history,
                provider_events=self.provider_events,
            ),
            integration=self.integration,
            metadata=self.metadata,
            payload=self.payload,
            primary_key=self.primary_key,
            process_id=self.process_id,
            users=[user.view() for user in users],
            destinations=self.destinations,
            attachments=self.attachments,
            template=self.template,
            category=self.category,
            schedule=self.schedule,
            order=self.order,
            hold=self.hold,
            strategy=self.strategy,
            direction=self.direction,
            status=self.status,
            custom_status=self.custom_status,
            process_summary=process.summary() if process else None,
            is_last_entry=process is not None and process.last_interaction_id == self.id,
        )


def redacted_summary(
    destinations: Sequence[Destination], user_ids: Sequence[str], erased: AbstractSet[str]
) -> dict[str, Any]:
    """Summary shown where users are erased, without their personal data.

    Args:
        destinations: of the interaction.
        user_ids: of the interaction; its contents are shown while one of them is not erased.
        erased: the erased ones among them.
    """
    is_whole = erased >= set(user_ids)
    contents: dict[str, Any] = {"summary": summary_text(), "metadata": {}, "primary_key": {}} if is_whole else {}
    shown = [one.model_copy(update={"value": ""}) if is_whole or one.user_id in erased else one for one in destinations]
    return {**contents, "destinations": shown}


def overdue_selector(before: datetime, after: tuple[datetime, str] | None) -> dict[str, Any]:
    """Selector of the interactions that `Interaction.overdue` returns."""
    if after is None:
        return {"due": {"$type": "date", "$lt": before}}
    due, last_id = after
    later = [{"due": {"$gt": due, "$lt": before, "$type": "date"}}, {"due": due, "_id": {"$gt": last_id}}]
    return {**_IS_DUE, "$or": later}
