"""Limiter of a sender: the instant at which each of its sends may go.

A sender has one schedule, kept by the generic cell rate algorithm with a cost for each send
(https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). Authentication takes the next free slot of the schedule.
The other lanes have a queue each, whose clock gives every send its turn once, so that sends that wait need not poll;
a send takes its slot only at its turn, so that few slots are taken ahead of a message for authentication. If the next
turn would come before the schedule is free again, the whole queue is delayed.

`models.sender_throttle` runs the same rules as atomic updates of MongoDB; a test compares the two. All instants are
milliseconds since the epoch, by one clock.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.gate.category import Category

SHARES: Final[Mapping[Category, float]] = {Category.TRANSACTIONAL: 1.0, Category.MARKETING: 0.8}
"""Shares of the rate at which the queues of the lanes move; the rest of it stays free. Authentication has no queue."""

MIN_MARKETING_SHARE: Final = 0.2
"""Share of the rate that marketing keeps while transactional messages queue."""

YIELD: Final = 1 / MIN_MARKETING_SHARE - 1 / SHARES[Category.MARKETING]
"""Delay of the queue of marketing for each of its sends while transactional messages queue, in durations of a send."""

IMMEDIATE_MS: Final = 1_500.0
"""Longest wait within an attempt; a longer one is left to the workflow."""

LEAD_MS: Final = 400.0
"""Time by which a held message comes back before its instant. The attempt waits for the rest, so that the latency of
timers and workers costs no slot. A hold lasts at least `IMMEDIATE_MS` - `LEAD_MS`: Temporal fires no timer within a
second of its start (`history.timerProcessorMaxTimeShift`)."""

LATE_MS: Final = 250.0
"""Time after which a reserved slot is lost: messages that an outage delayed would exceed the rate together."""

AHEAD_MS: Final = 10_000.0
"""Time by which a lane with a queue may reserve a slot ahead."""

RECOVERY_PER_MS: Final = 0.05 / 60_000
"""Growth of a slowed sender's speed: five percent of its rate a minute."""

MIN_SPEED: Final = 1 / 16
"""Lowest speed of a sender, relative to its rate."""


class Pace(NamedTuple):
    """Rate of a sender.

    Attributes:
        interval: milliseconds for each unit of cost.
        burst: units that may go at once after a pause; a send that costs more goes alone.
    """

    interval: float
    burst: float = 1


class Place(BaseModel):
    """Place that a held send keeps in its sender's schedule; its workflow carries it to the next attempt.

    Attributes:
        turn: its turn by the clock of its lane's queue; 0 is the front of the queue.
        slot: the instant that is reserved for it, once it had its turn.
        recipient_slot: the instant that is reserved for it in the limit of its recipient.
        refusals: number of its attempts that the provider refused for a long time.
    """

    model_config = ConfigDict(frozen=True)

    turn: float | None = None
    slot: float | None = None
    recipient_slot: float | None = None
    refusals: int = 0


FRONT: Final = Place(turn=0)
"""Place of a send that had its turn and goes again."""


class SlotRequest(NamedTuple):
    """Request of a send for its slot.

    Attributes:
        lane: the category of the message.
        cost: of the send, in units of the rate.
        place: what an earlier answer gave to it; empty at first.
    """

    lane: Category
    cost: float = 1
    place: Place = Place()


class Queue(NamedTuple):
    """Clock of a lane's queue.

    Attributes:
        head: the last turn that came up.
        tail: the turn after the last one that was given.
        shift: the delay of all turns against the clock.
    """

    head: float = 0
    tail: float = 0
    shift: float = 0


class SenderState(NamedTuple):
    """State of a sender.

    Attributes:
        taken_until: end of the time that its slots take.
        paused_until: end of its cool-down.
        speed: its speed at `slowed_at`, relative to its rate; it recovers since.
        queues: by lane.
    """

    taken_until: float = 0
    paused_until: float = 0
    speed: float = 1
    slowed_at: float = 0
    queues: Mapping[Category, Queue] = dict.fromkeys(SHARES, Queue())


class Answer(NamedTuple):
    """When a send may go, or ask again.

    Attributes:
        at: the instant.
        place: its place until then, with the slot if `at` is reserved for it.
    """

    at: float
    place: Place


def current_speed(state: SenderState, now: float) -> float:
    """Return the speed of a sender relative to its rate."""
    return min(1.0, state.speed + RECOVERY_PER_MS * (now - state.slowed_at))


def reserve(state: SenderState, pace: Pace, request: SlotRequest, now: float) -> tuple[SenderState, Answer]:
    """Reserve the slot of a send, or give it its turn to ask for one; returns the state after it and the answer."""
    lane, cost, place = request
    if place.slot is not None and place.slot >= max(state.paused_until, now - LATE_MS):
        return state, Answer(place.slot, place)
    interval = pace.interval / current_speed(state, now)
    span = cost * interval
    credit = max(pace.burst - cost, 0) * interval
    free = max(now, state.paused_until, state.taken_until - credit)
    if lane not in SHARES:
        return _taken(state, free, span), Answer(free, Place(slot=free))
    queue = state.queues[lane]
    given = 0.0 if place.slot is not None else place.turn
    turn = max(now - queue.shift, queue.tail) if given is None else given
    due = turn + queue.shift
    gap = span / SHARES[lane]
    tail = queue.tail if given is not None else turn + gap
    if due > now + IMMEDIATE_MS:
        return _moved(state, lane, queue._replace(tail=tail)), Answer(due, Place(turn=turn))
    slot = max(free, due)
    takes = slot <= now + AHEAD_MS
    taken = _taken(state, slot, span) if takes else state
    shift = queue.shift
    if turn and turn >= queue.head:  # one that comes up late, after others, says nothing about the queue
        shift += max(0.0, taken.taken_until - credit - (due + span)) if takes else slot - due
    if takes and lane is Category.MARKETING and _waits(state.queues[Category.TRANSACTIONAL], now):
        shift += span * YIELD
    moved = _moved(taken, lane, Queue(max(queue.head, turn), tail, shift))
    return moved, Answer(slot, Place(slot=slot) if takes else Place(turn=turn))


def cool_down(state: SenderState, wait: float, now: float) -> SenderState:
    """Pause a sender that its provider asks to wait, and halve its speed; answers of one pause halve it once."""
    speed, slowed_at = state.speed, state.slowed_at
    if now >= state.paused_until:
        speed, slowed_at = max(current_speed(state, now) / 2, MIN_SPEED), now
    return state._replace(paused_until=max(state.paused_until, now + wait), speed=speed, slowed_at=slowed_at)


def reserve_for_recipient(taken: Sequence[float], rate: int, every: float, now: float) -> tuple[Sequence[float], float]:
    """Reserve a slot for a send to one recipient: at most `rate` within any `every` milliseconds.

    Args:
        taken: the last slots, at most `rate`, in their order.
        rate: the number of sends.
        every: the window, in milliseconds.
        now: the current instant.
    """
    slot = max(now, taken[0] + every) if len(taken) >= rate else now
    return [*taken, slot][-rate:], slot


def _taken(state: SenderState, slot: float, span: float) -> SenderState:
    return state._replace(taken_until=max(state.taken_until, slot) + span)


def _moved(state: SenderState, lane: Category, queue: Queue) -> SenderState:
    return state._replace(queues={**state.queues, lane: queue})


def _waits(queue: Queue, now: float) -> bool:
    """Whether sends of a queue wait for their turn."""
    return queue.tail + queue.shift > now + IMMEDIATE_MS
