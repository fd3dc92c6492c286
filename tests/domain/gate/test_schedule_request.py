"""Reading of sendAt, expireAt, validFor and window: instants, local times, and the problems of what cannot be read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.clock import to_wire
from domain.durations import parse_duration
from domain.gate.category import Category
from domain.gate.schedule import AT_ONCE, PlannedTime, Schedule, Window
from domain.gate.schedule_request import ScheduleRequest, planned_instants, read_schedule
from domain.gate.zone_choice import ZoneGuess
from domain.gate.zones import RecipientZones
from domain.problems import Problem, problems_of_validation

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
MADRID = RecipientZones(ZoneGuess.NUMBER, ["Europe/Madrid"], "ES")
NEW_YORK = RecipientZones(ZoneGuess.NUMBER, ["America/New_York"], "US")
NIGHT = {"from": "22:00", "to": "06:00"}


def read(
    *recipients: RecipientZones, category: Category = Category.TRANSACTIONAL, **fields: object
) -> tuple[Schedule, list[tuple[str, str]]]:
    request = ScheduleRequest.model_validate(fields)
    schedule, problems = read_schedule(request, category, recipients or [MADRID], NOW)
    assert all(problem.message() for problem in problems)
    return schedule, [(problem.field, problem.code) for problem in problems]


def accepted(*recipients: RecipientZones, **fields: object) -> Schedule:
    schedule, problems = read(*recipients, category=Category.TRANSACTIONAL, **fields)
    assert problems == []
    return schedule


def sent_at(*recipients: RecipientZones, **fields: object) -> str:
    planned = accepted(*recipients, **fields).send_at
    assert planned is not None
    return to_wire(planned.instant)


@pytest.mark.parametrize(
    ("fields", "instant"),
    [
        ({"sendAt": "2027-03-28T09:00:00+02:00"}, "2027-03-28T07:00:00.000Z"),
        ({"sendAt": "2027-03-28t09:00:00.123456z"}, "2027-03-28T09:00:00.123Z"),
        ({"sendAt": "2027-03-28T09:00", "timeZone": "Europe/Madrid"}, "2027-03-28T07:00:00.000Z"),
        ({"sendAt": "2027-03-28T09:00", "timeZone": "recipient"}, "2027-03-28T07:00:00.000Z"),
        ({"sendAt": to_wire(NOW)}, to_wire(NOW)),
        # The clock skips 02:30 on that night, and shows it twice on the other.
        ({"sendAt": "2027-03-28T02:30", "timeZone": "Europe/Madrid"}, "2027-03-28T01:00:00.000Z"),
        ({"sendAt": "2027-08-28T02:30:15", "timeZone": "Asia/Tokyo"}, "2027-08-27T17:30:15.000Z"),
    ],
)
def test_a_time_of_sending_is_an_instant_or_a_local_time(fields: dict[str, object], instant: str) -> None:
    assert sent_at(**fields) == instant


def test_a_local_time_of_several_recipients_is_when_all_their_clocks_have_shown_it() -> None:
    assert sent_at(MADRID, NEW_YORK, sendAt="2027-05-01T09:00", timeZone="recipient") == "2027-05-01T13:00:00.000Z"


def test_a_local_time_is_stored_with_its_zone_and_can_be_computed_again() -> None:
    schedule = accepted(sendAt="2027-05-01T09:00", timeZone="recipient")
    planned = PlannedTime(instant=datetime(2027, 5, 1, 7, tzinfo=UTC), local="2027-05-01T09:00", zone="recipient")
    assert schedule.send_at == planned
    assert planned_instants(planned, [NEW_YORK]) == [datetime(2027, 5, 1, 13, tzinfo=UTC)]
    assert Schedule.model_validate_json(schedule.model_dump_json(by_alias=True)) == schedule


@pytest.mark.parametrize(
    ("fields", "expiry"),
    [
        ({"validFor": "PT10M"}, "2027-03-01T12:10:00.000Z"),
        ({"validFor": "P1DT12H", "sendAt": "2027-03-02T00:00:00Z"}, "2027-03-03T12:00:00.000Z"),
        ({"expireAt": "2027-03-01T12:00:01Z"}, "2027-03-01T12:00:01.000Z"),
        ({"expireAt": "2027-03-02T21:00", "timeZone": "recipient"}, "2027-03-02T20:00:00.000Z"),
        ({"validFor": "P180D", "sendAt": "2027-08-28T12:00:00Z"}, "2028-02-24T12:00:00.000Z"),
    ],
)
def test_a_message_expires_at_a_time_or_after_a_duration(fields: dict[str, object], expiry: str) -> None:
    planned = accepted(**fields).expire_at
    assert planned is not None
    assert to_wire(planned.instant) == expiry


def test_a_local_expiry_of_several_recipients_is_when_the_first_clock_shows_it() -> None:
    planned = accepted(MADRID, NEW_YORK, expireAt="2027-05-01T21:00", timeZone="recipient").expire_at
    assert planned is not None
    assert to_wire(planned.instant) == "2027-05-01T19:00:00.000Z"


def test_a_window_is_read_or_the_rules_are_ignored() -> None:
    assert accepted(window={**NIGHT, "holidays": ["ES", "FR"]}).window == Window.model_validate(
        {**NIGHT, "holidays": ["ES", "FR"]}
    )
    assert accepted(window="ignore") == Schedule(ignores_rules=True)
    assert accepted() == accepted(window=None) == AT_ONCE


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"sendAt": "mañana"}, ("sendAt", "bad_planned_time")),
        ({"sendAt": "2027-02-30T09:00:00Z"}, ("sendAt", "bad_planned_time")),
        ({"sendAt": "9999-12-31T23:59:00-10:00"}, ("sendAt", "bad_planned_time")),
        ({"sendAt": "0001-01-01T00:00", "timeZone": "Asia/Tokyo"}, ("sendAt", "bad_planned_time")),
        ({"sendAt": "2027-03-28T09:00"}, ("sendAt", "local_without_zone")),
        ({"sendAt": "2027-03-28T09:00", "timeZone": "Europe/Nowhere"}, ("timeZone", "unknown_time_zone")),
        ({"timeZone": "../../etc/passwd"}, ("timeZone", "unknown_time_zone")),
        ({"sendAt": "2027-03-01T11:59:59Z"}, ("sendAt", "in_the_past")),
        ({"sendAt": "2027-08-28T12:00:01Z"}, ("sendAt", "too_far_ahead")),
        ({"expireAt": "2027-03-01T12:00:00Z"}, ("expireAt", "in_the_past")),
        ({"expireAt": "2027-08-28T12:00:01Z"}, ("expireAt", "too_far_ahead")),
        (
            {"sendAt": "2027-03-02T12:00:00Z", "expireAt": "2027-03-02T12:00:00Z"},
            ("expireAt", "expires_before_sending"),
        ),
        ({"expireAt": "2027-03-02T12:00:00Z", "validFor": "PT1H"}, ("validFor", "expiry_given_twice")),
        ({"validFor": "P1M"}, ("validFor", "bad_duration")),
        ({"validFor": "PT0S"}, ("validFor", "bad_duration")),
        ({"validFor": "P181D"}, ("validFor", "too_far_ahead")),
        ({"window": {**NIGHT, "timeZone": "Etc/Unknown"}}, ("window.timeZone", "unknown_time_zone")),
        ({"window": {**NIGHT, "holidays": ["ES", "ZZ"]}}, ("window.holidays[1]", "unknown_holidays")),
        ({"window": NIGHT, "category": Category.AUTHENTICATION}, ("window", "authentication_not_held")),
    ],
)
def test_what_cannot_be_read_is_a_problem_of_its_field(fields: dict[str, object], problem: tuple[str, str]) -> None:
    category = Category(str(fields.get("category", "transactional")))
    _, problems = read(category=category, **{name: value for name, value in fields.items() if name != "category"})
    assert problems == [problem]


def test_every_field_that_cannot_be_read_is_reported() -> None:
    _, problems = read(sendAt="soon", validFor="long")
    assert problems == [("sendAt", "bad_planned_time"), ("validFor", "bad_duration")]


def test_the_form_of_a_window_is_a_problem_of_the_callers_field() -> None:
    with pytest.raises(ValidationError) as wrong:
        ScheduleRequest.model_validate({"window": {"from": "22:00", "to": "6:00"}})
    assert problems_of_validation(wrong.value.errors(), "", ScheduleRequest) == [
        Problem(field="window.to", code="bad_time_of_day")
    ]


@settings(max_examples=100, deadline=None)
@given(st.text() | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?\Z"))
def test_any_text_is_read_or_refused(text: str) -> None:
    read(sendAt=text, expireAt=text, timeZone="recipient")
    read(sendAt=text, validFor=text, timeZone=text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT90S", timedelta(seconds=90)),
        ("P1W2DT3H4M5S", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        ("P1Y", None),
        ("P", None),
        ("PT", None),
        ("P1DT", None),
        ("-PT5M", None),
        ("PT1.5H", None),
        ("pt5m", None),
    ],
)
def test_durations_have_the_form_of_iso_8601(text: str, duration: timedelta | None) -> None:
    assert parse_duration(text) == duration
