"""Erasure of users: the user is emptied atomically, then the personal data in its interactions and processes."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pymongo import UpdateOne
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.interfaces import USER_ERASED, EraseSignal, ErasureActivities, UserTask
from activities.merging import why_not
from activities.publishing import Show, body_now
from domain.clock import utc_now
from domain.identifiers import interaction_of, strategy_workflow_id, workflow_id
from domain.problems import Problem
from domain.status import Status
from models.attachment import Attachment
from models.erasure import erasing, erasing_one_of_several, hashed
from models.interaction import TAKES_FILES, Interaction
from models.notification import Notification
from models.process import Process
from models.strategy_run import StrategyRun
from models.unmatched import UnmatchedEvent
from models.user import EMPTY, HERE, Erasure, User
from queries.consents import Consents
from queries.correlation import InteractionRef
from workflows import names

_PAGE: Final = 200
"""Interactions that are read at once."""

_AT_ONCE: Final = 10
"""Concurrent requests to Temporal."""

Document = Mapping[str, Any]

SignalParked = Callable[[InteractionRef, EraseSignal], Awaitable[None]]
"""Signals the workflow of an interaction, and starts it if it is not running."""

SignalRun = Callable[[StrategyRun], Awaitable[None]]
"""Signals to the run of a strategy that no further step starts."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _Erased:
    """A user that is erased.

    Attributes:
        ids: its id, and those of the users that were merged into it.
        normal_forms: normal forms of the destinations that it had.
    """

    user: User
    erasure: Erasure
    ids: Sequence[str]

    @property
    def normal_forms(self) -> Sequence[str]:
        return [destination.normal_form for destination in self.erasure.destinations]

    @property
    def spellings(self) -> Sequence[str]:
        """All spellings by which a text may name one of its destinations."""
        return sorted({spelling for one in self.erasure.destinations for spelling in one.spellings()})

    @property
    def its(self) -> dict[str, Any]:
        """Selector of the documents that contain it."""
        return {"tenant": self.user.tenant, "user_ids": {"$in": self.ids}}

    @property
    def traces(self) -> Sequence[dict[str, Any]]:
        """Selectors of the interactions that still contain it: its own, and refused ones to its destinations."""
        its_own = {"user_id": {"$in": self.ids}, "value": {"$ne": ""}}
        # In an interaction with several users, another may have been erased before.
        left = {"$or": [{"erased_at": None}, {"destinations": {"$elemMatch": its_own}}]}
        return [{**self.its, **left}, {**self.unresolved(Status.VALIDATION_ERROR), "erased_at": None}]

    def unresolved(self, status: Status) -> dict[str, Any]:
        """Selector of the sends to its destinations without users, from before the erasure."""
        return {
            "tenant": self.user.tenant,
            "destinations.normal_form": {"$in": self.normal_forms},
            "user_ids": [],
            "status": status.value,
            "created": {"$lt": self.erasure.requested},
        }

    async def alone(self, documents: Iterable[Document]) -> set[str]:
        """Ids of the documents whose users are all erased."""
        others = {user_id for one in documents for user_id in one["user_ids"]}.difference(self.ids)
        living: set[str] = set()
        for other in others:
            user = await User.surviving(self.user.tenant, other)
            if user is not None and user.erasure is None:
                living.add(other)
        return {one["_id"] for one in documents if living.isdisjoint(one["user_ids"])}


@dataclass(frozen=True, slots=True)
class MongoErasures(ErasureActivities):
    """Erasures in MongoDB, and of interactions' workflows in Temporal.

    Attributes:
        show: renders an interaction for a notification.
        consents: what recipients take and refuse.
        signal_parked: signals an interaction that has no workflow while the gate holds it.
        signal_run: signals the run of a strategy.
    """

    temporal: Client
    show: Show
    consents: Consents
    signal_parked: SignalParked
    signal_run: SignalRun

    def all(self) -> list[Callable[..., Any]]:
        """Return every activity, for a worker."""
        return [self.reserve_erasure, self.erase, self.purge_derived_data, self.complete_erasure]

    @activity.defn
    async def reserve_erasure(self, task: UserTask) -> list[Problem]:
        """Empty a user atomically, which erases it; or return the problems."""
        selector = {"tenant": task.tenant, "_id": task.user_id, **HERE}
        erasure = Erasure(requested=utc_now()).model_dump() | {"destinations": "$destinations"}
        empty = {name: {"$literal": value} for name, value in EMPTY.items()}
        claimed = await User.collection().update_one(selector, [{"$set": {"erasure": erasure}}, {"$set": empty}])
        if claimed.matched_count:
            return []
        problem = await why_not(task.tenant, task.user_id, "id")
        return [] if problem.code == "user_erased" else [problem]

    @activity.defn
    async def erase(self, task: UserTask) -> None:
        """Empty the interactions and processes of an erased user, and signal its running workflows."""
        erased = await _erased(task)
        if erased is None:
            return
        # First the processes, which interactions show.
        await _erase_processes(erased)
        for selector in erased.traces:
            while await self._erase_found(erased, selector):
                pass
        await _delete_unmatched_events(erased)
        await self.consents.erase(task.tenant, erased.erasure.destinations)
        await _count(erased)
        if await Interaction.find_one(erased.unresolved(Status.VALIDATION_PENDING)):
            raise ApplicationError("a send to it is still being validated", type="ValidationUnderWay")
        if await User.find_one({"tenant": task.tenant, "merge.into": task.user_id, "merge.completed": None}):
            raise ApplicationError("what was another user's is still on its way to this one", type="MergeUnderWay")

    @activity.defn
    async def purge_derived_data(self, task: UserTask) -> None:
        """Empty the notifications of its interactions, and delete the histories of their ended workflows."""
        erased = await _erased(task)
        if erased is None:
            return
        async for page in _pages(Interaction, erased.its):
            activity.heartbeat()
            ids = [one["_id"] for one in page]
            await self._empty_notifications(erased.user.tenant, ids)
            await self._delete_histories(map(workflow_id, ids))
            runs = {one["strategy"]["run_id"] for one in page if one.get("strategy")}
            if runs:
                await self._delete_histories(map(strategy_workflow_id, runs))

    @activity.defn
    async def complete_erasure(self, task: UserTask) -> None:
        """Mark the erasure as completed, and remove the destinations that were needed to find the user's data."""
        selector = {"tenant": task.tenant, "_id": task.user_id, "erasure.completed": None}
        done: dict[str, Any] = {"erasure.completed": utc_now(), "erasure.destinations": []}
        await User.collection().update_one(selector, {"$set": done})

    async def _erase_found(self, erased: _Erased, selector: Mapping[str, object]) -> int:
        """Erase the interactions that a selector finds, and return their number."""
        found = 0
        async for page in _pages(Interaction, selector):
            activity.heartbeat()
            alone = await erased.alone(page)
            await self._erase_runs(page, alone)
            # The interaction is emptied last, so that after a crash it is signalled, and its files removed, again.
            await self._signal_all(erased, page, alone)
            await _remove_files(erased, [one for one in page if one["_id"] in alone])
            await _write(erased, page, alone)
            found += len(page)
        return found

    async def _erase_runs(self, page: Sequence[Document], alone: AbstractSet[str]) -> None:
        """Remove the messages of the strategies' runs that interactions are steps of; no further step starts."""
        run_ids = [one["strategy"]["run_id"] for one in page if one.get("strategy") and one["_id"] in alone]
        for stored in await StrategyRun.erase(run_ids) if run_ids else ():
            await self.signal_run(stored)

    async def _signal_all(self, erased: _Erased, page: Sequence[Document], alone: AbstractSet[str]) -> None:
        def signal(one: Document) -> EraseSignal:
            return EraseSignal(is_cancelled=one["_id"] in alone, user_ids=list(erased.ids))

        async def reach(one: Document) -> None:
            if one["wakes_at"] is not None:
                await self.signal_parked(InteractionRef.model_validate(one), signal(one))
            else:
                await self._signal(one["_id"], signal(one))

        await _each(page, reach)

    async def _signal(self, interaction_id: str, erasing: EraseSignal) -> None:
        """Signal an interaction's workflow, if it is running, that one of its users is erased."""
        with _unless_gone():
            await self.temporal.get_workflow_handle(workflow_id(interaction_id)).signal(USER_ERASED, erasing)

    async def _empty_notifications(self, tenant: str, ids: Sequence[str]) -> None:
        """Reduce all notifications of erased interactions to the interactions' present content."""
        by_interaction: defaultdict[str, list[Notification]] = defaultdict(list)
        async for notification in Notification.find({"tenant": tenant, "interaction_id": {"$in": ids}}):
            by_interaction[notification.interaction_id or ""].append(notification)
        updates: list[UpdateOne] = []
        async for interaction in Interaction.find({"_id": {"$in": list(by_interaction)}}):
            activity.heartbeat()
            view = await interaction.view()
            for notification in by_interaction[interaction.id]:
                body = body_now(notification, view, self.show)
                updates.append(UpdateOne({"_id": notification.id}, {"$set": {"body": body}}))
        if updates:
            await Notification.collection().bulk_write(updates, ordered=False)

    async def _delete_histories(self, workflows: Iterable[str]) -> None:
        """Delete the histories of these workflows' ended runs; an interaction's run that started since is signalled."""
        named = ", ".join(f"'{one}'" for one in workflows)
        runs = [run async for run in self.temporal.list_workflows(f"WorkflowId IN ({named})")]
        ended = [run for run in runs if run.status is not WorkflowExecutionStatus.RUNNING]
        await _each(ended, lambda run: self._delete_history(run.id, run.run_id))
        running = {
            interaction_of(run.id)
            for run in runs
            if run.status is WorkflowExecutionStatus.RUNNING and run.workflow_type == names.INTERACTION
        }
        await _each(running, lambda one: self._signal(one, EraseSignal()))

    async def _delete_history(self, workflow: str, run_id: str) -> None:
        request = DeleteWorkflowExecutionRequest(
            namespace=self.temporal.namespace,
            # The run id as well: another run of the same workflow may have started.
            workflow_execution=WorkflowExecution(workflow_id=workflow, run_id=run_id),
        )
        with _unless_gone():
            await self.temporal.workflow_service.delete_workflow_execution(request)


@contextmanager
def _unless_gone() -> Generator[None]:
    """Ignore the error of a request about a run that Temporal no longer has."""
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _erased(task: UserTask) -> _Erased | None:
    user = await User.find_one({"tenant": task.tenant, "_id": task.user_id})
    if user is None or user.erasure is None:
        return None
    merged = await User.find({"tenant": task.tenant, "merge.into": user.id}).to_list()
    return _Erased(user, user.erasure, [user.id, *(one.id for one in merged)])


async def _write(erased: _Erased, page: Sequence[Document], alone: AbstractSet[str]) -> None:
    now = utc_now()
    updates: list[UpdateOne] = []
    for one in page:
        message_ids: list[str] = one["provider_message_ids"]
        hashes = hashed(message_ids, is_erased=one.get("erased_at") is not None)
        of_all = one["_id"] in alone
        update = erasing(now, hashes, erased.user.id) if of_all else erasing_one_of_several(now, hashes, erased.ids)
        # An interaction that got another message id meanwhile is not matched, so that it is found again.
        updates.append(UpdateOne({"_id": one["_id"], "provider_message_ids": message_ids}, update))
    written = await Interaction.collection().bulk_write(updates, ordered=False)
    progress = {"erasure.interactions": written.matched_count}
    await User.collection().update_one({"_id": erased.user.id}, {"$inc": progress})


async def _count(erased: _Erased) -> None:
    """Store the number of erased interactions; one that was erased twice because of a crash counts once."""
    number = await Interaction.collection().count_documents({**erased.its, "erased_at": {"$ne": None}})
    await User.collection().update_one({"_id": erased.user.id}, {"$set": {"erasure.interactions": number}})


async def _remove_files(erased: _Erased, documents: Iterable[Document]) -> None:
    """Remove the files of interactions that are being erased, except those that another user's interaction has."""
    ids = {attachment for one in documents for attachment in one["attachments"]}
    if not ids:
        return
    theirs = {
        "tenant": erased.user.tenant,
        **TAKES_FILES,
        "attachments": {"$in": list(ids)},
        "user_ids": {"$ne": [erased.user.id]},
        "status": {"$ne": Status.VALIDATION_ERROR.value},
        "_id": {"$nin": [one["_id"] for one in documents]},
    }
    needed = {attachment async for one in Interaction.collection().find(theirs) for attachment in one["attachments"]}
    for attachment in await Attachment.find(
        {"tenant": erased.user.tenant, "_id": {"$in": list(ids - needed)}}
    ).to_list():
        await attachment.remove()


async def _erase_processes(erased: _Erased) -> None:
    """Empty and close the processes whose users are all erased."""
    empty: dict[str, Any] = {
        "metadata": {},
        "metadata_keys": [],
        "primary_key": {},
        "primary_key_keys": [],
        "fingerprint": "",
        "order": {},
        "is_closed": True,
    }
    async for page in _pages(Process, erased.its):
        activity.heartbeat()
        alone = await erased.alone(page)
        await Process.collection().update_many({"_id": {"$in": list(alone)}}, {"$set": empty})


async def _delete_unmatched_events(erased: _Erased) -> None:
    """Delete the unmatched provider events that name one of its destinations."""
    if not erased.spellings:
        return
    named = {"$regex": "|".join(map(re.escape, erased.spellings)), "$options": "i"}
    texts = ("body", "event.key", "event.detail", "event.reference", "event.provider_message_id")
    selector = {
        "tenant": erased.user.tenant,
        "$or": [{"event.destination": {"$in": list(erased.spellings)}}, *({text: named} for text in texts)],
    }
    await UnmatchedEvent.find(selector).delete()


async def _pages(
    documents: type[Interaction | Process], selector: Mapping[str, object]
) -> AsyncIterator[Sequence[Document]]:
    fields = ("user_ids", "provider_message_ids", "attachments", "erased_at", "wakes_at", "strategy")
    shown = dict.fromkeys((*fields, *InteractionRef.model_fields), True)
    cursor = documents.collection().find(selector, shown)
    while page := await cursor.to_list(_PAGE):
        yield page


async def _each(items: Iterable[Item], work: Callable[[Item], Awaitable[None]]) -> None:
    """Do some work for each item, `_AT_ONCE` at a time."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def limited(item: Item) -> None:
        async with slots:
            await work(item)

    async with asyncio.TaskGroup() as tasks:
        for item in items:
            tasks.create_task(limited(item))
