"""Faults of the workers themselves, such as a missing key; `iris doctor` names the worker."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from domain.clock import utc_now
from domain.faults import FaultKind
from domain.outcomes import Detail, cut
from models.base import Stored

KEPT: Final = timedelta(days=1)
"""How long a fault is kept after its last occurrence."""


class FaultSummary(BaseModel):
    """One kind of fault of one worker.

    Attributes:
        worker: the identity of the worker's process in Temporal, `<process id>@<host>`.
        detail: the last error, without secrets or message contents.
        occurrences: number of occurrences.
        last: time of the last occurrence.
    """

    worker: str
    kind: FaultKind
    detail: Detail
    occurrences: int
    last: datetime


class WorkerFault(Stored):
    """A stored `FaultSummary`, with the time of its first occurrence."""

    worker: str
    kind: FaultKind
    detail: Detail
    occurrences: int
    first: datetime
    last: datetime

    class Settings:
        """Collection name and indexes; MongoDB removes faults after `KEPT`."""

        name = "worker_faults"
        indexes = [IndexModel([("last", ASCENDING)], expireAfterSeconds=int(KEPT.total_seconds()))]

    @classmethod
    async def add(cls, worker: str, kind: FaultKind, detail: str) -> None:
        """Count one more occurrence.

        Raises:
            pymongo.errors.PyMongoError: if the write fails.
        """
        now = utc_now()
        changes = {
            "$set": {"worker": worker, "kind": kind.value, "detail": cut(detail), "last": now},
            "$setOnInsert": {"first": now},
            "$inc": {"occurrences": 1},
        }
        await cls.collection().update_one({"_id": f"{worker} {kind}"}, changes, upsert=True)

    @classmethod
    async def since(cls, database: AsyncDatabase[dict[str, Any]], moment: datetime) -> Sequence[FaultSummary]:
        """Return the faults after a moment, from a database that the documents need not be bound to.

        Raises:
            pymongo.errors.PyMongoError: if MongoDB does not answer.
        """
        found = database[cls.Settings.name].find({"last": {"$gt": moment}}).sort([("worker", 1), ("kind", 1)])
        return [FaultSummary.model_validate(one) async for one in found]
