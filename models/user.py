"""End users: whom messages go to and come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pymongo import ASCENDING, IndexModel, ReturnDocument

from domain import interaction
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.searching import beginnings, searchable, searchable_field, searchable_fields
from models.base import NEWEST_FIRST, Some, Stored

HERE: Final[Mapping[str, None]] = {"merge": None, "erasure": None}
"""What selects the users that are neither merged into another nor erased."""

EMPTY: Final[Mapping[str, object]] = {
    "name": "",
    "metadata": None,
    "destinations": [],
    "name_keys": [],
    "metadata_keys": [],
    "fingerprint": "",
}
"""What is left of a user that is merged or erased."""


_LAST_CHARACTER: Final = "\U0010ffff"


class OwnedDestination(BaseModel):
    """A destination of a user."""

    model_config = ConfigDict(frozen=True)

    kind: DestinationKind
    value: str


class Merge(BaseModel):
    """That a user is another from now on.

    Attributes:
        into: the other.
        completed: when all that was the user's was the other's.
    """

    model_config = ConfigDict(frozen=True)

    into: str
    requested: datetime
    completed: datetime | None = None


class Erasure(BaseModel):
    """That a user is erased.

    Attributes:
        destinations: those that it had, by which what is left of it is found; none once all is erased.
        interactions: how many were erased with it.
        completed: when all was erased.
    """

    model_config = ConfigDict(frozen=True)

    requested: datetime
    destinations: list[OwnedDestination] = []
    interactions: int = 0
    completed: datetime | None = None


class User(Stored):
    """An end user of one tenant, with any number of destinations.

    Attributes:
        fingerprint: of the request that made it; empty if a message did.
        merge: into whom it was merged; then it has no name, no metadata and no destinations any more.
        erasure: that it was erased; likewise.
        name_keys: what its name is found by the beginning of.
        metadata_keys: what its metadata is found by.
    """

    tenant: str
    name: str
    metadata: dict[str, JsonValue] | None = None
    destinations: list[OwnedDestination] = []
    created: datetime = Field(default_factory=utc_now)
    fingerprint: str = ""
    merge: Merge | None = None
    erasure: Erasure | None = None
    name_keys: list[str] = []
    metadata_keys: list[str] = []

    class Settings:
        """Where it is stored; a destination has one owner in a tenant, and the database sees to it."""

        name = "users"
        indexes = [
            IndexModel(
                [("tenant", ASCENDING), ("destinations.kind", ASCENDING), ("destinations.value", ASCENDING)],
                unique=True,
                partialFilterExpression={"destinations.value": {"$exists": True}},
            ),
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("name_keys", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("metadata_keys", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("merge.into", ASCENDING)], partialFilterExpression={"merge.into": {"$exists": True}}),
        ]

    @model_validator(mode="after")
    def _with_keys(self) -> Self:
        self.name_keys, self.metadata_keys = beginnings(self.name), searchable_fields(self.metadata)
        return self

    @classmethod
    async def owning(cls, tenant: str, destinations: Sequence[OwnedDestination]) -> list["User"]:
        """The tenant's users that own any of these destinations, oldest first."""
        selector = {"tenant": tenant, "$or": [owns(destination) for destination in destinations]}
        return await User.find(selector).sort("created", "_id").to_list()

    @classmethod
    async def ids_owning(cls, tenant: str, destinations: Sequence[OwnedDestination]) -> list[str]:
        """The ids of the tenant's users that own any of these destinations, oldest first; no document is parsed."""
        selector = {"tenant": tenant, "$or": [owns(destination) for destination in destinations]}
        found = cls.collection().find(selector, {"_id": True}).sort([("created", ASCENDING), ("_id", ASCENDING)])
        return [user["_id"] async for user in found]

    @classmethod
    async def having_ids(cls, tenant: str, ids: Sequence[str]) -> list["User"]:
        """The tenant's users with these ids, in the order of the ids."""
        users = await User.find({"tenant": tenant, "_id": {"$in": list(ids)}}).to_list()
        return sorted(users, key=lambda user: ids.index(user.id))

    @classmethod
    async def surviving(cls, tenant: str, user_id: str) -> "User | None":
        """The tenant's user with this id, or the one that it was merged into; None if there is none."""
        found = await User.find_one({"tenant": tenant, "_id": user_id})
        while found is not None and found.merge is not None:
            found = await User.find_one({"tenant": tenant, "_id": found.merge.into})
        return found

    @classmethod
    async def of_interaction(cls, tenant: str, ids: Sequence[str]) -> "list[User]":
        """The users that an interaction names: where one was merged a moment ago, the one that it was merged into."""
        if not ids:
            return []
        users: dict[str, User] = {}
        for user in await cls.having_ids(tenant, ids):
            found = user if user.merge is None else await cls.surviving(tenant, user.id)
            if found is not None:
                users[found.id] = found
        return list(users.values())

    @classmethod
    async def change(
        cls, tenant: str, user_id: str, update: Mapping[str, object], condition: Mapping[str, object] | None = None
    ) -> "User | None":
        """The tenant's user with an update applied; None if there is none (any more), or the condition does not hold.

        Raises:
            DuplicateKeyError: if it would own a destination of another.
        """
        selector = {"tenant": tenant, "_id": user_id, **HERE, **(condition or {})}
        found = await cls.collection().find_one_and_update(selector, dict(update), return_document=ReturnDocument.AFTER)
        return cls.model_validate(found) if found else None

    def view(self) -> interaction.User:
        """The user as an interaction shows it."""
        by_kind: dict[str, list[str]] = {}
        for destination in self.destinations:
            by_kind.setdefault(destination.kind, []).append(destination.value)
        return interaction.User(id=self.id, name=self.name, metadata=self.metadata, primary_key=by_kind)


def owns(destination: OwnedDestination) -> dict[str, Any]:
    """What selects the owner of a destination.

    The value is named twice: MongoDB uses the partial index only where its condition is seen to hold.
    """
    return {
        "destinations": {"$elemMatch": destination.model_dump(mode="json")},
        "destinations.value": destination.value,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which users are sought: those of a tenant for which all that is given holds.

    Attributes:
        name: how its name, or a word of it, begins.
        destinations: of each of these it owns one.
        metadata: what its metadata says, by name.
    """

    tenant: str
    name: str | None = None
    destinations: Sequence[Sequence[OwnedDestination]] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    def selector(self, after: Mapping[str, object]) -> dict[str, Any]:
        """What selects them, from a place in the list on."""
        conditions: list[Mapping[str, object]] = [after]
        if self.name is not None:
            start = searchable(self.name)
            conditions.append({"name_keys": {"$elemMatch": {"$gte": start, "$lt": f"{start}{_LAST_CHARACTER}"}}})
        conditions += [{"$or": [owns(destination) for destination in any_of]} for any_of in self.destinations]
        if self.metadata:
            conditions.append({"metadata_keys": {"$all": [searchable_field(*one) for one in self.metadata.items()]}})
        return {"tenant": self.tenant, **HERE, "$and": conditions}

    async def found(self, after: Mapping[str, object], limit: int) -> Some[User]:
        """The newest of them, from a place in the list on."""
        return await User.read_some(self.selector(after), NEWEST_FIRST, limit)
