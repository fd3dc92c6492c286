"""Webhooks that may come only once."""

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
    """The key that a webhook bears only once, of one that was taken."""

    taken_at: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored, and for how long."""

        name = "seen_webhooks"
        indexes = [IndexModel([("taken_at", ASCENDING)], expireAfterSeconds=TTL_SECONDS)]

    @classmethod
    async def is_seen(cls, integration_id: str, key: str) -> bool:
        """Whether a webhook with this key was taken before."""
        return await cls.find_one({"_id": _id(integration_id, key)}) is not None

    @classmethod
    async def remember(cls, integration_id: str, key: str) -> None:
        """Remember that a webhook with this key was taken."""
        try:
            await cls(id=_id(integration_id, key)).insert()
        except DuplicateKeyError:
            return


def _id(integration_id: str, key: str) -> str:
    return hashlib.sha256(f"{integration_id}\x1f{key}".encode()).hexdigest()
