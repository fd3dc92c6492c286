"""Processes: conversations, which group interactions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument

from domain.clock import utc_now
from domain.gate.order import OrderRequest
from domain.interaction import Direction, ProcessSummary
from models.base import ANY_TEXT, NEWEST_FIRST, Stored

_IS_DRAFT: Final = {"is_draft": True}

LATEST_FIRST: Final = (("last_interaction_at", DESCENDING), ("_id", DESCENDING))
"""Sort order of an inbox: by the last interaction."""

MAX_ORDERED: Final = 50
"""Messages of a destination whose order a process remembers: a step of the newest may be repeated meanwhile."""

MAX_USERS: Final = 1_000
"""Maximum number of users of one process, more than any conversation has."""


class Process(Stored):
    """A conversation with one or more users through one or more integrations; their messages join it.

    Attributes:
        metadata_keys: search keys of its metadata; a change of the metadata must change them too.
        primary_key_keys: search keys of its primary key, likewise.
        integration_ids: its integrations; the first is the one that it was created for.
        last_interaction_id: its newest interaction, whose `isLastEntry` is true.
        last_interaction_at: when that one was created, so that an event about an older one does not replace it.
        group_id: the provider's id of its group; None for a private conversation.
        order: ids of its newest messages that keep its order, by destination (`order_step`).
        order_default: what its sends that say nothing about the order say.
        is_draft: whether it is being prepared; inbound messages do not join a draft.
        fingerprint: of the request that created it; empty if a message did.
    """

    tenant: str
    integration_ids: list[str]
    user_ids: list[str]
    group_id: str | None = None
    metadata: dict[str, JsonValue] = {}
    metadata_keys: list[str] = []
    primary_key: dict[str, JsonValue] = {}
    primary_key_keys: list[str] = []
    is_closed: bool = False
    is_draft: bool = False
    order: dict[str, list[str]] = {}
    order_default: OrderRequest | None = None
    last_direction: Direction | None = None
    last_interaction_id: str | None = None
    last_interaction_at: datetime | None = None
    created: datetime = Field(default_factory=utc_now)
    fingerprint: str = ""

    class Settings:
        """Collection name and indexes.

        An inbound message looks for the newest open process of its user on its integration. MongoDB cannot index two
        lists together, so the first match among the user's processes is taken.
        """

        name = "processes"
        indexes = [
            IndexModel(
                [("tenant", ASCENDING), ("user_ids", ASCENDING), ("is_closed", ASCENDING), ("created", DESCENDING)]
            ),
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("integration_ids", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("tenant", ASCENDING), ("is_closed", ASCENDING), *NEWEST_FIRST]),
            # Inbox: a few index scans are merged in order, whichever directions and states are requested.
            IndexModel([("tenant", ASCENDING), ("last_direction", ASCENDING), ("is_closed", ASCENDING), *LATEST_FIRST]),
            # Few are drafts.
            IndexModel(
                [("tenant", ASCENDING), ("is_draft", ASCENDING), *NEWEST_FIRST], partialFilterExpression=_IS_DRAFT
            ),
            # Most processes are created by messages and have neither.
            *(
                IndexModel(
                    [("tenant", ASCENDING), (keys, ASCENDING), *NEWEST_FIRST],
                    partialFilterExpression={keys: dict(ANY_TEXT)},
                )
                for keys in ("metadata_keys", "primary_key_keys")
            ),
        ]

    @classmethod
    async def change(cls, tenant: str, process_id: str, changes: Mapping[str, object]) -> "Process | None":
        """Apply changes to the tenant's process; return None if there is none."""
        found = await cls.collection().find_one_and_update(
            {"tenant": tenant, "_id": process_id}, {"$set": changes}, return_document=ReturnDocument.AFTER
        )
        return cls.model_validate(found) if found else None

    def predecessors(self, keys: Sequence[str], interaction_id: str) -> list[str]:
        """Return the messages that go before one which keeps the order, at most one for each of its destinations."""
        chains = [self.order.get(key, []) for key in keys]
        before = [chain[chain.index(interaction_id) - 1] for chain in chains if interaction_id in chain[1:]]
        return list(dict.fromkeys(before))

    def summary(self) -> ProcessSummary:
        """Summary of the process within an interaction."""
        return ProcessSummary(
            id=self.id,
            metadata=self.metadata,
            primary_key=self.primary_key,
            is_closed=self.is_closed,
            is_draft=self.is_draft,
            last_direction=self.last_direction,
        )


def joining_step(integration_id: str, user_ids: Sequence[str], replaced_user_id: str | None = None) -> dict[str, Any]:
    """Update step by which an integration and users join a process; existing members are unchanged.

    Args:
        integration_id: the integration.
        user_ids: the users.
        replaced_user_id: a user who leaves it, unless listed in `user_ids`.
    """
    leaves = replaced_user_id if replaced_user_id not in user_ids else None
    users: Any = {"$filter": {"input": "$user_ids", "as": "one", "cond": {"$ne": ["$$one", leaves]}}}
    return {
        "$set": {
            "integration_ids": _joined("$integration_ids", [integration_id]),
            "user_ids": _joined(users, user_ids),
        }
    }


def _joined(present: object, joining: Sequence[str]) -> dict[str, Any]:
    """A list of ids extended by others, without duplicates."""
    is_new = {"$not": [{"$in": ["$$one", "$$all"]}]}
    new = {"$filter": {"input": {"$literal": list(joining)}, "as": "one", "cond": is_new}}
    return {"$let": {"vars": {"all": present}, "in": {"$concatArrays": ["$$all", new]}}}


def last_entry_step(interaction_id: str, created: datetime, direction: Direction) -> dict[str, Any]:
    """Update step that makes an interaction its process's last entry, unless a newer one is."""
    same_time = {"$eq": ["$last_interaction_at", created]}
    newer = {
        "$or": [
            {"$gt": ["$last_interaction_at", created]},
            {"$and": [same_time, {"$gt": ["$last_interaction_id", interaction_id]}]},
        ]
    }

    def unless_newer(field: str, value: object) -> dict[str, Any]:
        return {"$cond": [newer, f"${field}", value]}

    return {
        "$set": {
            "last_interaction_id": unless_newer("last_interaction_id", interaction_id),
            "last_interaction_at": unless_newer("last_interaction_at", created),
            "last_direction": unless_newer("last_direction", direction.value),
        }
    }


def order_step(keys: Sequence[str], interaction_id: str, *, in_order: bool | None) -> dict[str, Any]:
    """Update step that appends a message to the order of its destinations, once, if it keeps the order.

    Args:
        keys: a key of each of its destinations, without dots.
        interaction_id: the message.
        in_order: whether it keeps the order; None for the default of the process.
    """
    keeps_order: Any = {"$literal": in_order} if in_order is not None else {"$eq": ["$order_default.in_order", True]}

    def appended(key: str) -> dict[str, Any]:
        nothing: list[str] = []
        present: Any = {"$ifNull": [f"$order.{key}", nothing]}
        longer: Any = {"$slice": [{"$concatArrays": [present, [interaction_id]]}, -MAX_ORDERED]}
        return {"$cond": [{"$in": [interaction_id, present]}, present, longer]}

    return {"$set": {f"order.{key}": {"$cond": [keeps_order, appended(key), f"$order.{key}"]} for key in keys}}
