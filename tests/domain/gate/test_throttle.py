"""A sender keeps to its rate, authentication waits for about one slot, and nothing that waits polls."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import count, cycle
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.gate.category import Category
from domain.gate.throttle import (
    IMMEDIATE_MS,
    LATE_MS,
    LEAD_MS,
    Answer,
    Pace,
    Place,
    SenderState,
    SlotRequest,
    cool_down,
    current_speed,
    reserve,
    reserve_for_recipient,
)

AUTHENTICATION, TRANSACTIONAL, MARKETING = Category


class Send(NamedTuple):
    at: float
    lane: Category = TRANSACTIONAL
    cost: float = 1


class Sent(NamedTuple):
    send: Send
    at: float
    asked: int


def simulate(
    pace: Pace, sends: Sequence[Send], state: SenderState | None = None, latencies: Sequence[float] = (0,)
) -> list[Sent]:
    """Run sends through the limiter as workflows do: each asks, and asks again shortly before the answer's instant.

    Args:
        pace: the rate of the sender.
        sends: the sends.
        state: the state at first.
        latencies: milliseconds by which the sends that ask again come late, one after the other.
    """
    order = count()
    waiting = [(send.at, next(order), send, Place(), 1) for send in sends]
    return resume(pace, waiting, state or SenderState(), latencies)


def resume(
    pace: Pace,
    waiting: list[tuple[float, int, Send, Place, int]],
    state: SenderState,
    latencies: Sequence[float] = (0,),
) -> list[Sent]:
    """Run sends that come at an instant with a place; see `simulate`."""
    late, order = cycle(latencies), count(len(waiting))
    heapq.heapify(waiting)
    sent: list[Sent] = []
    while waiting:
        now, _, send, place, asked = heapq.heappop(waiting)
        state, answer = reserve(state, pace, SlotRequest(send.lane, send.cost, place), now)
        if answer.place.slot is not None and answer.at <= now + IMMEDIATE_MS:
            sent.append(Sent(send, answer.at, asked))
        else:
            back = max(now, answer.at - LEAD_MS) + next(late)
            heapq.heappush(waiting, (back, next(order), send, answer.place, asked + 1))
    return sorted(sent, key=lambda one: one.at)


def excess(pace: Pace, sent: Sequence[Sent]) -> float:
    """Units by which the sends exceed the rate and the burst in some window."""
    allowed = max(pace.burst, *(one.send.cost for one in sent))
    worst, level, before = 0.0, 0.0, sent[0].at
    for one in sent:
        level = max(0.0, level - (one.at - before) / pace.interval) + one.send.cost
        worst, before = max(worst, level - allowed), one.at
    return worst


paces = st.builds(Pace, st.sampled_from([2.5, 12.5, 100.0, 1_000.0]), st.sampled_from([1, 3, 20]))
sends = st.builds(Send, st.floats(0, 60_000), st.sampled_from(Category), st.integers(1, 4))


@given(paces, st.lists(sends, min_size=1, max_size=120))
def test_the_rate_is_never_exceeded_and_every_send_goes_once(pace: Pace, asked: list[Send]) -> None:
    sent = simulate(pace, asked)
    assert sorted(one.send for one in sent) == sorted(asked)
    assert all(one.at >= one.send.at for one in sent)
    assert excess(pace, sent) < 1e-6


@given(paces, st.lists(sends, min_size=1, max_size=120))
def test_a_send_asks_a_few_times_however_long_it_waits(pace: Pace, asked: list[Send]) -> None:
    assert max(one.asked for one in simulate(pace, asked)) <= 12


def test_a_burst_goes_at_once_and_then_the_rate_applies() -> None:
    sent = simulate(Pace(1_000, burst=5), [Send(0, AUTHENTICATION)] * 8)
    assert [one.at for one in sent] == [0, 0, 0, 0, 0, 1_000, 2_000, 3_000]


def test_one_lane_uses_the_whole_rate_and_keeps_its_order() -> None:
    asked = [Send(position, cost=3) for position in range(60)]
    sent = simulate(Pace(1_000), asked)
    assert [one.send for one in sent] == asked
    assert sent[-1].at == pytest.approx(59 * 3_000, rel=0.001)


def test_latency_of_the_workers_costs_only_the_slots_that_are_past() -> None:
    # Every tenth send comes three seconds late, while those behind it come in time.
    sent = simulate(Pace(1_000), [Send(0)] * 500, latencies=[0] * 9 + [3_000])
    assert sent[-1].at < 1.15 * 500_000
    assert max(one.asked for one in sent) <= 12


def test_after_an_outage_the_queue_goes_on_at_its_rate() -> None:
    asked = [Send(position, lane) for position in range(300) for lane in (TRANSACTIONAL, MARKETING)]
    state, pace = SenderState(), Pace(1_000)
    held: list[tuple[Send, Place]] = []
    for send in asked:
        state, answer = reserve(state, pace, SlotRequest(send.lane), send.at)
        held.append((send, answer.place))
    outage = 300_000.0
    waiting = [(outage, order, send, place, 1) for order, (send, place) in enumerate(held)]
    sent = resume(pace, waiting, state)
    assert excess(pace, sent) < 1e-6
    assert sent[-1].at - outage == pytest.approx(600_000, rel=0.12)


def otps(interval: float, number: int) -> Iterator[Send]:
    return (Send(1_000 + position * interval, AUTHENTICATION) for position in range(number))


def test_authentication_waits_about_one_slot_behind_ten_thousand_of_marketing_which_do_not_poll() -> None:
    marketing = [Send(position / 100, MARKETING) for position in range(10_000)]
    sent = simulate(Pace(1_000), [*marketing, *otps(9_130, 1_000)])
    waits = sorted(one.at - one.send.at for one in sent if one.send.lane is AUTHENTICATION)
    assert waits[950] < 2_000
    asked = [one.asked for one in sent if one.send.lane is MARKETING]
    assert sum(asked) / len(asked) < 6
    # A fifth of the rate stays free for authentication, so that it hardly delays the others.
    assert max(one.at for one in sent) == pytest.approx(12_500_000, rel=0.07)


@pytest.mark.parametrize("interval", [12.5, 1_000.0])
def test_marketing_keeps_a_fifth_of_the_rate_while_transactional_messages_queue(interval: float) -> None:
    asked = [Send(0, lane) for _ in range(500) for lane in (TRANSACTIONAL, MARKETING)]
    sent = simulate(Pace(interval), asked)
    marketing = sum(one.send.lane is MARKETING for one in sent[:500])
    assert 60 <= marketing <= 160


def test_a_cool_down_holds_every_send_and_halves_the_rate_which_recovers() -> None:
    state = cool_down(cool_down(SenderState(), 5_000, now=0), 3_000, now=100)
    assert (state.paused_until, current_speed(state, 0), current_speed(state, 300_000)) == (5_000, 0.5, 0.75)
    sent = simulate(Pace(1_000), [Send(200, lane) for lane in Category for _ in range(3)], state)
    assert sent[0].at == 5_000
    assert sent[1].at - sent[0].at == pytest.approx(2_000, rel=0.01)
    assert current_speed(state, 600_000) == 1


def test_a_slot_is_replaced_if_it_falls_in_a_cool_down_or_is_past() -> None:
    pace, request = Pace(100_000), SlotRequest(AUTHENTICATION)
    state, _ = reserve(SenderState(), pace, request, 0)
    state, answer = reserve(state, pace, request, 0)
    assert answer == Answer(100_000, Place(slot=100_000))
    held = SlotRequest(AUTHENTICATION, 1, answer.place)
    assert reserve(state, pace, held, 100_000 + LATE_MS) == (state, answer)
    _, late = reserve(state, pace, held, 100_001 + LATE_MS)
    assert late.at == 200_000
    _, paused = reserve(cool_down(state, 300_000, now=0), pace, held, 99_600)
    assert paused.at == 300_000


@given(st.integers(1, 5), st.lists(st.floats(0, 1_000), min_size=1, max_size=40))
def test_a_recipient_gets_no_more_than_its_rate_in_any_window(rate: int, gaps: list[float]) -> None:
    taken: Sequence[float] = []
    slots: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap
        taken, slot = reserve_for_recipient(taken, rate, 2_000, now)
        slots.append(slot)
    assert slots == sorted(slots)
    assert all(later - slot > 2_000 - 1e-6 for slot, later in zip(slots, slots[rate:], strict=False))
