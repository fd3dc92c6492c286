"""Search of a tenant's interactions: every filter uses an index, and every page takes bounded time."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue

from domain.channels import Channel
from domain.destinations import Destination
from domain.gate.category import Category
from domain.interaction import Direction, IntegrationReference
from domain.search_keys import searchable_field
from domain.status import Status
from models.base import NEWEST_FIRST
from models.interaction import LISTED_BY, RESEND_OF_FIELD, Interaction, newest_first_by, redacted_summary
from models.user import User
from queries.cursor import Cursor
from queries.waiting import WAITING

MAX_SCANNED: Final = 4_000
"""Maximum number of interactions examined per page, where an index alone does not decide which ones match."""

MAX_SCANS: Final = 100
"""Maximum number of index scans per list. MongoDB merges at most 200 (`internalQueryMaxScansToExplode`), and would
otherwise sort in memory.
"""

_INTEGRATION: Final = "integration.integration_id"

_FEWER_THAN_OF_AN_INTEGRATION: Final = LISTED_BY[: LISTED_BY.index(_INTEGRATION)]
"""Filters more selective than an integration."""

_USUAL: Final = frozenset({Status.SENT, Status.COMPLETED, Status.RECEIVED})
"""The most frequent statuses, each less selective than an integration."""


class InteractionSummary(BaseModel):
    """Summary of an interaction in a list: everything but its payload, history and provider events."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(validation_alias=AliasChoices("_id", "id"))
    summary: str
    created: datetime
    updated: datetime
    integration: IntegrationReference
    metadata: dict[str, JsonValue]
    primary_key: dict[str, JsonValue]
    process_id: str | None
    user_ids: list[str]
    destinations: list[Destination]
    direction: Direction
    category: Category | None = None
    status: Status
    custom_status: str | None

    def as_shown(self, erased: AbstractSet[str]) -> "InteractionSummary":
        """The summary without personal data of erased users, and without contents where all its users are erased."""
        if erased.isdisjoint(self.user_ids):
            return self
        return self.model_copy(update=redacted_summary(self.destinations, self.user_ids, erased))


_SHOWN: Final = {field: True for field in InteractionSummary.model_fields if field != "id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionFilter:
    """Filter of a tenant's interactions; all given conditions must hold.

    Attributes:
        statuses: any of these; empty means any.
        destinations: any of these normal forms.
        metadata: required metadata values, by name.
        primary_key: required primary key values, by name.
        words: all of these (`domain.tokenizer`).
        waiting_for: those that wait for this.
        since: created at or after.
        until: created before.
    """

    tenant: str
    statuses: Collection[Status] = ()
    custom_status: str | None = None
    channel: Channel | None = None
    provider: str | None = None
    integration_id: str | None = None
    process_id: str | None = None
    user_id: str | None = None
    destinations: Collection[str] = ()
    direction: Direction | None = None
    category: Category | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    primary_key: Mapping[str, str] = field(default_factory=dict[str, str])
    words: Sequence[str] = ()
    resend_of: str | None = None
    waiting_for: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> dict[str, Any]:
        """Required values by field, without the tenant and the dates."""
        asked: dict[str, Any] = {
            RESEND_OF_FIELD: self.resend_of,
            "process_id": self.process_id,
            "user_ids": self.user_id,
            _INTEGRATION: self.integration_id,
            "custom_status": self.custom_status,
            "category": self.category,
            "integration.channel": self.channel,
            "integration.provider": self.provider,
        }
        conditions = {field: value for field, value in asked.items() if value is not None}
        statuses = self.possible_statuses()
        if len(statuses) < len(Status):
            conditions["status"] = {"$in": sorted(statuses)}
        if self.destinations:
            conditions["destinations.normal_form"] = {"$in": sorted(self.destinations)}
        if self.waiting_for is not None:
            conditions |= WAITING[self.waiting_for]
        return conditions | {name: {"$all": keys} for name, keys in self.keys().items() if keys}

    def keys(self) -> dict[str, list[str]]:
        """Keys that list fields must contain, by field."""
        return {
            "metadata_keys": [searchable_field(*one) for one in self.metadata.items()],
            "primary_key_keys": [searchable_field(*one) for one in self.primary_key.items()],
            "words": list(self.words),
        }

    def possible_statuses(self) -> set[Status]:
        """The requested statuses that are possible in the requested direction."""
        statuses = set(self.statuses or Status)
        if self.waiting_for is not None:
            statuses &= {WAITING[self.waiting_for].get("status", Status.DISPATCH_PENDING)}
        match self.direction:
            case Direction.IN:
                return statuses & {Status.RECEIVED}
            case Direction.OUT:
                return statuses - {Status.RECEIVED}
            case None:
                return statuses


class InteractionPage(NamedTuple):
    """A page of results.

    Attributes:
        items: newest first.
        scanned_until: the last position examined, if the page ended before the list did.
    """

    items: list[InteractionSummary]
    scanned_until: Cursor | None


@dataclass(frozen=True, slots=True)
class Search:
    """Execution of a filter: one index, and a condition checked on each interaction found there.

    Attributes:
        tenant: the tenant.
        index: the collection with the index.
        along: selector of the index range.
        besides: conditions beyond the index.
    """

    tenant: str
    index: list[tuple[str, int]]
    along: Mapping[str, Any]
    besides: Mapping[str, Any]

    def find(self, limit: int, scan_limit: Cursor | None = None) -> Any:  # noqa: ANN401 - the driver's own generics
        """The matching interactions, newest first, down to a position."""
        until = scan_limit.up_to("created") if scan_limit else {}
        selector: dict[str, Any] = {"$and": [self.along, self.besides, until]}
        return Interaction.collection().find(selector, _SHOWN).sort(NEWEST_FIRST).limit(limit).hint(self.index)

    def find_scan_limit(self) -> Any:  # noqa: ANN401 - the driver's own generics
        """The last interaction that one page examines, by the index alone."""
        found = Interaction.collection().find(dict(self.along), {"created": True}).sort(NEWEST_FIRST)
        return found.skip(MAX_SCANNED - 1).limit(1).hint(self.index)

    async def page(self, limit: int) -> InteractionPage:
        """Return the next page of at most `limit`."""
        scan_limit = await self.scan_limit() if self.besides else None
        documents = await self.find(limit, scan_limit).to_list()
        items = [InteractionSummary.model_validate(document) for document in documents]
        erased = await User.erased_among(self.tenant, {user_id for item in items for user_id in item.user_ids})
        return InteractionPage([item.as_shown(erased) for item in items], scan_limit)

    async def scan_limit(self) -> Cursor | None:
        """The last position that one page examines, or None if the list ends before."""
        last = await self.find_scan_limit().to_list()
        return Cursor(last[0]["created"], last[0]["_id"]) if last else None


async def search(filters: InteractionFilter, after: Mapping[str, Any] | None = None) -> Search | None:
    """Choose the search for a filter; None if nothing can match.

    Args:
        filters: the filters.
        after: selector of the positions after the previous page.
    """
    conditions = filters.conditions()
    statuses = filters.possible_statuses()
    is_rare = not _USUAL & statuses
    if not is_rare and not any(field in conditions for field in _FEWER_THAN_OF_AN_INTEGRATION):
        await _name_integrations(filters, conditions)
    if not statuses or conditions.get(_INTEGRATION) == {"$in": []}:
        return None
    by = next((name for name in LISTED_BY if name in conditions), None)
    if by == _INTEGRATION and is_rare:
        by = "status"
    along = [{"tenant": filters.tenant}, after or {}, _between(filters.since, filters.until)]
    keys = filters.keys()
    if by in keys:
        along.append({by: await _rarest(filters.tenant, by, keys[by])})
    elif by:
        along.append({by: conditions.pop(by)})
    return Search(filters.tenant, newest_first_by(by), {"$and": along}, conditions)


async def _name_integrations(filters: InteractionFilter, conditions: dict[str, Any]) -> None:
    """Replace a channel or provider by its integrations, which are few and indexed."""
    if filters.channel is None and filters.provider is None:
        return
    pipeline: list[dict[str, Any]] = [
        {"$match": {"tenant": filters.tenant}},
        {"$sort": dict(newest_first_by(_INTEGRATION))},
        {"$group": {"_id": f"${_INTEGRATION}", "integration": {"$first": "$integration"}}},
    ]
    # Read from the interactions themselves, since their integration may be deleted.
    found = await (await Interaction.collection().aggregate(pipeline)).to_list()
    named = {
        one.integration_id
        for one in (IntegrationReference.model_validate(group["integration"]) for group in found)
        if filters.channel in {None, one.channel} and filters.provider in {None, one.provider}
    }
    if filters.integration_id is not None:
        named &= {filters.integration_id}
    if len(named) <= MAX_SCANS:
        conditions.pop("integration.channel", None)
        conditions.pop("integration.provider", None)
        conditions[_INTEGRATION] = {"$in": sorted(named)}


async def _rarest(tenant: str, field_name: str, keys: Sequence[str]) -> str:
    """The key that the fewest interactions have."""

    async def count(key: str) -> int:
        selector = {"tenant": tenant, field_name: key}
        hint = newest_first_by(field_name)
        return await Interaction.collection().count_documents(selector, limit=MAX_SCANNED, hint=hint)

    if len(keys) == 1:
        return keys[0]
    counts = [await count(key) for key in keys]
    return keys[counts.index(min(counts))]


def _between(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    bounds = {operator: date for operator, date in (("$gte", since), ("$lt", until)) if date is not None}
    return {"created": bounds} if bounds else {}
