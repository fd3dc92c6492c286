"""What providers told that belongs to no interaction: kept, so that nothing heard is lost."""

from contextlib import suppress
from datetime import datetime

from pydantic import Field
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import utc_now
from domain.events import ProviderEvent
from domain.identifiers import derived_id
from models.base import Stored


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
        """Where it is stored."""

        name = "unmatched_news"
        indexes = [IndexModel([("tenant", ASCENDING), ("heard_at", ASCENDING)])]

    @classmethod
    def id_of(cls, integration_id: str, told: str) -> str:
        """The id that an integration's news always has, so that it is kept once however often it is told."""
        return derived_id("unmatched", integration_id, told)

    async def keep(self) -> None:
        """Keep it, unless it is kept already."""
        with suppress(DuplicateKeyError):
            await self.insert()
