"""End users: whom messages go to and come from."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pymongo import ASCENDING, IndexModel

from domain import interaction
from domain.clock import utc_now
from domain.destinations import DestinationKind
from models.base import Stored


class OwnedDestination(BaseModel):
    """A destination of a user."""

    model_config = ConfigDict(frozen=True)

    kind: DestinationKind
    value: str


class User(Stored):
    """An end user of one tenant, with any number of destinations."""

    tenant: str
    name: str
    metadata: dict[str, JsonValue] | None = None
    destinations: list[OwnedDestination] = []
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored; a destination has one owner in a tenant, and the database sees to it."""

        name = "users"
        indexes = [
            IndexModel(
                [("tenant", ASCENDING), ("destinations.kind", ASCENDING), ("destinations.value", ASCENDING)],
                unique=True,
                partialFilterExpression={"destinations.value": {"$exists": True}},
            )
        ]

    @classmethod
    async def owning(cls, tenant: str, destinations: Sequence[OwnedDestination]) -> list["User"]:
        """The tenant's users that own any of these destinations, oldest first."""
        any_of = [{"destinations": {"$elemMatch": destination.model_dump()}} for destination in destinations]
        return await User.find({"tenant": tenant, "$or": any_of}).sort("created", "_id").to_list()

    @classmethod
    async def having_ids(cls, tenant: str, ids: Sequence[str]) -> list["User"]:
        """The tenant's users with these ids, in the order of the ids."""
        users = await User.find({"tenant": tenant, "_id": {"$in": list(ids)}}).to_list()
        return sorted(users, key=lambda user: ids.index(user.id))

    def view(self) -> interaction.User:
        """The user as an interaction shows it."""
        by_kind: dict[str, list[str]] = {}
        for destination in self.destinations:
            by_kind.setdefault(destination.kind, []).append(destination.value)
        return interaction.User(id=self.id, name=self.name, metadata=self.metadata, primary_key=by_kind)
