"""Rule of the gate about time: the planned time, the validity, the caller's window and the tenant's sending rules.

It reads time zones and holidays, so only activities and the API evaluate it; workflows sleep until the instant that it
returns and ask again.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.channels import Channel
from domain.clock import to_milliseconds, to_wire
from domain.gate.category import Category
from domain.gate.decision import Decision, Go, HoldReason, Refuse, Wait, expired
from domain.gate.schedule import RECIPIENT, Schedule, Window
from domain.gate.schedule_request import planned_instants
from domain.gate.sending_rules import DEFAULT_SPREAD, SendingRule, applying_rule
from domain.gate.windows import HORIZON, Hours, next_common_opening
from domain.gate.zone_choice import ZoneChoice
from domain.gate.zones import RecipientZones
from domain.problems import Problem

_SHORTEST_DELAY: Final = timedelta(seconds=1)


class ScheduleCase(NamedTuple):
    """Message whose time is decided.

    Attributes:
        recipients: the possible time zones of each recipient.
        rules: the sending rules of the tenant.
    """

    interaction_id: str
    schedule: Schedule
    category: Category
    channel: Channel
    recipients: Sequence[RecipientZones]
    rules: Sequence[SendingRule] = ()


class _Constraints(NamedTuple):
    """What a message has to respect.

    Attributes:
        hours: all of these must be open.
        choices: how the time zones of the recipients were chosen.
        spread: the time after an opening over which sends are spread.
    """

    hours: Sequence[Hours]
    choices: Sequence[ZoneChoice]
    spread: timedelta


def evaluate_schedule(case: ScheduleCase, now: datetime) -> Decision:
    """Decide whether a message may go now, when it may, or that it never may.

    A message goes at its planned time, or else at the next instant at which all its windows are open. Those that waited
    for an opening are spread over the time after it, each by its id.
    """
    expiry = case.schedule.expire_at and min(planned_instants(case.schedule.expire_at, case.recipients))
    if expiry is not None and now >= expiry:
        return Refuse(problem=expired(expiry))
    planned = case.schedule.send_at and max(planned_instants(case.schedule.send_at, case.recipients))
    start = now if planned is None else max(now, planned)
    constraints = _constraints(case, start)
    opening = next_common_opening(constraints.hours, start)
    if opening is None:
        return Refuse(problem=Problem(field="window", code="window_never_opens", details={"limit": HORIZON.days}))
    if expiry is not None and opening >= expiry:
        return Refuse(
            problem=Problem(
                field="expireAt",
                code="expires_before_window",
                details={"expiry": to_wire(expiry), "opening": to_wire(opening)},
            )
        )
    if opening > start:
        until = _spread(case.interaction_id, constraints, opening, expiry)
        return Wait(until=until, reason=HoldReason.WINDOW, zones=tuple(constraints.choices))
    return (
        Go(expires=expiry)
        if start == now
        else Wait(until=start, reason=HoldReason.SCHEDULED, zones=_zones_of_plan(case))
    )


def _zones_of_plan(case: ScheduleCase) -> tuple[ZoneChoice, ...]:
    """Return how the zones of a planned time were chosen, if it is a local time of the recipients."""
    planned = case.schedule.send_at
    if planned is None or planned.zone != RECIPIENT:
        return ()
    return tuple(dict.fromkeys(recipient.one() for recipient in case.recipients))


def _constraints(case: ScheduleCase, at: datetime) -> _Constraints:
    hours: list[Hours] = []
    choices: list[ZoneChoice] = []
    spreads: list[timedelta] = []
    for recipient in case.recipients:
        rule = applying_rule(case.rules, recipient.country, case.category, case.channel)
        windows: list[Sequence[Window]] = []
        if rule is not None and not case.schedule.ignores_rules:
            windows.append(rule.windows)
            spreads.append(rule.spread_time)
        if case.schedule.window is not None:
            windows.append([case.schedule.window])
        for each in windows:
            choice = recipient.for_windows(each, at)
            hours += [Hours(each, zone) for zone in choice.zones]
            if choice not in choices and any(window.time_zone == RECIPIENT for window in each):
                choices.append(choice)
    return _Constraints(hours, choices, max(spreads, default=DEFAULT_SPREAD))


def _spread(interaction_id: str, constraints: _Constraints, opening: datetime, expiry: datetime | None) -> datetime:
    """Return an instant within the spread after an opening, always the same for an interaction.

    If the message may not go any more at that instant, its delay is halved until it may.
    """
    share = int.from_bytes(hashlib.sha256(interaction_id.encode()).digest()[:8], "big") / 2**64
    delay = constraints.spread * share
    while delay >= _SHORTEST_DELAY:
        instant = to_milliseconds(opening + delay)
        if all(hours.are_open(instant) for hours in constraints.hours) and (expiry is None or instant < expiry):
            return instant
        delay /= 2
    return opening
