"""Processes on the wire."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from api.envelope import Envelope
from api.pages import AskedInstant
from api.schemas.common import Answer, Asked, Instant
from api.schemas.interactions import InteractionAnswer, ProcessSummaryAnswer
from domain.identifiers import Id
from domain.searching import MOST_NAMES
from models.process import Process

MOST_USERS = 100
"""Users that a process may be created with."""


class ProcessRequest(Asked):
    """A process to create. Names are matched in any letter case."""

    integration_id: Id = Field(
        alias="integrationId",
        description="The integration that it speaks through first; those of later sends and messages join it.",
    )
    user_ids: list[Id] = Field(
        default=[], alias="userIds", max_length=MOST_USERS, description="Its users; only a draft may have none yet."
    )
    metadata: dict[str, JsonValue] = Field(default={}, max_length=MOST_NAMES)
    primary_key: dict[str, JsonValue] = Field(
        default={}, alias="primaryKey", max_length=MOST_NAMES, description="Your own identifiers of this process."
    )
    is_draft: bool = Field(
        default=False, alias="isDraft", description="Whether it is being prepared: what comes in does not join a draft."
    )


class ProcessChange(Asked):
    """What to change of a process; what is not named stays as it is, and each of these is replaced as a whole."""

    metadata: dict[str, JsonValue] | None = Field(default=None, max_length=MOST_NAMES)
    primary_key: dict[str, JsonValue] | None = Field(default=None, alias="primaryKey", max_length=MOST_NAMES)
    is_draft: bool | None = Field(default=None, alias="isDraft")


class ProcessFilters(BaseModel):
    """Which processes a list shows: those for which everything that is given is true."""

    model_config = ConfigDict(alias_generator=to_camel)

    user_id: Id | None = Field(default=None, max_length=100)
    integration_id: Id | None = Field(
        default=None, max_length=100, description="An integration that it speaks through."
    )
    is_closed: bool | None = None
    is_draft: bool | None = None
    since: AskedInstant = None
    until: AskedInstant = None

    def selector(self) -> dict[str, Any]:
        """What selects them among their tenant's."""
        fields = {
            "user_ids": self.user_id,
            "integration_ids": self.integration_id,
            "is_closed": self.is_closed,
            "is_draft": self.is_draft,
        }
        selector: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        dates = {operator: date for operator, date in (("$gte", self.since), ("$lt", self.until)) if date is not None}
        return selector | ({"created": dates} if dates else {})


class ProcessAnswer(ProcessSummaryAnswer):
    """A process."""

    integration_id: str = Field(description="The integration that it was created for.")
    integration_ids: list[str] = Field(description="Every integration that it speaks through, in the order of joining.")
    user_ids: list[str]
    group_id: str | None = Field(
        description="The provider's id of the group whose messages it has; null for a private conversation."
    )
    created: Instant
    last_interaction_id: str | None
    last_interaction_at: Instant | None

    @classmethod
    def of(cls, process: Process) -> "ProcessAnswer":
        """The process as the answer shows it."""
        shown = process.model_dump(include=set(cls.model_fields))
        return cls.model_validate({**shown, "integration_id": process.integration_ids[0]})


class ProcessEnvelope(Envelope):
    """The answer that carries a process."""

    payload: ProcessAnswer | None = None


class ProcessPage(Answer):
    """One page of processes, the newest first."""

    items: list[ProcessAnswer]
    next_cursor: str | None


class ProcessPageEnvelope(Envelope):
    """The answer that carries a page of processes."""

    payload: ProcessPage | None = None


class TimelinePage(Answer):
    """One page of a process's interactions."""

    items: list[InteractionAnswer]
    next_cursor: str | None


class TimelinePageEnvelope(Envelope):
    """The answer that carries a page of a process's interactions."""

    payload: TimelinePage | None = None
