"""Consents: what recipients of a tenant take and refuse."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from pydantic import BaseModel, Field
from pymongo import ASCENDING, IndexModel, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.gate import consent as domain
from domain.gate.consent import (
    NO_EVIDENCE,
    ConsentCategory,
    ConsentChange,
    ConsentScope,
    ConsentSource,
    ConsentState,
    Coverage,
    Evidence,
)
from domain.identifiers import derived_id
from models.base import DUPLICATE_KEY, NEWEST_FIRST, Stored

MAX_HISTORY: Final = 50
"""Statements kept of one consent; older ones are dropped."""


_IS_UNPUBLISHED: Final = {"unpublished.0": {"$exists": True}}

_Operation = InsertOne[dict[str, Any]] | UpdateOne


class ConsentKey(Stored):
    """Key by which a tenant's consents name destinations; its id is the tenant's name.

    Attributes:
        key: 32 random bytes. They are not encrypted: a worker without the right encryption keys admits messages too.
    """

    key: bytes

    class Settings:
        """Collection name."""

        name = "consent_keys"


class Statement(BaseModel):
    """One entry of a consent's history."""

    state: ConsentState
    source: ConsentSource
    at: datetime
    until: datetime | None = None
    evidence: Evidence = NO_EVIDENCE


class Consent(Stored):
    """Latest statement of one coverage about one destination, with those before.

    The id is derived from the tenant, the person and the coverage, so that there is one document of each.

    Attributes:
        person: HMAC of the destination with the tenant's key; it remains when the user is erased.
        value: the destination as last written; empty once its user is erased.
        at: when the latest statement was made.
        until: when the opt-out ends by itself; None if it does not.
        history: all statements, oldest first, at most `MAX_HISTORY`.
        unpublished: times of the statements whose event may not be stored yet; empty where nobody subscribed to them.
        unpublished_since: when the latest of them was written.
    """

    tenant: str
    person: str
    kind: DestinationKind
    value: str
    scope: ConsentScope
    scope_value: str
    category: ConsentCategory
    state: ConsentState
    source: ConsentSource
    at: datetime
    until: datetime | None = None
    evidence: Evidence = NO_EVIDENCE
    history: list[Statement] = []
    unpublished: list[datetime] = []
    unpublished_since: datetime | None = None
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Collection name and indexes."""

        name = "consents"
        indexes = [
            IndexModel(
                [(name, ASCENDING) for name in ("tenant", "person", "scope", "scope_value", "category")], unique=True
            ),
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("state", ASCENDING), *NEWEST_FIRST]),
            # Only those of processes that died between the two writes, and of the last moments.
            IndexModel([("unpublished_since", ASCENDING)], partialFilterExpression=_IS_UNPUBLISHED),
        ]

    @property
    def coverage(self) -> Coverage:
        """The senders and the category that it is about."""
        return Coverage(scope=self.scope, scope_value=self.scope_value, category=self.category)

    @property
    def view(self) -> domain.Consent:
        """The consent as the rules see it."""
        return domain.Consent(
            coverage=self.coverage, state=self.state, source=self.source, at=self.at, until=self.until
        )

    def changing(self, at: datetime) -> Statement | None:
        """Return the statement of that time, if it changed the state or its end; the first one does."""
        for position, statement in enumerate(self.history):
            if statement.at == at:
                before = self.history[position - 1] if position else None
                is_repeated = before is not None and (before.state, before.until) == (statement.state, statement.until)
                return None if is_repeated else statement
        return None

    @staticmethod
    def id_of(tenant: str, person: str, coverage: Coverage) -> str:
        """The id of a consent."""
        return derived_id("consent", tenant, person, coverage.scope, coverage.scope_value, coverage.category)

    @classmethod
    async def about(cls, tenant: str, persons: Collection[str], scope_values: Collection[str]) -> list["Consent"]:
        """Return the consents about these persons in these scopes."""
        selector = {"tenant": tenant, "person": {"$in": list(persons)}, "scope_value": {"$in": list(scope_values)}}
        return await Consent.find(selector).to_list()

    @classmethod
    async def empty(cls, tenant: str, persons: Collection[str]) -> None:
        """Remove what identifies these persons: only the HMAC, the states and the dates stay."""
        nothing = NO_EVIDENCE.model_dump()
        emptied = {"value": "", "evidence": nothing, "history.$[].evidence": nothing}
        await cls.collection().update_many({"tenant": tenant, "person": {"$in": list(persons)}}, {"$set": emptied})

    @classmethod
    async def write(
        cls,
        tenant: str,
        changes: Sequence[tuple[str, ConsentChange]],
        *,
        only_opted_out: bool = False,
        is_published: bool = False,
    ) -> int:
        """Write statements about persons, and return how many consents they changed.

        A statement that is not later than the stored one changes nothing, so that a repeated write has no effect.

        Args:
            tenant: the tenant.
            changes: each with the person.
            only_opted_out: change existing opt-outs only.
            is_published: mark the statements as unpublished until `mark_published`.
        """
        how = _Writing(tenant, utc_now() if is_published else None, only_opted_out=only_opted_out)
        stored = await cls._stored(tenant, changes)
        later = [
            (person, change)
            for person, change in changes
            if (at := stored.get(cls.id_of(tenant, person, change.coverage))) is None or at < change.at
        ]
        operations = [
            how.update(person, change)
            if only_opted_out or cls.id_of(tenant, person, change.coverage) in stored
            else InsertOne(how.document(person, change))
            for person, change in later
        ]
        if not operations:
            return 0
        changed, refused = await cls._write(operations)
        # An insertion fails if another statement inserts the consent at this moment: that one may be the older.
        updates = [how.update(*later[position]) for position in refused]
        again, _ = await cls._write(updates) if updates else (0, [])
        return changed + again

    @classmethod
    async def mark_published(cls, stated: Mapping[str, datetime]) -> None:
        """Note that the events of statements are stored; by the consent's id, when each was made."""
        updates = [UpdateOne({"_id": one}, {"$pull": {"unpublished": at}}) for one, at in stated.items()]
        await cls.collection().bulk_write(updates, ordered=False)

    @classmethod
    async def unpublished_before(cls, before: datetime, limit: int) -> "Sequence[Consent]":
        """Return consents whose statements were not published before a moment, the longest waiting first."""
        selector = {**_IS_UNPUBLISHED, "unpublished_since": {"$lt": before}}
        return await cls.find(selector).sort("unpublished_since").limit(limit).to_list()

    @classmethod
    async def _stored(cls, tenant: str, changes: Sequence[tuple[str, ConsentChange]]) -> dict[str, datetime]:
        """Return when the stored consents were stated, by their ids."""
        ids = [cls.id_of(tenant, person, change.coverage) for person, change in changes]
        return {one["_id"]: one["at"] async for one in cls.collection().find({"_id": {"$in": ids}}, {"at": True})}

    @classmethod
    async def _write(cls, operations: Sequence[_Operation]) -> tuple[int, list[int]]:
        """Return how many consents were changed, and the positions of the operations whose consent exists already."""
        try:
            done = await cls.collection().bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            # The update of an older statement finds nothing to change, and its insertion finds the newer one.
            details = cast("dict[str, Any]", error.details)
            if any(one["code"] != DUPLICATE_KEY for one in details["writeErrors"]):
                raise
            refused: list[int] = [one["index"] for one in details["writeErrors"]]
            return int(details["nInserted"]) + int(details["nModified"]) + int(details["nUpserted"]), refused
        return done.inserted_count + done.modified_count + done.upserted_count, list[int]()


def _statement(change: ConsentChange) -> dict[str, Any]:
    statement = Statement(
        state=change.state, source=change.source, at=change.at, until=change.until, evidence=change.evidence
    )
    return statement.model_dump()


@dataclass(frozen=True, slots=True)
class _Writing:
    """How statements are written.

    Attributes:
        unpublished_since: the time of the write, if the statements are marked as unpublished.
    """

    tenant: str
    unpublished_since: datetime | None
    only_opted_out: bool

    def document(self, person: str, change: ConsentChange) -> dict[str, Any]:
        """A new consent."""
        statement, since = _statement(change), self.unpublished_since
        return {
            "_id": Consent.id_of(self.tenant, person, change.coverage),
            "tenant": self.tenant,
            "person": person,
            "kind": change.kind.value,
            "value": change.value,
            "created": utc_now(),
            **change.coverage.model_dump(mode="json"),
            **statement,
            "history": [statement],
            **({"unpublished": [change.at], "unpublished_since": since} if since is not None else {}),
        }

    def update(self, person: str, change: ConsentChange) -> UpdateOne:
        """A change of a consent, which also creates one unless only existing opt-outs are changed."""
        selector: dict[str, Any] = {
            "_id": Consent.id_of(self.tenant, person, change.coverage),
            "at": {"$lt": change.at},
        }
        if self.only_opted_out:
            selector["state"] = ConsentState.OUT.value
        statement = _statement(change)
        # An unsubscribe link of an erased user does not know the destination, which may have become known again since.
        written = {**statement, **({"kind": change.kind.value, "value": change.value} if change.value else {})}
        pushed: dict[str, Any] = {"history": {"$each": [statement], "$slice": -MAX_HISTORY}}
        if self.unpublished_since is not None:
            written["unpublished_since"] = self.unpublished_since
            pushed["unpublished"] = change.at
        named = {*written, *pushed, "_id"}
        initial = {name: value for name, value in self.document(person, change).items() if name not in named}
        return UpdateOne(
            selector,
            {"$set": written, "$push": pushed, "$setOnInsert": initial},
            upsert=not self.only_opted_out,
        )
