"""Counts of messages against the limits of a tenant's reach."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from domain.gate.velocity import DAY, MEAN_DAYS, Counter, LimitAction, Per
from domain.identifiers import derived_id
from models.base import DUPLICATE_KEY, Stored

KEPT: Final = timedelta(days=MEAN_DAYS + 1)
"""How long the counts of countries, and those that reached their limit, are kept after their period."""

LATEST_REACHED_FIRST: Final = (("reached", DESCENDING), ("_id", DESCENDING))
"""Sort order of the list of limits that were reached."""

_RECENT: Final = 20
"""Interactions remembered as counted."""


class ReachCount(Stored):
    """Messages of one period to a number, a prefix of numbers or a country.

    The id is a hash of what is counted; a number is stored without its last four digits.

    Attributes:
        subject: what is counted, as people may see it.
        number: the messages, at most the limit.
        recent: the interactions counted last, so that a repeated step counts none twice.
        limit: the limit when it was reached, else when the period began.
        begins: the beginning of the period.
        ends: its end.
        reached: when a message above the limit came first; absent if none came.
    """

    tenant: str
    per: Per
    subject: str
    number: int
    recent: list[str] = []
    limit: int
    action: LimitAction
    begins: datetime
    ends: datetime
    expires: datetime
    reached: datetime | None = None

    class Settings:
        """Collection name and indexes; old counts are removed by a TTL index."""

        name = "reach_counts"
        indexes = [
            IndexModel([("expires", ASCENDING)], expireAfterSeconds=0),
            IndexModel(
                [("tenant", ASCENDING), *LATEST_REACHED_FIRST],
                partialFilterExpression={"reached": {"$exists": True}},
            ),
        ]

    @staticmethod
    def id_of(tenant: str, per: Per, subject: str, begins: datetime) -> str:
        """The id of a count."""
        return derived_id("reach", tenant, per, subject, begins.isoformat())

    @classmethod
    async def add(cls, tenant: str, interaction_id: str, counters: Sequence[Counter]) -> list[Counter]:
        """Count a message once for each counter, and return the counters whose limit was reached before it.

        This is one command, unless there are such counters.
        """
        reached = await cls._add(tenant, interaction_id, counters)
        # The insertion of a new count also fails if another message inserts it at this moment.
        return await cls._add(tenant, interaction_id, reached) if reached else []

    @classmethod
    async def _add(cls, tenant: str, interaction_id: str, counters: Sequence[Counter]) -> list[Counter]:
        """Count a message, and return the counters that refuse it."""
        updates = [_update(tenant, interaction_id, counter) for counter in counters]
        try:
            await cls.collection().bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            # Of a count that has reached its limit the update finds nothing, and its insertion finds the count.
            errors = cast("dict[str, Any]", error.details)["writeErrors"]
            if any(one["code"] != DUPLICATE_KEY for one in errors):
                raise
            return [counters[one["index"]] for one in errors]
        return []

    @classmethod
    async def mark_reached(cls, tenant: str, counters: Sequence[Counter], at: datetime) -> None:
        """Record when the limits of these counters were exceeded first."""
        updates = [
            UpdateOne(
                {"_id": _id(tenant, counter), "reached": {"$exists": False}},
                {
                    "$set": {
                        "reached": at,
                        "limit": counter.limit,
                        "action": counter.action.value,
                        "expires": counter.ends + KEPT,
                    }
                },
            )
            for counter in counters
        ]
        await cls.collection().bulk_write(updates, ordered=False)

    @classmethod
    async def mean(cls, tenant: str, country: str, day: datetime) -> float:
        """Mean number of messages to a country in the days before the one that begins at `day`."""
        days = [day - DAY * number for number in range(1, MEAN_DAYS + 1)]
        ids = [cls.id_of(tenant, Per.COUNTRY, country, one) for one in days]
        found = cls.collection().find({"_id": {"$in": ids}}, {"number": True})
        return sum([one["number"] async for one in found]) / MEAN_DAYS


def _id(tenant: str, counter: Counter) -> str:
    return ReachCount.id_of(tenant, counter.per, counter.subject, counter.begins)


def _update(tenant: str, interaction_id: str, counter: Counter) -> UpdateOne:
    initial: dict[str, object] = {
        "tenant": tenant,
        "per": counter.per.value,
        "subject": counter.shown,
        "limit": counter.limit,
        "action": counter.action.value,
        "begins": counter.begins,
        "ends": counter.ends,
        "expires": counter.ends + (KEPT if counter.per is Per.COUNTRY else timedelta()),
    }
    this: dict[str, object] = {"$literal": interaction_id}
    recent: dict[str, object] = {"$ifNull": ["$recent", []]}
    is_counted: dict[str, object] = {"$in": [this, recent]}
    counted: dict[str, object] = {
        "number": {"$add": [{"$ifNull": ["$number", 0]}, {"$cond": [is_counted, 0, 1]}]},
        "recent": {"$cond": [is_counted, recent, {"$slice": [{"$concatArrays": [recent, [this]]}, -_RECENT]}]},
    }
    absent = {name: {"$ifNull": [f"${name}", {"$literal": value}]} for name, value in initial.items()}
    may_count = {"$or": [{"number": {"$lt": counter.limit}}, {"recent": interaction_id}]}
    return UpdateOne({"_id": _id(tenant, counter), **may_count}, [{"$set": absent | counted}], upsert=True)
