"""Users on the wire."""

from typing import Final

from pydantic import Field, JsonValue

from api.schemas.common import Asked, TimeZone
from domain.identifiers import Id
from domain.search_keys import MAX_NAMES
from models.user import User
from wire.answer import Answer, Instant
from wire.interactions import UserAnswer

MAX_NAME_LENGTH: Final = 200

_METADATA: Final = "Whatever you want to find in the answer again, and to find the user by: `?metadata.<name>=<value>`."

_TIME_ZONE: Final = "The IANA name of the zone in which the user lives: sending windows follow its clock."


class UserRequest(Asked):
    """A user to create. Names are matched in any letter case."""

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    metadata: dict[str, JsonValue] | None = Field(default=None, max_length=MAX_NAMES, description=_METADATA)
    primary_key: dict[str, list[str]] = Field(
        default={},
        alias="primaryKey",
        max_length=MAX_NAMES,
        description="Its destinations by kind: `PhoneNumber`, `Email`, `PageScopedId`, `BusinessScopedId`.",
    )
    time_zone: TimeZone | None = Field(default=None, alias="timeZone", description=_TIME_ZONE)


class UserChange(Asked):
    """What to change of a user; what is not named stays as it is, and metadata is replaced as a whole."""

    name: str | None = Field(default=None, min_length=1, max_length=MAX_NAME_LENGTH)
    metadata: dict[str, JsonValue] | None = Field(default=None, max_length=MAX_NAMES, description=_METADATA)
    time_zone: TimeZone | None = Field(default=None, alias="timeZone", description=f"{_TIME_ZONE} Null: unknown.")


class DestinationRequest(Asked):
    """A destination to add to a user."""

    kind: str = Field(description="`PhoneNumber`, `Email`, `PageScopedId` or `BusinessScopedId`.")
    value: str


class MergeRequest(Asked):
    """Which user to merge into this one."""

    from_: Id = Field(alias="from", description="The id of the user that is this one from now on.")


class MergeAnswer(Answer):
    """How far a merge has come."""

    into: str
    requested: Instant
    completed: Instant | None


class ErasureAnswer(Answer):
    """How far an erasure has come."""

    requested: Instant
    interactions: int
    completed: Instant | None


class StoredUserAnswer(UserAnswer):
    """An end user, as the list and the reading call show it."""

    time_zone: str | None
    created: Instant

    @classmethod
    def of(cls, user: User) -> "StoredUserAnswer":
        """The user as the answer shows it."""
        return cls(**user.view().model_dump(), time_zone=user.time_zone, created=user.created)
