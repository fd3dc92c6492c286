"""Velocity limits: how many messages of authentication go to one number, to numbers alike, and to one country.

They show or stop somebody who earns from codes that he has sent to his own numbers.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.clock import to_wire
from domain.durations import parse_duration
from domain.json_objects import JsonObject
from domain.problems import Problem

MIN_EVERY: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
"""Longest period of a limit."""

MAX_LIMIT: Final = 1_000_000
MEAN_DAYS: Final = 7
"""Days whose mean a country's number of today is compared with."""

HIDDEN_DIGITS: Final = 4
"""Last digits of a number that its prefix leaves out."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Per(StrEnum):
    """What messages are counted by."""

    DESTINATION = "destination"
    PREFIX = "prefix"
    COUNTRY = "country"
    MONITORED = "monitored"


class LimitAction(StrEnum):
    """What happens to a message above a limit."""

    MONITOR = "monitor"
    BLOCK = "block"


def _every(text: str) -> str:
    duration = parse_duration(text)
    if duration is None or not MIN_EVERY <= duration <= DAY:
        raise PydanticCustomError("bad_period", "not a period")
    return text


class NumberLimit(JsonObject):
    """Limit on the messages to one number, or to the numbers that differ in their last four digits only.

    Attributes:
        limit: the messages of a period.
        every: the period: an ISO 8601 duration of one minute to one day.
        action: what happens to further messages.
    """

    model_config = ConfigDict(frozen=True)

    limit: int = Field(ge=1, le=MAX_LIMIT)
    every: Annotated[str, AfterValidator(_every)] = Field(examples=["PT1H"])
    action: LimitAction = Field(strict=False)

    @property
    def period(self) -> timedelta:
        """Return the period."""
        return parse_duration(self.every) or DAY


class CountryLimit(JsonObject):
    """Limit on the messages of a day (UTC) to one country.

    Attributes:
        times: the limit as a multiple of the mean of the seven days before.
        at_least: the limit where that is less.
        action: what happens to further messages.
    """

    model_config = ConfigDict(frozen=True)

    times: int = Field(ge=2, le=1_000)
    at_least: int = Field(default=100, alias="atLeast", ge=1, le=MAX_LIMIT)
    action: LimitAction = Field(strict=False)


class VelocityLimits(JsonObject):
    """Limits on messages of authentication to phone numbers; an omitted one does not exist.

    Attributes:
        destination: for each number.
        prefix: for each number without its last four digits.
        country: for each country.
    """

    model_config = ConfigDict(frozen=True)

    destination: NumberLimit | None = None
    prefix: NumberLimit | None = None
    country: CountryLimit | None = None


NO_LIMITS: Final = VelocityLimits()

_PROBLEMS: Final = {
    Per.DESTINATION: "destination_limit_reached",
    Per.PREFIX: "prefix_limit_reached",
    Per.COUNTRY: "country_limit_reached",
}


@dataclass(frozen=True, slots=True)
class Counter:
    """Count that a message adds to.

    Attributes:
        position: the position of the message's destination.
        subject: what is counted: a number, a number without its last four digits, or a country.
        begins: the beginning of the period.
        limit: the messages of the period.
        times: if given, the limit is this multiple of the mean where that is more.
    """

    position: int
    per: Per
    subject: str
    begins: datetime
    period: timedelta
    limit: int
    action: LimitAction
    times: int | None = None

    @property
    def ends(self) -> datetime:
        """Return the end of the period."""
        return self.begins + self.period

    @property
    def shown(self) -> str:
        """Return the subject without the last digits of a number."""
        match self.per:
            case Per.DESTINATION:
                return f"{prefix_of(self.subject)}{'*' * HIDDEN_DIGITS}"
            case Per.PREFIX:
                return f"{self.subject}{'*' * HIDDEN_DIGITS}"
            case Per.COUNTRY | Per.MONITORED:
                return self.subject

    def problem(self) -> Problem:
        """Return the problem of a message that is not sent because of its limit."""
        details: dict[str, str | int] = {"limit": self.limit, "until": to_wire(self.ends)}
        return Problem(field=f"Destinations[{self.position}]", code=_PROBLEMS[self.per], details=details)


def prefix_of(number: str) -> str:
    """Return a number without its last four digits."""
    return number[:-HIDDEN_DIGITS]


def period_begin(at: datetime, period: timedelta) -> datetime:
    """Return the beginning of the period in which an instant is; periods follow each other from 1970 in UTC on."""
    return at - (at - _EPOCH) % period
