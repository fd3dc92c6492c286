"""Processes: conversations, which group interactions."""

from datetime import datetime
from typing import Any

from pydantic import Field, JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel

from domain.clock import utc_now
from domain.interaction import Direction, ProcessSummary
from models.base import Stored


class Process(Stored):
    """A conversation with one or more users through one integration.

    Attributes:
        last_interaction_id: its newest interaction, the one whose `isLastEntry` is true.
        last_interaction_at: when that one was created, so that news about an older one does not take its place.
    """

    tenant: str
    integration_id: str
    user_ids: list[str]
    metadata: dict[str, JsonValue] = {}
    primary_key: dict[str, JsonValue] = {}
    is_closed: bool = False
    is_draft: bool = False
    last_direction: Direction | None = None
    last_interaction_id: str | None = None
    last_interaction_at: datetime | None = None
    created: datetime = Field(default_factory=utc_now)

    class Settings:
        """Where it is stored; an inbound message looks for the newest open one of its user and integration."""

        name = "processes"
        indexes = [
            IndexModel(
                [
                    ("tenant", ASCENDING),
                    ("user_ids", ASCENDING),
                    ("integration_id", ASCENDING),
                    ("created", DESCENDING),
                ]
            )
        ]

    def summary(self) -> ProcessSummary:
        """The process as an interaction shows it."""
        return ProcessSummary(
            id=self.id,
            metadata=self.metadata,
            primary_key=self.primary_key,
            is_closed=self.is_closed,
            is_draft=self.is_draft,
            last_direction=self.last_direction,
        )


def last_entry_step(interaction_id: str, created: datetime, direction: Direction) -> dict[str, Any]:
    """The update step that makes an interaction its process's last entry, unless a newer one is."""
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
