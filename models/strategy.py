"""Stored strategies, whose every change is a new version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel

from domain.clock import utc_now
from domain.gate.category import Category
from domain.templates import Variable
from models.base import NEWEST_FIRST, Stored
from models.versions import Versions


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
        return await _VERSIONS.find(self.id, number)

    async def versions_before(self, number: int, limit: int) -> Sequence[StrategyVersion]:
        """Return the versions before a version, newest first."""
        return await _VERSIONS.before(self.id, number, limit)

    async def supersede(self, version: StrategyVersion) -> bool:
        """Replace the current version; return whether no concurrent change came first.

        Raises:
            DuplicateKeyError: if another strategy of the tenant has the new name.
        """
        return await _VERSIONS.supersede(self.id, self.newest.number, self.newest, version)

    async def remove(self) -> None:
        """Delete the strategy with all its versions."""
        await _VERSIONS.remove(self.id)


class EarlierStrategy(Stored):
    """An earlier version of a strategy."""

    strategy_id: str
    version: StrategyVersion

    class Settings:
        """Collection name and indexes."""

        name = "strategy_versions"
        indexes = [IndexModel([("strategy_id", ASCENDING), ("version.number", DESCENDING)])]


_VERSIONS: Final = Versions[StrategyVersion](Strategy, EarlierStrategy, "strategy_id", "strategy-version")
