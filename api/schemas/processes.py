"""Processes on the wire."""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from api.http.pagination import AskedInstant
from api.schemas.common import Asked
from api.schemas.orders import OrderFields
from domain.gate.order import OrderAfter, OrderRequest
from domain.identifiers import Id
from domain.interaction import Direction
from domain.search_keys import MAX_NAMES
from models.process import Process
from wire.answer import Instant
from wire.interactions import ProcessSummaryAnswer

MAX_USERS = 100
"""Users that a process may be created with."""


_SORTS = "The list is then sorted by the last interaction."


class ProcessRequest(Asked, OrderFields):
    """A process to create. Names are matched in any letter case."""

    integration_id: Id = Field(
        alias="integrationId",
        description="The integration that it speaks through first; those of later sends and messages join it.",
    )
    user_ids: list[Id] = Field(
        default=[], alias="userIds", max_length=MAX_USERS, description="Its users; only a draft may have none yet."
    )
    metadata: dict[str, JsonValue] = Field(default={}, max_length=MAX_NAMES)
    primary_key: dict[str, JsonValue] = Field(
        default={}, alias="primaryKey", max_length=MAX_NAMES, description="Your own identifiers of this process."
    )
    is_draft: bool = Field(
        default=False, alias="isDraft", description="Whether it is being prepared: what comes in does not join a draft."
    )


class ProcessChange(Asked, OrderFields):
    """What to change of a process; what is not named stays as it is, and each of these is replaced as a whole.

    `inOrder` replaces `orderAfter`, `orderTimeout` and `stopOnFailure` too.
    """

    metadata: dict[str, JsonValue] | None = Field(default=None, max_length=MAX_NAMES)
    primary_key: dict[str, JsonValue] | None = Field(default=None, alias="primaryKey", max_length=MAX_NAMES)
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
    last_direction: Direction | None = Field(
        default=None, description=f"Whose the last interaction is: an end user's (`in`) or yours (`out`). {_SORTS}"
    )
    active_since: AskedInstant = Field(default=None, description=f"The last interaction is of then or later. {_SORTS}")
    active_until: AskedInstant = Field(default=None, description=f"The last interaction is of before. {_SORTS}")
    unanswered: bool | None = Field(
        default=None,
        description="Whether an end user waits for an answer: the process is open, and its last interaction is `in`. "
        f"{_SORTS}",
    )
    order: Literal["activity"] | None = Field(
        default=None,
        description="`activity` sorts by the last interaction instead of creation, the newest first, and leaves out "
        "the processes without any.",
    )

    @property
    def is_by_activity(self) -> bool:
        """Whether processes are sorted by their last interaction, and not by their creation."""
        asked = (self.last_direction, self.active_since, self.active_until, self.unanswered, self.order)
        return any(one is not None for one in asked)

    def selector(self) -> dict[str, Any]:
        """What selects them among their tenant's."""
        fields = {
            "user_ids": self.user_id,
            "integration_ids": self.integration_id,
            "is_closed": self.is_closed,
            "is_draft": self.is_draft,
        }
        selector: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        created = _between(self.since, self.until)
        return selector | ({"created": created} if created else {}) | (self._of_inbox() if self.is_by_activity else {})

    def _of_inbox(self) -> dict[str, Any]:
        """What selects them by their last interaction; the index needs each direction and state by name."""
        directions = {self.last_direction} if self.last_direction else set(Direction)
        states = {False, True} if self.is_closed is None else {self.is_closed}
        if self.unanswered:
            directions &= {Direction.IN}
            states &= {False}
        selector: dict[str, Any] = {
            "last_direction": {"$in": sorted(directions)},
            "is_closed": {"$in": sorted(states)},
        }
        if self.unanswered is False:
            selector["$nor"] = [{"last_direction": Direction.IN, "is_closed": False}]
        active = _between(self.active_since, self.active_until)
        return selector | ({"last_interaction_at": active} if active else {})


def _between(since: datetime | None, until: datetime | None) -> dict[str, datetime]:
    return {operator: date for operator, date in (("$gte", since), ("$lt", until)) if date is not None}


class ProcessAnswer(ProcessSummaryAnswer):
    """A process."""

    integration_id: str = Field(description="The integration that it was created for.")
    integration_ids: list[str] = Field(description="Every integration that it speaks through, in the order of joining.")
    user_ids: list[str]
    group_id: str | None = Field(
        description="The provider's id of the group whose messages it has; null for a private conversation."
    )
    in_order: bool = Field(description="Whether its sends keep the order unless they say otherwise.")
    order_after: OrderAfter | None
    order_timeout: timedelta | None
    stop_on_failure: bool
    created: Instant
    last_interaction_id: str | None
    last_interaction_at: Instant | None

    @classmethod
    def of(cls, process: Process) -> "ProcessAnswer":
        """The process as the answer shows it."""
        shown = process.model_dump(include=set(cls.model_fields))
        order = process.order_default or OrderRequest()
        return cls.model_validate(
            {
                **shown,
                "integration_id": process.integration_ids[0],
                "in_order": order.in_order or False,
                "order_after": order.after,
                "order_timeout": order.timeout,
                "stop_on_failure": order.stops_on_failure or False,
            }
        )
