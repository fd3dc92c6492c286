"""Merges of users in MongoDB."""

from collections.abc import Callable
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession
from temporalio import activity

from activities.interfaces import MergeActivities, UserTask
from domain.clock import utc_now
from domain.problems import Problem
from domain.search_keys import searchable_fields
from models.interaction import Interaction
from models.process import Process
from models.user import EMPTY, HERE, Merge, User

_PAGE: Final = 500
"""Documents that one command changes."""


class _RefusedError(Exception):
    """A merge is not possible; nothing of it is written."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class MongoMerges(MergeActivities):
    """Merges in MongoDB."""

    def all(self) -> list[Callable[..., Any]]:
        """Return every activity, for a worker."""
        return [self.reserve_merge, self.move, self.complete_merge]

    @activity.defn
    async def reserve_merge(self, task: UserTask) -> list[Problem]:
        """Give a user's destinations to the other user atomically, which merges it; or return the problems."""
        if task.user_id == task.into:
            return [Problem(field="from", code="merged_with_itself")]
        if await _are_one(task):
            return []
        try:
            await User.in_transaction(lambda session: _join(task, session))
        except _RefusedError as error:
            return [error.problem]
        return []

    @activity.defn
    async def move(self, task: UserTask) -> None:
        """Give the interactions and processes that the merged user still has to the other one."""
        while True:
            activity.heartbeat()
            # The other user may have been merged in turn.
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
        """Mark the merge as completed."""
        selector = {"tenant": task.tenant, "_id": task.user_id, "merge.completed": None}
        await User.collection().update_one(selector, {"$set": {"merge.completed": utc_now()}})


async def _are_one(task: UserTask) -> bool:
    """Whether the user is already merged into the other one, or both into a third one."""
    user = await User.find_one({"tenant": task.tenant, "_id": task.user_id})
    if user is None or user.merge is None or task.into is None:
        return False
    survivors = [await User.surviving(task.tenant, one) for one in (user.id, task.into)]
    return survivors[0] is not None and survivors[0] == survivors[1]


async def why_not(tenant: str, user_id: str | None, field: str) -> Problem:
    """Return the problem that prevents a user from being merged or erased."""
    found = await User.find_one({"tenant": tenant, "_id": user_id})
    if found is None:
        return Problem(field=field, code="not_found" if field == "id" else "no_such_user")
    if found.merge is not None:
        return Problem(field=field, code="user_merged", details={"user": found.merge.into})
    return Problem(field=field, code="user_erased")


async def _join(task: UserTask, session: AsyncClientSession) -> None:
    """Merge two users within a transaction.

    Raises:
        _RefusedError: if one of them does not exist any more.
    """
    users, tenant = User.collection(), task.tenant
    merge = Merge(into=task.into or "", requested=utc_now()).model_dump()
    redacted_user: dict[str, Any] = {**EMPTY, "merge": merge}
    merged = await users.find_one_and_update(
        {"tenant": tenant, "_id": task.user_id, **HERE}, {"$set": redacted_user}, session=session
    )
    if merged is None:
        raise _RefusedError(await why_not(tenant, task.user_id, "from"))
    other = await users.find_one({"tenant": tenant, "_id": task.into, **HERE}, session=session)
    if other is None:
        raise _RefusedError(await why_not(tenant, task.into, "id"))
    metadata: dict[str, Any] = {**(merged["metadata"] or {}), **(other["metadata"] or {})}
    joined: dict[str, Any] = {
        "metadata": metadata or None,
        "metadata_keys": searchable_fields(metadata),
        "time_zone": other.get("time_zone") or merged.get("time_zone"),
    }
    update = {"$set": joined, "$push": {"destinations": {"$each": merged["destinations"]}}}
    await users.update_one({"_id": task.into}, update, session=session)


async def _moved(documents: type[Interaction | Process], task: UserTask, survivor: str) -> int:
    """Give a page of a merged user's documents to the survivor, and return their number."""
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
