"""Provider events that match no interaction, stored so that nothing received is lost."""

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
"""How long unmatched events are kept: longer than any provider reports on a message."""


class UnmatchedEvent(Stored):
    """A verified webhook, or one of its events, that could not be assigned to an interaction.

    Attributes:
        reason: why it could not.
        event: the parsed event, if it could be parsed.
        body: the raw body, truncated, if it could not.
    """

    tenant: str
    integration_id: str
    reason: str
    event: ProviderEvent | None = None
    body: str | None = None
    received_at: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name and indexes; old events are removed by a TTL index."""

        name = "unmatched_events"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("received_at", ASCENDING)]),
            IndexModel([("tenant", ASCENDING), ("event.destination", ASCENDING)]),
            IndexModel([("received_at", ASCENDING)], expireAfterSeconds=TTL_SECONDS),
        ]

    @classmethod
    def id_of(cls, integration_id: str, event_key: str) -> str:
        """The deterministic id of an integration's event, so that repetitions are stored once."""
        return derived_id("unmatched", integration_id, event_key)

    async def insert_once(self) -> None:
        """Insert it unless it exists."""
        with suppress(DuplicateKeyError):
            await self.insert()

    @classmethod
    async def newest(cls, before: datetime, limit: int) -> "Sequence[UnmatchedEvent]":
        """Return events that were received before a moment, newest first."""
        return await cls.find(newest_selector(before)).sort("-received_at").limit(limit).to_list()


def newest_selector(before: datetime) -> dict[str, Any]:
    """Selector of the events that `UnmatchedEvent.newest` returns."""
    return {"event": {"$ne": None}, "received_at": {"$lt": before}}
