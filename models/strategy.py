"""Stored strategies, whose every change is a new version."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import utc_now
from domain.gate.category import Category
from domain.identifiers import derived_id
from domain.templates import Variable
from models.base import NEWEST_FIRST, Stored


class StrategyVersion(BaseModel):
    """An immutable version of a strategy.

    Attributes:
        steps: as the request wrote them; their texts may have placeholders.
        category: the default category of its sends; None for that of their first step.
    """

    number: int
    name: str
    steps: list[dict[str, JsonValue]]
    variables: list[Variable]
    category: Category | None = None
    author_id: str
    created: datetime = Field(default_factory=utc_now)


class Strategy(Stored):
    """Steps that sends name by its id.

    Attributes:
        newest: the current version; earlier ones are `EarlierStrategy`s.
        fingerprint: of the request that created it; a different request with the same `Idempotency-Key` has another.
    """

    tenant: str
    newest: StrategyVersion
    fingerprint: str
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name and indexes; a name is unique within a tenant."""

        name = "strategies"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("newest.name", ASCENDING)], unique=True),
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
        ]

    async def version(self, number: int | None) -> StrategyVersion | None:
        """Return one version, by default the newest; None if there is no such version."""
        if number is None or number == self.newest.number:
            return self.newest
        found = await EarlierStrategy.find_one({"_id": EarlierStrategy.id_of(self.id, number)})
        return found.version if found else None

    async def supersede(self, version: StrategyVersion) -> bool:
        """Replace the current version; return whether no concurrent change came first.

        The current version is saved first, so that every version can be found at every moment.

        Raises:
            DuplicateKeyError: if another strategy of the tenant has the new name.
        """
        earlier_id = EarlierStrategy.id_of(self.id, self.newest.number)
        with suppress(DuplicateKeyError):  # saved by a concurrent change, or by an attempt that was interrupted here
            await EarlierStrategy(id=earlier_id, strategy_id=self.id, version=self.newest).insert()
        selector = {"_id": self.id, "newest.number": self.newest.number}
        written = await self.collection().update_one(selector, {"$set": {"newest": version.model_dump()}})
        return written.matched_count == 1

    async def remove(self) -> None:
        """Delete the strategy with all its versions."""
        await self.collection().delete_one({"_id": self.id})
        await EarlierStrategy.collection().delete_many({"strategy_id": self.id})


class EarlierStrategy(Stored):
    """An earlier version of a strategy."""

    strategy_id: str
    version: StrategyVersion

    class Settings:
        """Collection name and indexes."""

        name = "strategy_versions"
        indexes = [IndexModel([("strategy_id", ASCENDING), ("version.number", DESCENDING)])]

    @staticmethod
    def id_of(strategy_id: str, number: int) -> str:
        """The deterministic id of a version."""
        return derived_id("strategy-version", strategy_id, str(number))

    @classmethod
    async def before(cls, strategy_id: str, number: int, limit: int) -> list[StrategyVersion]:
        """Return the versions before a version, newest first."""
        earlier: dict[str, Any] = {"strategy_id": strategy_id, "version.number": {"$lt": number}}
        found = await cls.find(earlier).sort("-version.number").limit(limit).to_list()
        return [one.version for one in found]
