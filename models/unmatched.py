"""What providers told that belongs to no interaction: kept, so that nothing heard is lost."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from pydantic import Field
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import utc_now
from domain.events import ProviderEvent
from domain.identifiers import derived_id
from models.base import Stored

KEPT_SECONDS: Final = 30 * 24 * 60 * 60
"""How long news about nobody is kept: longer than any provider tells of a message."""


class UnmatchedNews(Stored):
    """A verified webhook, or one event of it, that could not be given to an interaction.

    Attributes:
        reason: why not.
        event: what was told, if it could be read.
        body: the raw body, cut, if it could not.
    """

    tenant: str
    integration_id: str
    reason: str
    event: ProviderEvent | None = None
    body: str | None = None
    heard_at: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored, and for how long."""

        name = "unmatched_news"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("heard_at", ASCENDING)]),
            IndexModel([("tenant", ASCENDING), ("event.destination", ASCENDING)]),
            IndexModel([("heard_at", ASCENDING)], expireAfterSeconds=KEPT_SECONDS),
        ]

    @classmethod
    def id_of(cls, integration_id: str, told: str) -> str:
        """The id that an integration's news always has, so that it is kept once however often it is told."""
        return derived_id("unmatched", integration_id, told)

    async def keep(self) -> None:
        """Keep it, unless it is kept already."""
        with suppress(DuplicateKeyError):
            await self.insert()

    @classmethod
    async def newest(cls, before: datetime, limit: int) -> "Sequence[UnmatchedNews]":
        """Events that were heard before a moment, the newest first."""
        return await cls.find(newest_selector(before)).sort("-heard_at").limit(limit).to_list()


def newest_selector(before: datetime) -> dict[str, Any]:
    """What selects the news that `UnmatchedNews.newest` gives."""
    return {"event": {"$ne": None}, "heard_at": {"$lt": before}}
