"""Windows follow the recipient's clock: they open at the first instant at which it shows one of their times."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.gate.holiday_calendars import is_known_calendar
from domain.gate.schedule import DAYS, Day, Window
from domain.gate.windows import HORIZON, Hours, is_open, next_common_opening, next_opening, shared_time
from domain.local_time import clock_spans, instant_of
from domain.problems import problems_of_validation

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2030, 12, 31, tzinfo=UTC)
YEAR = timedelta(days=365)


def window(opens: str, closes: str, *, days: list[Day] | None = None, holidays: list[str] | None = None) -> Window:
    return Window.model_validate({"from": opens, "to": closes, "days": days or list(DAYS), "holidays": holidays or []})


def at(local: str, zone: str) -> datetime:
    """Instant of an unambiguous local time; `+01:00` after it selects an ambiguous one."""
    time = datetime.fromisoformat(local)
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def shown(instant: datetime | None, zone: str) -> str:
    assert instant is not None
    return instant.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


# Every zone, every date


def clock_shows(hours: Window, zone: str, instant: datetime) -> bool:
    """Whether the clock shows a time of the window, in the plainest words."""
    local = instant.astimezone(ZoneInfo(zone))
    now, day = f"{local:%H:%M}", local.weekday()
    today, yesterday = DAYS[day] in hours.days, DAYS[day - 1] in hours.days
    if hours.opens < hours.closes:
        return today and hours.opens <= now < hours.closes
    return (today and now >= hours.opens) or (yesterday and now < hours.closes)


times = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")


@st.composite
def windows(draw: st.DrawFn) -> Window:
    opens = draw(times)
    closes = draw(st.one_of(times, st.just("24:00")).filter(lambda closes: closes != opens))
    return window(opens, closes, days=draw(st.lists(st.sampled_from(DAYS), min_size=1, unique=True)))


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and an instant, often near one of its clock changes."""
    zone = draw(st.sampled_from(ZONES))
    instant = draw(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)))
    spans = list(clock_spans(ZoneInfo(zone), instant, instant + YEAR)) if draw(st.booleans()) else []
    changes = [after.start for before, after in pairwise(spans) if before.offset != after.offset]
    if changes:
        instant = draw(st.sampled_from(changes)) + timedelta(seconds=draw(st.integers(-90_000, 90_000)))
    return zone, instant


@settings(max_examples=100, deadline=None)
@given(windows(), moments())
def test_the_next_opening_is_the_first_instant_in_the_window(hours: Window, moment: tuple[str, datetime]) -> None:
    zone, now = moment
    opening = next_opening(hours, zone, now)
    assert opening is not None
    assert opening >= now
    assert clock_shows(hours, zone, opening)
    assert is_open(hours, zone, opening)
    before = [now + timedelta(minutes=30) * step for step in range((opening - now) // timedelta(minutes=30) + 1)]
    before.append(opening - timedelta(seconds=1))
    assert not any(clock_shows(hours, zone, instant) for instant in before if now <= instant < opening)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(windows(), st.sampled_from(ZONES)), min_size=1, max_size=3), moments())
def test_a_common_opening_is_in_every_window(pairs: list[tuple[Window, str]], moment: tuple[str, datetime]) -> None:
    _, now = moment
    opening = next_common_opening([Hours([hours], zone) for hours, zone in pairs], now)
    if opening is not None:
        assert now <= opening < now + HORIZON
        assert all(clock_shows(hours, zone, opening) for hours, zone in pairs)


@settings(max_examples=100, deadline=None)
@given(moments(), st.integers(-(10**5), 10**5))
def test_a_local_time_is_the_first_instant_that_shows_it_or_a_later_time(
    moment: tuple[str, datetime], away: int
) -> None:
    zone, now = moment
    local = (now.astimezone(ZoneInfo(zone)) + timedelta(seconds=away)).replace(tzinfo=None)
    instant = instant_of(local, ZoneInfo(zone))
    assert instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) >= local
    before = instant - timedelta(seconds=1)
    assert before.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < local


# The nights on which clocks change


@pytest.mark.parametrize(
    ("zone", "now", "opens", "opening"),
    [
        # Madrid, 31 March 2024: 02:00 becomes 03:00.
        ("Europe/Madrid", "2024-03-31T00:10", "02:30", "2024-03-31T03:00+02:00"),
        # Madrid, 27 October 2024: 03:00 becomes 02:00, so 02:30 comes twice; then the first counts, then the second.
        ("Europe/Madrid", "2024-10-27T00:10", "02:30", "2024-10-27T02:30+02:00"),
        ("Europe/Madrid", "2024-10-27T02:10+01:00", "02:30", "2024-10-27T02:30+01:00"),
        # Lord Howe, 6 October 2024: 02:00 becomes 02:30; 7 April 2024: 02:00 becomes 01:30.
        ("Australia/Lord_Howe", "2024-10-06T00:10", "02:15", "2024-10-06T02:30+11:00"),
        ("Australia/Lord_Howe", "2024-04-07T00:10", "01:45", "2024-04-07T01:45+11:00"),
        # Santiago, 8 September 2024: 00:00 becomes 01:00; 6 April 2024: 24:00 becomes 23:00.
        ("America/Santiago", "2024-09-07T20:00", "00:30", "2024-09-08T01:00-03:00"),
        ("America/Santiago", "2024-04-06T20:00", "23:30", "2024-04-06T23:30-03:00"),
        ("America/Santiago", "2024-04-06T23:10-04:00", "23:30", "2024-04-06T23:30-04:00"),
    ],
)
def test_windows_open_on_the_nights_of_clock_changes(zone: str, now: str, opens: str, opening: str) -> None:
    hours = window(opens, f"{(int(opens[:2]) + 1) % 24:02d}:{opens[3:]}")
    assert shown(next_opening(hours, zone, at(now, zone)), zone) == opening


@pytest.mark.parametrize(
    ("local", "zone", "instant"),
    [
        ("2027-03-28T09:00", "Europe/Madrid", "2027-03-28T09:00+02:00"),
        ("2027-03-28T02:30", "Europe/Madrid", "2027-03-28T03:00+02:00"),
        ("2027-10-31T02:30", "Europe/Madrid", "2027-10-31T02:30+02:00"),
        ("2024-10-06T02:15", "Australia/Lord_Howe", "2024-10-06T02:30+11:00"),
        ("2024-04-07T01:45", "Australia/Lord_Howe", "2024-04-07T01:45+11:00"),
        ("2024-09-08T00:30", "America/Santiago", "2024-09-08T01:00-03:00"),
        ("2024-04-06T23:30", "America/Santiago", "2024-04-06T23:30-03:00"),
    ],
)
def test_a_skipped_local_time_is_the_first_instant_after_it_and_a_repeated_one_its_first(
    local: str, zone: str, instant: str
) -> None:
    assert shown(instant_of(datetime.fromisoformat(local), ZoneInfo(zone)), zone) == instant


def test_a_window_that_the_clock_skips_opens_on_the_next_day() -> None:
    opening = next_opening(window("02:10", "02:50"), "Europe/Madrid", at("2024-03-31T00:10", "Europe/Madrid"))
    assert shown(opening, "Europe/Madrid") == "2024-04-01T02:10+02:00"


# Days, nights and holidays


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        ("2026-12-04T21:59", False),
        ("2026-12-04T22:00", True),
        ("2026-12-05T05:59", True),  # Saturday, in the window of Friday
        ("2026-12-05T06:00", False),
        ("2026-12-05T22:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(now: str, open_: bool) -> None:
    assert is_open(window("22:00", "06:00", days=["fri"]), "Europe/Madrid", at(now, "Europe/Madrid")) is open_


def test_a_window_stays_closed_on_holidays() -> None:
    hours = window("09:00", "21:00", days=["mon", "tue", "wed", "thu", "fri"], holidays=["ES"])
    # Monday 7 December 2026 is an ordinary day, Tuesday 8 December is the Immaculate Conception.
    opening = next_opening(hours, "Europe/Madrid", at("2026-12-07T21:00", "Europe/Madrid"))
    assert shown(opening, "Europe/Madrid") == "2026-12-09T09:00+01:00"


def test_a_window_over_midnight_does_not_reach_into_a_holiday() -> None:
    hours = window("22:00", "06:00", holidays=["ES"])
    assert is_open(hours, "Europe/Madrid", at("2026-12-07T23:59", "Europe/Madrid"))
    assert not is_open(hours, "Europe/Madrid", at("2026-12-08T00:00", "Europe/Madrid"))
    assert not is_open(hours, "Europe/Madrid", at("2026-12-09T00:00", "Europe/Madrid"))


def test_windows_that_never_open_together_have_no_opening() -> None:
    night, day = Hours([window("22:00", "06:00")], "Europe/Madrid"), Hours([window("09:00", "21:00")], "Europe/Madrid")
    assert next_common_opening([night, day], FIRST) is None


def test_a_window_with_a_zone_of_its_own_ignores_the_recipients() -> None:
    hours = Window.model_validate({"from": "09:00", "to": "21:00", "timeZone": "Asia/Tokyo"})
    assert shown(next_opening(hours, "Europe/Madrid", at("2026-12-01T12:00Z", "")), "Asia/Tokyo").endswith(
        "09:00+09:00"
    )


def test_time_shared_by_zones_is_the_window_less_the_distance_of_their_clocks() -> None:
    assert shared_time([window("09:00", "18:00")], ["Europe/Kaliningrad", "Asia/Kamchatka"], FIRST) < timedelta()
    both = [window("10:00", "11:00"), window("09:00", "21:00")]
    assert shared_time(both, ["Atlantic/Canary", "Europe/Madrid"], FIRST) == timedelta(hours=11)


# Bad input


@pytest.mark.parametrize(
    ("given_", "field", "code"),
    [
        ({"to": "21:00"}, "window.from", "missing"),
        ({"from": "9:00", "to": "21:00"}, "window.from", "bad_time_of_day"),
        ({"from": "24:00", "to": "21:00"}, "window.from", "bad_time_of_day"),
        ({"from": "09:00", "to": "25:00"}, "window.to", "bad_time_of_day"),
        ({"from": "09:00", "to": "09:00"}, "window.to", "empty_window"),
        ({"from": "09:00", "to": "21:00", "days": []}, "window.days", "empty"),
        ({"from": "09:00", "to": "21:00", "days": ["lunes"]}, "window.days[0]", "not_allowed"),
        ({"from": "09:00", "to": "21:00", "hours": 3}, "window.hours", "unknown_field"),
    ],
)
def test_a_window_that_cannot_be_read_is_a_problem_of_its_field(
    given_: dict[str, object], field: str, code: str
) -> None:
    with pytest.raises(ValidationError) as wrong:
        Window.model_validate(given_)
    (problem,) = problems_of_validation(wrong.value.errors(), "window", Window)
    assert (problem.field, problem.code) == (field, code)
    assert problem.message()


def test_every_day_of_the_week_has_a_name() -> None:
    assert get_args(Day) == DAYS == ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.mark.parametrize(
    ("name", "known"), [("ES", True), ("ES-MD", True), ("ES-XX", False), ("ZZ", False), ("es", False), ("", False)]
)
def test_calendars_of_holidays_are_countries_and_their_subdivisions(name: str, known: bool) -> None:
    assert is_known_calendar(name) is known
