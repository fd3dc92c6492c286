"""Webhooks that are accepted once, against replay attacks and repetitions."""

import hashlib
from datetime import datetime

from pydantic import Field
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import utc_now
from models.base import Stored

TTL_SECONDS = 2 * 24 * 60 * 60
"""How long a webhook's key is remembered: longer than any provider repeats one."""


class SeenWebhook(Stored):
    """The unique key of a webhook that was accepted."""

    taken_at: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name and indexes; old keys are removed by a TTL index."""

        name = "seen_webhooks"
        indexes = [IndexModel([("taken_at", ASCENDING)], expireAfterSeconds=TTL_SECONDS)]

    @classmethod
    async def is_seen(cls, integration_id: str, key: str) -> bool:
        """Whether a webhook with this key was accepted before."""
        return await cls.find_one({"_id": _id(integration_id, key)}) is not None

    @classmethod
    async def remember(cls, integration_id: str, key: str) -> None:
        """Record that a webhook with this key was accepted."""
        try:
            await cls(id=_id(integration_id, key)).insert()
        except DuplicateKeyError:
            return


def _id(integration_id: str, key: str) -> str:
    return hashlib.sha256(f"{integration_id}\x1f{key}".encode()).hexdigest()
