"""Schedule of a message: when it is sent, until when it is valid, and in which hours it may go.

The models check only form, because workflows carry them; `domain.gate.schedule_request` checks them against the time
zones and the calendars of holidays.
"""

import re
from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from pydantic_core import PydanticCustomError

from domain.json_objects import JsonObject

MAX_CALENDARS: Final = 10
"""Calendars of holidays of a window."""

RECIPIENT: Final = "recipient"
"""Name that stands for the time zone of the recipient."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

MAX_TIME_LENGTH: Final = 64
"""Characters of a written time, duration or name of a zone."""

DAYS: Final[tuple[Day, ...]] = get_args(Day)
"""Days of the week, in the order of `date.weekday()`."""

_TIME_OF_DAY: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)


def _time_of_day(text: str) -> str:
    if not _TIME_OF_DAY.fullmatch(text):
        raise PydanticCustomError("bad_time_of_day", "not a time of day")
    return text


TimeOfDay = Annotated[str, AfterValidator(_time_of_day), Field(examples=["09:00"])]
"""Hour and minute of the local clock, `00:00` to `24:00`."""


class Window(JsonObject):
    """Hours of the local clock in which a message may go.

    Attributes:
        days: the days on which the window opens.
        opens: the first minute of the window.
        closes: the first minute after the window; at or before `opens` it is a time of the next day.
        time_zone: the IANA name of the clock's zone, or `recipient`.
        holidays: the calendars whose holidays are excluded: countries (ISO 3166-1), or subdivisions of them
            (ISO 3166-2). A window neither opens on a holiday nor reaches into one.
    """

    model_config = ConfigDict(frozen=True)

    days: list[Day] = Field(default=list(DAYS), min_length=1, max_length=len(DAYS))
    opens: TimeOfDay = Field(alias="from")
    closes: TimeOfDay = Field(alias="to")
    time_zone: str = Field(default=RECIPIENT, alias="timeZone", max_length=MAX_TIME_LENGTH, examples=["Europe/Madrid"])
    holidays: list[str] = Field(default=[], max_length=MAX_CALENDARS, examples=[["ES"], ["ES-MD"]])

    @field_validator("opens")
    @classmethod
    def _opens_within_a_day(cls, opens: str) -> str:
        if opens == "24:00":
            raise PydanticCustomError("bad_time_of_day", "not a time of day")
        return opens

    @field_validator("closes")
    @classmethod
    def _is_not_empty(cls, closes: str, info: ValidationInfo) -> str:
        if closes == info.data.get("opens"):
            raise PydanticCustomError("empty_window", "the window is empty")
        return closes

    @property
    def minutes(self) -> tuple[int, int]:
        """Return the minutes of the day at which the window opens and closes."""
        return _minutes(self.opens), _minutes(self.closes)

    @property
    def length_minutes(self) -> int:
        """Return the minutes for which the window is open on a day without a clock change."""
        opens, closes = self.minutes
        return closes - opens if opens < closes else closes - opens + _minutes("24:00")


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


IGNORE: Final = "ignore"
"""Value of `window` with which the tenant's sending rules do not apply."""


def _window(value: object, _: ValidatorFunctionWrapHandler) -> Window | str | None:
    """Read `ignore` or a window; the errors of a union would name its members instead of the caller's fields."""
    if value is None:
        return None
    return IGNORE if value == IGNORE else Window.model_validate(value)


class ScheduleRequest(JsonObject):
    """Fields of a send that say when the message may go.

    Attributes:
        send_at: an instant (RFC 3339), or a local time in `time_zone`.
        time_zone: an IANA name, which is also the recipient's zone if none is known, or `recipient`.
        expire_at: from this time the message is not sent any more; same forms as `send_at`.
        valid_for: the same as an ISO 8601 duration, from `send_at` or else from the request.
        window: the only hours in which the message may go, besides the tenant's sending rules; `ignore` sends in spite
            of those.
    """

    send_at: str | None = Field(
        default=None,
        alias="sendAt",
        max_length=MAX_TIME_LENGTH,
        description="When to send it: an instant (RFC 3339), or a local time in `timeZone`. Default: at once.",
        examples=["2027-03-28T09:00"],
    )
    time_zone: str | None = Field(
        default=None,
        alias="timeZone",
        max_length=MAX_TIME_LENGTH,
        description="The zone of local times, which is also the recipient's where none is known: an IANA name, or "
        "`recipient` for the zone of each recipient.",
        examples=["Europe/Madrid", RECIPIENT],
    )
    expire_at: str | None = Field(
        default=None,
        alias="expireAt",
        max_length=MAX_TIME_LENGTH,
        description="From when it is not sent any more; written as `sendAt` is.",
        examples=["2027-03-28T12:00:00Z"],
    )
    valid_for: str | None = Field(
        default=None,
        alias="validFor",
        max_length=MAX_TIME_LENGTH,
        description="Instead of `expireAt`: an ISO 8601 duration from `sendAt`, or else from the request.",
        examples=["PT10M"],
    )
    window: Annotated[Window | Literal["ignore"] | None, WrapValidator(_window)] = Field(
        default=None,
        description="The only hours in which it may go, besides the tenant's sending rules; `ignore` sends it in spite "
        "of those, with the scope `windows:ignore`.",
    )

    @property
    def known_zone(self) -> str | None:
        """Return the time zone of the recipient as far as the request knows it."""
        return self.time_zone if self.time_zone != RECIPIENT else None


class PlannedTime(BaseModel):
    """Instant that a caller planned, with its local time if it was given as one.

    Attributes:
        instant: the instant, in UTC; that of a local time as computed when it was read.
        local: the local time as given, such as `2027-03-28T09:00`; None if the instant itself was given. It is a text
            because databases read every date as an instant.
        zone: the zone of the local time: an IANA name or `recipient`.
    """

    model_config = ConfigDict(frozen=True)

    instant: datetime
    local: str | None = None
    zone: str | None = None


class Schedule(BaseModel):
    """When a message may go.

    Attributes:
        send_at: not before this time.
        expire_at: not at or after this time.
        window: only in these hours.
        ignores_rules: whether the tenant's sending rules do not apply to it.
        known_zone: the time zone of recipients without a known one, if the caller gave it.
    """

    model_config = ConfigDict(frozen=True)

    send_at: PlannedTime | None = None
    expire_at: PlannedTime | None = None
    window: Window | None = None
    ignores_rules: bool = False
    known_zone: str | None = None


AT_ONCE: Final = Schedule()
"""Schedule of a message that nothing holds."""
