"""MongoDB's updates of a sender's schedule decide as the rules do, for every sequence of sends and cool-downs."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.gate.category import Category
from domain.gate.throttle import FRONT, Pace, Place, Queue, SenderState, SlotRequest, cool_down, reserve
from domain.identifiers import new_id
from models.sender_throttle import RecipientThrottle, SenderThrottle, key_of

START = 1_800_000_000_000.0

paces = st.sampled_from([Pace(12.5, 5), Pace(1_000), Pace(3_000, 2)])
lanes = st.sampled_from(Category)
sends = st.tuples(lanes, st.integers(1, 4), st.sampled_from(["new", "last", "front"]))
steps = st.one_of(sends, sends, sends, st.integers(100, 20_000))
"""A send, new or with the place of the last answer in its lane, or a cool-down of so many milliseconds."""


def state_of(stored: dict[str, Any]) -> SenderState:
    queues = {Category(lane): Queue(**queue) for lane, queue in stored["queues"].items()}
    numbers = {name: stored[name] for name in ("taken_until", "paused_until", "speed", "slowed_at")}
    return SenderState(**numbers, queues=queues)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([Pace(12.5, 5), Pace(1_000), Pace(3_000, 2)]),
    st.lists(st.tuples(st.floats(0, 3_000), steps), max_size=25),
)
async def test_mongodb_reserves_what_the_rules_reserve(
    pace: Pace, script: list[tuple[float, tuple[Category, int, str] | int]]
) -> None:
    key, now, state = new_id(), START, SenderState()
    places = dict.fromkeys(Category, Place())
    for pause, step in script:
        now += pause
        if isinstance(step, int):
            state = cool_down(state, step, now)
            await SenderThrottle.cool_down(key, timedelta(milliseconds=step), now)
            continue
        lane, cost, kind = step
        place = {"new": Place(), "last": places[lane], "front": FRONT}[kind]
        state, answer = reserve(state, pace, SlotRequest(lane, cost, place), now)
        slot = await SenderThrottle.reserve(key, pace, SlotRequest(lane, cost, place), now)
        stored = await SenderThrottle.collection().find_one({"_id": key})
        assert stored is not None
        assert (slot.place, stored["at"], state_of(stored)) == (answer.place, answer.at, state)
        places[lane] = answer.place


async def test_senders_of_many_workers_share_one_schedule() -> None:
    key, pace = new_id(), Pace(1_000)
    waits = [await SenderThrottle.reserve(key, pace, SlotRequest(Category.AUTHENTICATION), START) for _ in range(4)]
    assert [slot.wait.total_seconds() for slot in waits] == [0, 1, 2, 3]


async def test_the_last_slot_is_given_back_and_an_earlier_one_is_not() -> None:
    key, pace = new_id(), Pace(1_000)
    request = SlotRequest(Category.AUTHENTICATION)
    first, second = [await SenderThrottle.reserve(key, pace, request, START) for _ in range(2)]
    await SenderThrottle.give_back(key, first)
    await SenderThrottle.give_back(key, second)
    again = await SenderThrottle.reserve(key, pace, request, START)
    assert again.place.slot == second.place.slot


async def test_a_recipient_gets_its_rate_in_each_window_and_waits_four_times_as_long_after_each_refusal() -> None:
    key = key_of("sender", new_id())
    slots = [await RecipientThrottle.reserve(key, 2, timedelta(seconds=6), START) for _ in range(5)]
    assert [slot.wait.total_seconds() for slot in slots] == [0, 0, 6, 6, 12]
    refused, now = key_of("sender", new_id()), START
    pauses: list[float] = []
    for _ in range(6):
        await RecipientThrottle.cool_down(refused, timedelta(seconds=1), 4, now)
        slot = await RecipientThrottle.reserve(refused, 1, timedelta(), now)
        pauses.append(slot.wait.total_seconds())
        now += slot.wait / timedelta(milliseconds=1)
    assert pauses == pytest.approx([1, 4, 16, 64, 256, 256])
