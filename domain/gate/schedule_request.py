"""Reads a requested schedule against the time zones and the calendars of holidays."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.clock import to_milliseconds
from domain.durations import parse_duration
from domain.gate.category import Category
from domain.gate.holiday_calendars import is_known_calendar
from domain.gate.schedule import IGNORE, RECIPIENT, PlannedTime, Schedule, ScheduleRequest, Window
from domain.gate.zones import RecipientZones
from domain.local_time import instant_of, is_zone, zone_named
from domain.problems import Problem

MAX_AHEAD: Final = timedelta(days=180)
"""Time ahead for which a message can be scheduled, and time for which it can be valid."""

_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?", re.ASCII | re.IGNORECASE
)
"""RFC 3339, or without its offset a local time."""


class _UnreadableError(Exception):
    """Field that cannot be read.

    Attributes:
        problem: the problem of the field.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def planned_instants(planned: PlannedTime, recipients: Sequence[RecipientZones]) -> list[datetime]:
    """Return the instants of a planned time with today's data of the time zones: at least one, at most one a recipient.

    A message is sent at the last of its planned instants, and expires at the first: both are then right for everyone.
    """
    if planned.local is None or planned.zone is None:
        return [planned.instant]
    local = datetime.fromisoformat(planned.local)
    names = [planned.zone] if planned.zone != RECIPIENT else [recipient.one().zone for recipient in recipients]
    return [instant_of(local, zone_named(name)) for name in names] or [planned.instant]


def read_schedule(
    request: ScheduleRequest, category: Category, recipients: Sequence[RecipientZones], now: datetime
) -> tuple[Schedule, list[Problem]]:
    """Read a requested schedule; what cannot be read is left out and has its problem.

    Args:
        request: the caller's fields.
        category: the category of the message.
        recipients: the possible zones of each recipient; `request.known_zone` is one of their sources.
        now: the instant of the request.
    """
    problems = _problems_of_zone(request) + _problems_of_windows(request, category)
    if problems:
        return Schedule(), problems
    send_at = expire_at = None
    try:
        send_at = _read_send_at(request, recipients, now)
    except _UnreadableError as error:
        problems.append(error.problem)
    try:
        expire_at = _read_expiry(request, recipients, now, now if send_at is None else send_at.instant)
    except _UnreadableError as error:
        problems.append(error.problem)
    window = request.window if isinstance(request.window, Window) else None
    schedule = Schedule(
        send_at=send_at,
        expire_at=expire_at,
        window=window,
        ignores_rules=request.window == IGNORE,
        known_zone=request.known_zone,
    )
    return schedule, problems


def problems_of_window(window: Window, field: str) -> list[Problem]:
    """Return the problems of a window whose time zone or calendar does not exist."""
    problems: list[Problem] = []
    if window.time_zone != RECIPIENT and not is_zone(window.time_zone):
        problems.append(Problem(field=f"{field}.timeZone", code="unknown_time_zone"))
    problems += [
        Problem(field=f"{field}.holidays[{position}]", code="unknown_holidays")
        for position, calendar in enumerate(window.holidays)
        if not is_known_calendar(calendar)
    ]
    return problems


def _problems_of_zone(request: ScheduleRequest) -> list[Problem]:
    if request.known_zone is None or is_zone(request.known_zone):
        return []
    return [Problem(field="timeZone", code="unknown_time_zone")]


def _problems_of_windows(request: ScheduleRequest, category: Category) -> list[Problem]:
    if not isinstance(request.window, Window):
        return []
    if category is Category.AUTHENTICATION:
        return [Problem(field="window", code="authentication_not_held")]
    return problems_of_window(request.window, "window")


def _read_send_at(request: ScheduleRequest, recipients: Sequence[RecipientZones], now: datetime) -> PlannedTime | None:
    if request.send_at is None:
        return None
    planned = _planned("sendAt", request.send_at, request, recipients, max)
    if planned.instant < now:
        raise _UnreadableError(Problem(field="sendAt", code="in_the_past"))
    if planned.instant > now + MAX_AHEAD:
        raise _UnreadableError(_too_far("sendAt"))
    return planned


def _read_expiry(
    request: ScheduleRequest, recipients: Sequence[RecipientZones], now: datetime, start: datetime
) -> PlannedTime | None:
    if request.expire_at is not None and request.valid_for is not None:
        raise _UnreadableError(Problem(field="validFor", code="expiry_given_twice"))
    if request.valid_for is not None:
        return PlannedTime(instant=start + _read_valid_for(request.valid_for))
    if request.expire_at is None:
        return None
    planned = _planned("expireAt", request.expire_at, request, recipients, min)
    if planned.instant <= now:
        raise _UnreadableError(Problem(field="expireAt", code="in_the_past"))
    if planned.instant <= start:
        raise _UnreadableError(Problem(field="expireAt", code="expires_before_sending"))
    if planned.instant > start + MAX_AHEAD:
        raise _UnreadableError(_too_far("expireAt"))
    return planned


def _read_valid_for(text: str) -> timedelta:
    duration = parse_duration(text)
    if not duration:
        raise _UnreadableError(Problem(field="validFor", code="bad_duration"))
    if duration > MAX_AHEAD:
        raise _UnreadableError(_too_far("validFor"))
    return duration


def _too_far(field: str) -> Problem:
    return Problem(field=field, code="too_far_ahead", details={"limit": MAX_AHEAD.days})


def _planned(
    field: str,
    text: str,
    request: ScheduleRequest,
    recipients: Sequence[RecipientZones],
    choose: Callable[[Sequence[datetime]], datetime],
) -> PlannedTime:
    if not _TIME.fullmatch(text):
        raise _UnreadableError(Problem(field=field, code="bad_planned_time"))
    try:
        time = datetime.fromisoformat(text.upper())
        if time.tzinfo is not None:
            return PlannedTime(instant=to_milliseconds(time))
        planned = PlannedTime(instant=time.replace(tzinfo=UTC), local=text.upper(), zone=request.time_zone)
        instant = choose(planned_instants(planned, recipients))
    except (ValueError, OverflowError) as error:
        raise _UnreadableError(Problem(field=field, code="bad_planned_time")) from error
    if request.time_zone is None:
        raise _UnreadableError(Problem(field=field, code="local_without_zone"))
    return planned.model_copy(update={"instant": instant})
