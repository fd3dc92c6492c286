"""How often passwords were tried: counted in MongoDB, so that it holds over processes and restarts."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from pymongo import ASCENDING, IndexModel, ReturnDocument

from domain.clock import utc_now
from models.base import Stored

WINDOW: Final = timedelta(minutes=15)
"""How long tries are counted, from the first."""


class LoginTries(Stored):
    """The tries of passwords that count against somebody, who is known by a hash only."""

    number: int
    until: datetime

    class Settings:
        """Where it is stored, and that it is removed in time."""

        name = "login_tries"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)]

    @classmethod
    async def add(cls, *whose: str) -> "LoginTries":
        """Count one more try; all of them together, in the present window."""
        now = utc_now()
        # Where there is none, $until is missing, which is less than any date.
        is_open = {"$gt": ["$until", now]}
        counted = {
            "number": {"$cond": [is_open, {"$add": ["$number", 1]}, 1]},
            "until": {"$cond": [is_open, "$until", now + WINDOW]},
        }
        found = await cls.collection().find_one_and_update(
            {"_id": _id(whose)}, [{"$set": counted}], upsert=True, return_document=ReturnDocument.AFTER
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


def _id(whose: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join(whose).encode("utf-8", "surrogatepass")).hexdigest()
