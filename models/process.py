"""Processes: conversations, which group interactions."""

from datetime import datetime

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
