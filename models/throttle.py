"""How often passwords were tried: counted in MongoDB, so that it holds over processes and restarts."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument

from domain.clock import utc_now
from models.base import Stored

WINDOW: Final = timedelta(minutes=15)
"""How long tries are counted, from the first."""

KNOWN_FOR: Final = timedelta(days=90)
"""How long a network is remembered from which an account logged in."""


@dataclass(frozen=True, slots=True)
class TryLimit:
    """How often something may be tried.

    Attributes:
        number: so many times within `WINDOW`,
        pace: and then once in this time, so that nobody is ever kept out altogether.
    """

    number: int
    pace: timedelta


class LoginTries(Stored):
    """The tries of passwords that count against somebody, who is known by a hash only.

    Attributes:
        number: of tries within the present window.
        until: when the window ends.
        next_at: when the next try is allowed, once there were as many as the limit allows.
        is_allowed: whether the last one was.
    """

    number: int
    until: datetime
    next_at: datetime
    is_allowed: bool

    class Settings:
        """Where it is stored, and that it is removed in time."""

        name = "login_tries"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)]

    @classmethod
    async def add(cls, whose: tuple[str, ...], limit: TryLimit) -> "LoginTries":
        """Count one more try; all of them together, in the present window."""
        now = utc_now()
        # Where there is none, $until and $next_at are missing, which is less than any date.
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
        """Count one try less: it was right."""
        await cls.collection().update_one({"_id": _id(whose), "number": {"$gt": 0}}, {"$inc": {"number": -1}})

    @classmethod
    async def forget(cls, *whose: str) -> None:
        """Count none of the tries any longer."""
        await cls.collection().delete_one({"_id": _id(whose)})


class KnownNetwork(Stored):
    """That an account logged in from a network; both are known by a hash only."""

    until: datetime

    class Settings:
        """Where it is stored, and that it is removed in time."""

        name = "known_networks"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)]

    @classmethod
    async def remember(cls, *whose: str) -> None:
        """Remember a network of an account from now on."""
        await cls.collection().update_one({"_id": _id(whose)}, {"$set": {"until": utc_now() + KNOWN_FOR}}, upsert=True)

    @classmethod
    async def is_known(cls, *whose: str) -> bool:
        """Whether the account logged in from this network lately."""
        return await cls.find_one({"_id": _id(whose), "until": {"$gt": utc_now()}}) is not None


def _id(whose: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join(whose).encode("utf-8", "surrogatepass")).hexdigest()
