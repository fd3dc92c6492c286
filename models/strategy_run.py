"""Runs of strategies."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import Field
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from domain.clock import utc_now
from domain.interaction import Revision
from domain.strategy.plan import RunOutcome
from domain.strategy.run import Run
from models.base import NEWEST_FIRST, Stored

_IS_DUE: Final = {"due": {"$type": "date"}}


class StrategyRun(Stored):
    """One run of a strategy. Only its own workflow changes it, except that an erasure empties it.

    Attributes:
        registered_by: the workflow run that stored it first; no other one begins it.
        revision: of the record that was written last; the highest wins.
        due: until when its present step is awaited; None once it is over.
        is_delivered_twice: whether more than one of its messages reached the recipient.
        erased_at: since when it has no personal data.
        content: the run, as JSON.
    """

    tenant: str
    registered_by: str
    revision: Revision
    created: datetime
    process_id: str | None
    strategy_id: str | None
    outcome: RunOutcome | None
    ended: datetime | None
    is_delivered_twice: bool
    due: datetime | None
    erased_at: datetime | None = None
    content: dict[str, Any] = Field(default={})

    class Settings:
        """Collection name and indexes."""

        name = "strategy_runs"
        indexes = [
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("outcome", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("strategy_id", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("due", ASCENDING)], partialFilterExpression=_IS_DUE),
        ]

    @property
    def run(self) -> Run:
        """The run; an erased one is cancelled."""
        run = Run.model_validate_json(json.dumps(self.content))
        return run if self.erased_at is None else run.cancel(None)

    @classmethod
    async def outcome_of(cls, run_id: str) -> RunOutcome | None:
        """Return how a run ended; None while it goes on."""
        found = await cls.collection().find_one({"_id": run_id}, {"outcome": True})
        return RunOutcome(found["outcome"]) if found and found["outcome"] else None

    @classmethod
    async def register(cls, run: Run, revision: Revision, registered_by: str) -> "StrategyRun":
        """Store a new run, once; return what is stored."""
        document = cls(id=run.id, registered_by=registered_by, **_stored(run, revision))
        try:
            await document.insert()
        except DuplicateKeyError:
            found = await cls.find_one({"_id": run.id})
            if found is None:
                raise
            return found
        return document

    @classmethod
    async def write(cls, run: Run, revision: Revision) -> "StrategyRun | None":
        """Store a run, unless a later record of it is stored; return what is stored.

        An erased run keeps no messages, whoever writes it.
        """
        selector: dict[str, Any] = {"_id": run.id, "revision": {"$lte": revision.model_dump()}}
        stored = await cls._set({**selector, "erased_at": None}, _stored(run, revision))
        if stored is None:
            stored = await cls._set({**selector, "erased_at": {"$ne": None}}, _stored(run.without_messages(), revision))
        return stored or await cls.find_one({"_id": run.id})

    @classmethod
    async def erase(cls, run_ids: Sequence[str]) -> "Sequence[StrategyRun]":
        """Remove the messages of runs, and return those that were not over."""
        emptied = {"erased_at": utc_now(), "content.fingerprint": "", "content.steps.$[].submission": None}
        await cls.collection().update_many({"_id": {"$in": list(run_ids)}}, {"$set": emptied})
        return await cls.find({"_id": {"$in": list(run_ids)}, "outcome": None}).to_list()

    @classmethod
    async def overdue(cls, before: datetime, limit: int) -> "Sequence[StrategyRun]":
        """Return runs whose recorded deadline passed before a moment, the longest overdue first."""
        return await cls.find({"due": {"$type": "date", "$lt": before}}).sort("due").limit(limit).to_list()

    @classmethod
    async def _set(cls, selector: dict[str, Any], values: dict[str, Any]) -> "StrategyRun | None":
        found = await cls.collection().find_one_and_update(
            selector, {"$set": values}, return_document=ReturnDocument.AFTER
        )
        return cls.model_validate(found) if found else None


def _stored(run: Run, revision: Revision) -> dict[str, Any]:
    return {
        "tenant": run.tenant,
        "revision": revision.model_dump(),
        "created": run.created,
        "process_id": run.process_id,
        "strategy_id": run.strategy_id,
        "outcome": None if run.outcome is None else run.outcome.value,
        "ended": run.ended,
        "is_delivered_twice": run.is_delivered_twice,
        "due": run.deadline,
        "content": run.model_dump(mode="json"),
    }
