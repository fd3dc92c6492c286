"""Merging users, and erasing them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.interfaces import Erased, UserActivities, UserTask
from domain.clock import utc_now
from domain.identifiers import workflow_id
from domain.problems import Problem
from domain.searching import searchable_fields
from domain.status import Status
from domain.telling import NotificationState
from models.erasing import erasing, erasing_one_of_several
from models.interaction import Interaction
from models.notification import Notification
from models.process import Process
from models.unmatched import UnmatchedNews
from models.user import HERE, Erasure, Merge, User

_PAGE: Final = 500
"""How many interactions are changed by one command."""

_MOST_OPEN: Final = 10_000
"""Of how many told workflows the histories are looked for again; those of more go by retention alone."""

_EMPTY: Final[Mapping[str, object]] = {
    "name": "",
    "metadata": None,
    "destinations": [],
    "name_keys": [],
    "metadata_keys": [],
    "fingerprint": "",
}
"""What a user is that is merged or erased."""


class _RefusedError(Exception):
    """A merge that may not be; nothing of it is written."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class MongoUsers(UserActivities):
    """Users in MongoDB, and their interactions' workflows in Temporal."""

    temporal: Client

    def all(self) -> list[Callable[..., Any]]:
        """Every activity, for a worker."""
        merging = [self.claim_merge, self.move, self.complete_merge]
        return [*merging, self.claim_erasure, self.erase, self.forget, self.complete_erasure]

    @activity.defn
    async def claim_merge(self, task: UserTask) -> list[Problem]:
        """Give the destinations of a user to the other at one moment, from which on it is merged; or say why not."""
        before = await User.find_one({"tenant": task.tenant, "_id": task.user_id})
        if before is not None and before.merge is not None and before.merge.into == task.into:
            return []
        if task.user_id == task.into:
            return [Problem(field="from", code="merged_with_itself")]
        try:
            async with User.collection().database.client.start_session() as session:
                await session.with_transaction(lambda session: _join(task, session))
        except _RefusedError as error:
            return [error.problem]
        return []

    @activity.defn
    async def move(self, task: UserTask) -> None:
        """Give the other user the interactions and the processes that the merged one still has."""
        while True:
            activity.heartbeat()
            # Where the other was merged in turn, it is not the one any more.
            survivor = await User.surviving(task.tenant, task.user_id)
            if survivor is None:
                return
            moves = [await _moved(documents, task, survivor.id) for documents in (Interaction, Process)]
            merged_before = {"tenant": task.tenant, "merge.into": task.user_id}
            await User.collection().update_many(merged_before, {"$set": {"merge.into": survivor.id}})
            if not any(moves):
                return

    @activity.defn
    async def complete_merge(self, task: UserTask) -> None:
        """Write down that nothing is left to be moved."""
        selector = {"tenant": task.tenant, "_id": task.user_id, "merge.completed": None}
        await User.collection().update_one(selector, {"$set": {"merge.completed": utc_now()}})

    @activity.defn
    async def claim_erasure(self, task: UserTask) -> list[Problem]:
        """Empty a user at one moment, from which on it is erased; or say why not."""
        selector = {"tenant": task.tenant, "_id": task.user_id, **HERE}
        erasure = Erasure(requested=utc_now()).model_dump() | {"destinations": "$destinations"}
        empty = {name: {"$literal": value} for name, value in _EMPTY.items()}
        claimed = await User.collection().update_one(selector, [{"$set": {"erasure": erasure}}, {"$set": empty}])
        if claimed.matched_count:
            return []
        problem = await _why_not(task.tenant, task.user_id, "id")
        return [] if problem.code == "user_erased" else [problem]

    @activity.defn
    async def erase(self, task: UserTask) -> Erased:
        """Empty what is left of an erased user, and tell the running workflows of its interactions."""
        user = await User.find_one({"tenant": task.tenant, "_id": task.user_id})
        if user is None or user.erasure is None:
            return Erased()
        if await User.find_one({"tenant": task.tenant, "merge.into": user.id, "merge.completed": None}):
            raise ApplicationError("what was another user's is still on its way to this one", type="MergeUnderWay")
        told: list[str] = []
        for selector in _traces(user, user.erasure):
            while page := await _page(selector):
                activity.heartbeat()
                # Told first: what a crash leaves is told and emptied again.
                told += await self._end([one["_id"] for one in page])
                await _erase_page(user, page)
        await _erase_processes(user)
        values = [destination.value for destination in user.erasure.destinations]
        await UnmatchedNews.find({"tenant": user.tenant, "event.destination": {"$in": values}}).delete()
        return Erased(open=told[:_MOST_OPEN])

    @activity.defn
    async def forget(self, interaction_ids: list[str]) -> None:
        """Delete the histories of these interactions' workflows that have ended."""
        await self._end(interaction_ids)

    @activity.defn
    async def complete_erasure(self, task: UserTask) -> None:
        """Write down that nothing is left, and by what it would have been found no longer."""
        selector = {"tenant": task.tenant, "_id": task.user_id, "erasure.completed": None}
        done: dict[str, Any] = {"erasure.completed": utc_now(), "erasure.destinations": []}
        await User.collection().update_one(selector, {"$set": done})

    async def _end(self, interaction_ids: Sequence[str]) -> list[str]:
        """Tell the running workflows of interactions, and delete the histories of the others; who was told."""
        told: list[str] = []
        for interaction_id in interaction_ids:
            activity.heartbeat()
            async for run in self.temporal.list_workflows(f"WorkflowId = '{workflow_id(interaction_id)}'"):
                # The list may be a moment old.
                if run.status is WorkflowExecutionStatus.RUNNING and await self._tell(run.id, run.run_id):
                    told.append(interaction_id)
                else:
                    await self._forget(run.id, run.run_id)
        return told

    async def _tell(self, workflow: str, run_id: str) -> bool:
        """Tell a running workflow that its user is erased; whether it was still running."""
        try:
            await self.temporal.get_workflow_handle(workflow, run_id=run_id).signal("erase")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def _forget(self, workflow: str, run_id: str) -> None:
        request = DeleteWorkflowExecutionRequest(
            namespace=self.temporal.namespace,
            # The run as well: another one of the same workflow may have begun.
            workflow_execution=WorkflowExecution(workflow_id=workflow, run_id=run_id),
        )
        try:
            await self.temporal.workflow_service.delete_workflow_execution(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


async def _why_not(tenant: str, user_id: str | None, field: str) -> Problem:
    """Why a user can be neither merged nor erased."""
    found = await User.find_one({"tenant": tenant, "_id": user_id})
    if found is None:
        return Problem(field=field, code="not_found" if field == "id" else "no_such_user")
    if found.merge is not None:
        return Problem(field=field, code="user_merged", details={"user": found.merge.into})
    return Problem(field=field, code="user_erased")


async def _join(task: UserTask, session: AsyncClientSession) -> None:
    """Make one user of two, both or none, within a transaction.

    Raises:
        _RefusedError: if one of them is not there.
    """
    users, tenant = User.collection(), task.tenant
    merge = Merge(into=task.into or "", requested=utc_now()).model_dump()
    emptied: dict[str, Any] = {**_EMPTY, "merge": merge}
    merged = await users.find_one_and_update(
        {"tenant": tenant, "_id": task.user_id, **HERE}, {"$set": emptied}, session=session
    )
    if merged is None:
        raise _RefusedError(await _why_not(tenant, task.user_id, "from"))
    other = await users.find_one({"tenant": tenant, "_id": task.into, **HERE}, session=session)
    if other is None:
        raise _RefusedError(await _why_not(tenant, task.into, "id"))
    metadata: dict[str, Any] = {**(merged["metadata"] or {}), **(other["metadata"] or {})}
    joined: dict[str, Any] = {"metadata": metadata or None, "metadata_keys": searchable_fields(metadata)}
    update = {"$set": joined, "$push": {"destinations": {"$each": merged["destinations"]}}}
    await users.update_one({"_id": task.into}, update, session=session)


async def _moved(documents: type[Interaction | Process], task: UserTask, survivor: str) -> int:
    """Give a page of a merged user's documents to the survivor; how many."""
    selector = {"tenant": task.tenant, "user_ids": task.user_id}
    page = await documents.collection().find(selector, {"_id": True}).limit(_PAGE).to_list()
    if not page:
        return 0

    def its(user_id: str) -> dict[str, Any]:
        return {"$cond": [{"$eq": [user_id, task.user_id]}, survivor, user_id]}

    renamed = {"$map": {"input": "$user_ids", "as": "one", "in": its("$$one")}}
    append = {"$concatArrays": ["$$value", {"$cond": [{"$in": ["$$this", "$$value"]}, [], ["$$this"]]}]}
    update: dict[str, Any] = {"user_ids": {"$reduce": {"input": renamed, "initialValue": [], "in": append}}}
    if documents is Interaction:
        its_own = {"$mergeObjects": ["$$one", {"user_id": its("$$one.user_id")}]}
        update["destinations"] = {"$map": {"input": "$destinations", "as": "one", "in": its_own}}
        update |= {name: its(f"${name}") for name in ("author_id", "updater_id")}
    ids = [one["_id"] for one in page]
    await documents.collection().update_many({**selector, "_id": {"$in": ids}}, [{"$set": update}])
    return len(page)


def _traces(user: User, erasure: Erasure) -> list[dict[str, Any]]:
    """What selects the interactions that an erased user is in: those that were with it, and those that were refused."""
    values = [destination.value for destination in erasure.destinations]
    refused: dict[str, Any] = {
        "user_ids": [],
        "status": Status.VALIDATION_ERROR.value,
        "created": {"$lt": erasure.requested},
    }
    here = {"tenant": user.tenant, "erased_at": None}
    return [{**here, "user_ids": user.id}, {**here, "destinations.value": {"$in": values}, **refused}]


async def _page(selector: Mapping[str, object]) -> list[dict[str, Any]]:
    shown = {"user_ids": True, "provider_message_ids": True, "destinations": True}
    return await Interaction.collection().find(selector, shown).limit(_PAGE).to_list()


async def _erase_page(user: User, page: Sequence[Mapping[str, Any]]) -> None:
    now = utc_now()
    updates: list[UpdateOne] = []
    for one in page:
        alone = set(one["user_ids"]) <= {user.id}
        message_ids: list[str] = one["provider_message_ids"]
        update = erasing(now, message_ids) if alone else erasing_one_of_several(now, message_ids, user.id)
        updates.append(UpdateOne({"_id": one["_id"]}, update))
    await Interaction.collection().bulk_write(updates, ordered=False)
    # What is still to be told is told as it was.
    told = {"tenant": user.tenant, "interaction_id": {"$in": [one["_id"] for one in page]}}
    await Notification.find({**told, "state": {"$ne": NotificationState.PENDING.value}}).delete()
    await User.collection().update_one({"_id": user.id}, {"$inc": {"erasure.interactions": len(page)}})


async def _erase_processes(user: User) -> None:
    """Empty and close the processes that were only with the user."""
    selector = {"tenant": user.tenant, "user_ids": [user.id]}
    await Process.collection().update_many(
        selector, {"$set": {"metadata": {}, "primary_key": {}, "fingerprint": "", "is_closed": True}}
    )
