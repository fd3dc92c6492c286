"""What providers told that belongs to no interaction: kept, so that nothing received is lost."""

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

TTL_SECONDS: Final = 30 * 24 * 60 * 60
"""How long news about nobody is kept: longer than any provider tells of a message."""


class UnmatchedEvent(Stored):
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
    received_at: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored, and for how long."""

        name = "unmatched_events"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("received_at", ASCENDING)]),
            IndexModel([("tenant", ASCENDING), ("event.destination", ASCENDING)]),
            IndexModel([("received_at", ASCENDING)], expireAfterSeconds=TTL_SECONDS),
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
    async def newest(cls, before: datetime, limit: int) -> "Sequence[UnmatchedEvent]":
        """Events that were received before a moment, the newest first."""
        return await cls.find(newest_selector(before)).sort("-received_at").limit(limit).to_list()


def newest_selector(before: datetime) -> dict[str, Any]:
    """What selects the news that `UnmatchedEvent.newest` gives."""
    return {"event": {"$ne": None}, "received_at": {"$lt": before}}
