"""How much is taken on at once: less while what it needs does not answer in time, and as much as before afterwards."""

from contextlib import ExitStack, suppress

import pytest

from api.room import ElasticRoom
from domain.errors import InvalidRequestError, OverloadedError, UnavailableError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def places(room: ElasticRoom) -> int:
    """How many find a place together; each is given up, and so makes none."""
    found = 0
    with suppress(InvalidRequestError), ExitStack() as taken:
        with suppress(OverloadedError):
            while True:
                taken.enter_context(room.take())
                found += 1
        raise InvalidRequestError([])
    return found


def fail(room: ElasticRoom) -> None:
    with suppress(UnavailableError), room.take():
        raise UnavailableError("Temporal")


def succeed(room: ElasticRoom) -> None:
    with room.take():
        pass


def test_what_is_not_answered_in_time_leaves_less_room_once_a_second() -> None:
    clock = Clock()
    room = ElasticRoom(200, clock)
    assert places(room) == 200
    for _ in range(50):
        fail(room)
    assert places(room) == 150
    clock.now = 1.0
    fail(room)
    assert places(room) == 112


def test_some_are_always_tried_and_each_that_is_done_makes_place_up_to_the_bound() -> None:
    clock = Clock()
    room = ElasticRoom(20, clock)
    for second in range(60):
        clock.now = second
        fail(room)
    assert places(room) == 10
    for _ in range(5):
        succeed(room)
    assert places(room) == 15
    for _ in range(50):
        succeed(room)
    assert places(room) == 20


def test_a_small_room_stays_as_it_is() -> None:
    room = ElasticRoom(4)
    fail(room)
    assert places(room) == 4


def test_what_is_refused_for_its_contents_says_nothing() -> None:
    room = ElasticRoom(40)
    with pytest.raises(InvalidRequestError), room.take():
        raise InvalidRequestError([])
    assert places(room) == 40
