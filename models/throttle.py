"""Limits on password attempts, counted in MongoDB, so that they hold across processes and restarts."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument

from domain.clock import utc_now
from models.base import Stored

WINDOW: Final = timedelta(minutes=15)
"""Window in which attempts are counted, from the first."""

KNOWN_FOR: Final = timedelta(days=90)
"""How long a network is remembered from which an account logged in."""


@dataclass(frozen=True, slots=True)
class TryLimit:
    """Limit on attempts.

    Attributes:
        number: maximum within `WINDOW`.
        pace: interval at which further attempts are allowed, so that nobody is locked out completely.
    """

    number: int
    pace: timedelta


class LoginTries(Stored):
    """Password attempts counted for a subject, which is identified by a hash only.

    Attributes:
        number: attempts within the present window.
        until: when the window ends.
        next_at: when the next attempt is allowed, once the limit is reached.
        is_allowed: whether the last attempt was allowed.
    """

    number: int
    until: datetime
    next_at: datetime
    is_allowed: bool

    class Settings:
        """Collection name and indexes; old counts are removed by a TTL index."""

        name = "login_tries"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)]

    @classmethod
    async def add(cls, whose: tuple[str, ...], limit: TryLimit) -> "LoginTries":
        """Count one more attempt against each limit, in the present window."""
        now = utc_now()
        # In a new document $until and $next_at are missing, which compares less than any date.
        is_open = {"$gt": ["$until", now]}
        counted = {
            "number": {"$cond": [is_open, {"$add": ["$number", 1]}, 1]},
            "until": {"$cond": [is_open, "$until", now + WINDOW]},
        }
        is_allowed: dict[str, Any] = {"$or": [{"$lte": ["$number", limit.number]}, {"$lte": ["$next_at", now]}]}
        is_last = {"$gte": ["$number", limit.number]}
        next_at = {"$cond": ["$is_allowed", {"$cond": [is_last, now + limit.pace, now]}, "$next_at"]}
        steps = [{"$set": counted}, {"$set": {"is_allowed": is_allowed}}, {"$set": {"next_at": next_at}}]
        found = await cls.collection().find_one_and_update(
            {"_id": _id(whose)}, steps, upsert=True, return_document=ReturnDocument.AFTER
        )
        return cls.model_validate(found)

    @classmethod
    async def forgive(cls, *whose: str) -> None:
        """Subtract one attempt, because it was correct."""
        await cls.collection().update_one({"_id": _id(whose), "number": {"$gt": 0}}, {"$inc": {"number": -1}})

    @classmethod
    async def forget(cls, *whose: str) -> None:
        """Reset the count."""
        await cls.collection().delete_one({"_id": _id(whose)})


class KnownNetwork(Stored):
    """A network from which an account logged in; both are identified by a hash only."""

    until: datetime

    class Settings:
        """Collection name and indexes; old entries are removed by a TTL index."""

        name = "known_networks"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)]

    @classmethod
    async def remember(cls, *whose: str) -> None:
        """Record a network of an account."""
        await cls.collection().update_one({"_id": _id(whose)}, {"$set": {"until": utc_now() + KNOWN_FOR}}, upsert=True)

    @classmethod
    async def is_known(cls, *whose: str) -> bool:
        """Whether the account logged in from this network recently."""
        return await cls.find_one({"_id": _id(whose), "until": {"$gt": utc_now()}}) is not None


def _id(whose: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join(whose).encode("utf-8", "surrogatepass")).hexdigest()
