"""Instants: UTC, whole milliseconds, and a `Z`."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from domain.clock import earlier, to_milliseconds, to_wire, utc_now

instants = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - the same
    timezones=st.timezones(),
)


@given(instants)
def test_the_stored_and_the_shown_instant_are_the_same(instant: datetime) -> None:
    stored = to_milliseconds(instant)
    assert timedelta() <= instant - stored < timedelta(milliseconds=1)
    assert stored.utcoffset() == timedelta()
    assert to_milliseconds(stored) == stored
    assert to_wire(instant) == to_wire(stored)
    assert datetime.fromisoformat(to_wire(stored)) == stored


def test_an_instant_is_formatted_as_in_the_specification() -> None:
    assert to_wire(datetime(2025, 6, 25, 9, 48, 21, 246_999, UTC)) == "2025-06-25T09:48:21.246Z"
    assert to_wire(datetime(2025, 6, 25, 9, 48, 21, 0, UTC)) == "2025-06-25T09:48:21.000Z"


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    madrid = timezone(timedelta(hours=2))
    assert to_wire(datetime(2025, 6, 25, 11, 48, 21, 246_000, madrid)) == "2025-06-25T09:48:21.246Z"


def test_now_is_in_utc_and_in_whole_milliseconds() -> None:
    now = utc_now()
    assert now == to_milliseconds(now)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_an_earlier_instant_is_of_this_era_however_long_the_duration() -> None:
    now = utc_now()
    assert earlier(now, timedelta(days=1)) == now - timedelta(days=1)
    assert earlier(now, timedelta.max) == earlier(now, timedelta(days=365_000)) == datetime(1970, 1, 1, tzinfo=UTC)
