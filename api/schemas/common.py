"""What every noun's spelling has in common."""

import re
from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
)
from pydantic_core import PydanticCustomError

from domain.clock import to_milliseconds
from domain.json_objects import JsonObject
from domain.local_time import is_zone
from wire.answer import Answer

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _stored(instant: datetime) -> datetime:
    try:
        return to_milliseconds(instant)
    except OverflowError as error:
        raise PydanticCustomError("bad_date", "a date beyond the years 1 to 9999") from error


def _instant_of_day(value: object) -> object:
    return f"{value}T00:00:00Z" if isinstance(value, str) and _DAY.fullmatch(value) else value


StorableInstant = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_instant_of_day), AfterValidator(_stored)
]
"""An instant that a caller writes, with its time zone, or a day, which is its beginning in UTC; as it can be stored."""


def _zone(name: str) -> str:
    if not is_zone(name):
        raise PydanticCustomError("unknown_time_zone", "not a time zone")
    return name


TimeZone = Annotated[str, AfterValidator(_zone), Field(max_length=64, examples=["Europe/Madrid"])]
"""A time zone that a caller writes, by its IANA name."""


class Asked(JsonObject):
    """What a caller writes."""

    def given(self) -> list[str]:
        """The names of the fields that the caller gave, as the wire spells them."""
        fields = type(self).model_fields
        return [fields[name].alias or name for name in self.model_fields_set]


Item = TypeVar("Item")


class Page(Answer, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="Where the next page begins; null on the last. A page of few or none may yet have a next one."
    )
