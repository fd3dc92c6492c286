"""End users: senders and recipients of messages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pymongo import ASCENDING, IndexModel, ReturnDocument

from domain import interaction, phone_numbers
from domain.clock import utc_now
from domain.destinations import Destination, DestinationKind, normal_form
from domain.search_keys import prefixes, searchable, searchable_field, searchable_fields
from models.base import NEWEST_FIRST, Some, Stored

HERE: Final[Mapping[str, None]] = {"merge": None, "erasure": None}
"""Selector of the users that are neither merged into another nor erased."""

EMPTY: Final[Mapping[str, object]] = {
    "name": "",
    "metadata": None,
    "destinations": [],
    "time_zone": None,
    "name_keys": [],
    "metadata_keys": [],
    "fingerprint": "",
}
"""Values of a user's fields after a merge or an erasure."""


_LAST_CHARACTER: Final = "\U0010ffff"


class OwnedDestination(BaseModel):
    """A destination of a user.

    Attributes:
        value: as it was entered, or as the network that named it writes it.
        normal_form: form for comparison; no other user of the tenant has it in any spelling.
    """

    model_config = ConfigDict(frozen=True)

    kind: DestinationKind
    value: str
    normal_form: str = Field(default_factory=lambda data: normal_form(data["kind"], data["value"]))

    @classmethod
    def of(cls, destination: Destination) -> "OwnedDestination":
        """Convert a destination of an interaction."""
        return cls(kind=destination.key, value=destination.value)

    def spellings(self) -> set[str]:
        """All spellings of it, ignoring letter case."""
        numbers = phone_numbers.spellings(self.value) if self.kind is DestinationKind.PHONE_NUMBER else set[str]()
        return {self.value, self.normal_form, *numbers}

    @property
    def identity(self) -> tuple[str, str]:
        """Kind and normal form: equal for every spelling."""
        return self.kind.value, self.normal_form


class Merge(BaseModel):
    """Merge of a user into another.

    Attributes:
        into: the surviving user.
        completed: when everything was moved to it.
    """

    model_config = ConfigDict(frozen=True)

    into: str
    requested: datetime
    completed: datetime | None = None


class Erasure(BaseModel):
    """Erasure of a user.

    Attributes:
        destinations: its former destinations, by which its remaining data is found; empty once all is erased.
        interactions: number of interactions erased with it.
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
        time_zone: IANA name of the zone in which it lives, if that is known.
        fingerprint: of the request that created it; empty if a message did.
        merge: the user that it was merged into; then it has no name, metadata or destinations any more.
        erasure: its erasure; likewise.
        name_keys: search keys of its name, for prefixes.
        metadata_keys: search keys of its metadata.
    """

    tenant: str
    name: str
    metadata: dict[str, JsonValue] | None = None
    destinations: list[OwnedDestination] = []
    time_zone: str | None = None
    created: datetime = Field(default_factory=utc_now)
    fingerprint: str = ""
    merge: Merge | None = None
    erasure: Erasure | None = None
    name_keys: list[str] = []
    metadata_keys: list[str] = []

    class Settings:
        """Collection name and indexes; a unique index gives each destination one owner per tenant."""

        name = "users"
        indexes = [
            IndexModel(
                [("tenant", ASCENDING), ("destinations.kind", ASCENDING), ("destinations.normal_form", ASCENDING)],
                unique=True,
                partialFilterExpression={"destinations.normal_form": {"$exists": True}},
            ),
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("name_keys", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("metadata_keys", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("merge.into", ASCENDING)], partialFilterExpression={"merge.into": {"$exists": True}}),
        ]

    @model_validator(mode="after")
    def _with_keys(self) -> Self:
        self.name_keys, self.metadata_keys = prefixes(self.name), searchable_fields(self.metadata)
        return self

    @classmethod
    async def owning(cls, tenant: str, destinations: Sequence[OwnedDestination]) -> list["User"]:
        """Return the tenant's users that own any of these destinations, oldest first."""
        selector = {"tenant": tenant, "$or": [owns(destination) for destination in destinations]}
        return await User.find(selector).sort("created", "_id").to_list()

    @classmethod
    async def ids_owning(cls, tenant: str, destinations: Sequence[OwnedDestination]) -> list[str]:
        """Ids of the tenant's users that own any of these destinations, oldest first; no document is parsed."""
        selector = {"tenant": tenant, "$or": [owns(destination) for destination in destinations]}
        found = cls.collection().find(selector, {"_id": True}).sort([("created", ASCENDING), ("_id", ASCENDING)])
        return [user["_id"] async for user in found]

    @classmethod
    async def having_ids(cls, tenant: str, ids: Sequence[str]) -> list["User"]:
        """Return the tenant's users with these ids, in the order of the ids."""
        users = await User.find({"tenant": tenant, "_id": {"$in": list(ids)}}).to_list()
        return sorted(users, key=lambda user: ids.index(user.id))

    @classmethod
    async def surviving(cls, tenant: str, user_id: str) -> "User | None":
        """Return the tenant's user with this id, or the one that it was merged into; None if there is none."""
        found = await User.find_one({"tenant": tenant, "_id": user_id})
        while found is not None and found.merge is not None:
            found = await User.find_one({"tenant": tenant, "_id": found.merge.into})
        return found

    @classmethod
    async def of_interaction(cls, tenant: str, ids: Sequence[str]) -> "list[User]":
        """Return the users of an interaction; a merged user is replaced by the one that it was merged into."""
        if not ids:
            return []
        users: dict[str, User] = {}
        for user in await cls.having_ids(tenant, ids):
            found = user if user.merge is None else await cls.surviving(tenant, user.id)
            if found is not None:
                users[found.id] = found
        return list(users.values())

    @classmethod
    async def erased_among(cls, tenant: str, ids: Collection[str]) -> set[str]:
        """The erased ones among these users, including users whose merge target is erased."""
        if not ids:
            return set()
        gone = {"$or": [{"erasure": {"$ne": None}}, {"merge": {"$ne": None}}]}
        erased: set[str] = set()
        for user in await cls.find({"tenant": tenant, "_id": {"$in": list(ids)}, **gone}).to_list():
            last = user if user.merge is None else await cls.surviving(tenant, user.id)
            if last is not None and last.erasure is not None:
                erased.add(user.id)
        return erased

    @classmethod
    async def change(
        cls,
        tenant: str,
        user_id: str,
        update: Mapping[str, object] | Sequence[Mapping[str, object]],
        condition: Mapping[str, object] | None = None,
    ) -> "User | None":
        """Apply an update to the tenant's user; return None if there is none, or the condition does not hold.

        Raises:
            DuplicateKeyError: if a destination belongs to another user.
        """
        selector = {"tenant": tenant, "_id": user_id, **HERE, **(condition or {})}
        found = await cls.collection().find_one_and_update(selector, update, return_document=ReturnDocument.AFTER)
        return cls.model_validate(found) if found else None

    def destinations_named(self) -> set[str]:
        """Destinations that identify a user without a name: any of its own."""
        return {name for one in self.destinations for name in (one.value, one.normal_form)}

    def view(self) -> interaction.User:
        """The user as shown in an interaction."""
        by_kind: dict[str, list[str]] = {}
        for destination in self.destinations:
            by_kind.setdefault(destination.kind, []).append(destination.value)
        return interaction.User(id=self.id, name=self.name, metadata=self.metadata, primary_key=by_kind)


def adding_step(destinations: Sequence[OwnedDestination], removed: Sequence[OwnedDestination] = ()) -> dict[str, Any]:
    """Update step that adds destinations, unless the user has them in some spelling, and removes others."""
    is_removed = {"$in": [_IDENTITY, _identities(removed)]}
    remaining = {"$filter": {"input": "$destinations", "as": "one", "cond": {"$not": [is_removed]}}}
    known = {"$map": {"input": "$$remaining", "as": "one", "in": _IDENTITY}}
    new = {
        "$filter": {
            "input": {"$literal": [one.model_dump(mode="json") for one in destinations]},
            "as": "one",
            "cond": {"$not": [{"$in": [_IDENTITY, known]}]},
        }
    }
    return {
        "$set": {
            "destinations": {"$let": {"vars": {"remaining": remaining}, "in": {"$concatArrays": ["$$remaining", new]}}}
        }
    }


_IDENTITY: Final = ["$$one.kind", "$$one.normal_form"]


def _identities(destinations: Sequence[OwnedDestination]) -> dict[str, Any]:
    return {"$literal": [list(one.identity) for one in destinations]}


def owns(destination: OwnedDestination) -> dict[str, Any]:
    """Selector of the owner of a destination, in any spelling.

    The normal form is named twice, because MongoDB uses the partial index only where its condition visibly holds.
    """
    return {
        "destinations": {"$elemMatch": {"kind": destination.kind.value, "normal_form": destination.normal_form}},
        "destinations.normal_form": destination.normal_form,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Filter of a tenant's users; all given conditions must hold.

    Attributes:
        name: prefix of its name, or of a word of it.
        destinations: the user owns one of each of these.
        metadata: required metadata values, by name.
    """

    tenant: str
    name: str | None = None
    destinations: Sequence[Sequence[OwnedDestination]] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    def selector(self, after: Mapping[str, object]) -> dict[str, Any]:
        """Selector of the matching users, from a position on."""
        conditions: list[Mapping[str, object]] = [after]
        if self.name is not None:
            start = searchable(self.name)
            conditions.append({"name_keys": {"$elemMatch": {"$gte": start, "$lt": f"{start}{_LAST_CHARACTER}"}}})
        conditions += [{"$or": [owns(destination) for destination in any_of]} for any_of in self.destinations]
        if self.metadata:
            conditions.append({"metadata_keys": {"$all": [searchable_field(*one) for one in self.metadata.items()]}})
        return {"tenant": self.tenant, **HERE, "$and": conditions}

    async def found(self, after: Mapping[str, object], limit: int) -> Some[User]:
        """Return the newest matching users, from a position on."""
        return await User.read_some(self.selector(after), NEWEST_FIRST, limit)
