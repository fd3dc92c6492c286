"""Pauses of addresses by their soft bounces."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.gate.bounces import PERIOD, SOFT_BOUNCES, paused_until

_BEGINNING = datetime(2026, 12, 1, tzinfo=UTC)


def days(*numbers: float) -> list[datetime]:
    return [_BEGINNING + timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    ("bounces", "until"),
    [
        ([], None),
        ([1, 2], None),
        ([1, 2, 3], 17),
        ([3, 1, 2], 17),
        # Fourteen days after the first, only two are left.
        ([1, 8, 15], None),
        ([1, 8, 14.9], 28.9),
        # Messages that were on their way when the pause began lengthen it.
        ([1, 2, 3, 4], 18),
        # What comes back after the pause counts from the beginning.
        ([1, 2, 3, 17.1], 17),
    ],
)
def test_three_bounces_within_fourteen_days_pause_the_address_for_fourteen(
    bounces: list[float], until: float | None
) -> None:
    assert paused_until(days(*bounces)) == (None if until is None else days(until)[0])


@given(st.lists(st.integers(0, 60 * 24), max_size=12), st.integers(0, 80 * 24))
def test_an_address_is_paused_if_and_only_if_some_third_bounce_was_less_than_fourteen_days_ago(
    hours: list[int], now: int
) -> None:
    bounces = [_BEGINNING + timedelta(hours=hour) for hour in hours]
    at = _BEGINNING + timedelta(hours=now)
    until = paused_until([one for one in bounces if one <= at])
    third_bounces = [
        last
        for last in bounces
        if last <= at and len([one for one in bounces if last - PERIOD < one <= last]) >= SOFT_BOUNCES
    ]
    assert (until is not None and at < until) == any(at < last + PERIOD for last in third_bounces)


@given(st.lists(st.integers(0, 60 * 24), max_size=12), st.integers(0, 60 * 24))
def test_a_further_bounce_never_shortens_a_pause_and_their_order_does_not_matter(
    hours: list[int], further: int
) -> None:
    before = [_BEGINNING + timedelta(hours=hour) for hour in hours]
    after = [*before, _BEGINNING + timedelta(hours=further)]
    first = paused_until(before)
    assert first is None or (paused_until(after) or first) >= first
    assert paused_until(after) == paused_until(sorted(after))
