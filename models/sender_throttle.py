"""Schedules of senders and of their recipients, kept by atomic updates, so that they hold across workers.

The updates are the rules of `domain.gate.throttle`, by the clock of MongoDB (`$$NOW`): it is one for all workers, whose
own clocks may differ by more than a slot. The answers are waits, which need no common clock.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from domain.gate.category import Category
from domain.gate.throttle import (
    AHEAD_MS,
    IMMEDIATE_MS,
    LATE_MS,
    MIN_SPEED,
    RECOVERY_PER_MS,
    SHARES,
    YIELD,
    Pace,
    Place,
    SlotRequest,
)
from models.base import Stored

KEPT_FOR: Final = timedelta(hours=1)
"""Time for which a schedule is kept after its last slot; by then a slowed sender has recovered its rate."""

FORGIVEN: Final = timedelta(minutes=10)
"""Time without a refusal after which a recipient's cool-downs begin anew."""

MAX_REFUSALS: Final = 4
"""Refusals after which the cool-down of a recipient grows no more: WhatsApp's 4ⁿ s end at 256 s."""

Expression = Any
"""Aggregation expression (https://www.mongodb.com/docs/manual/reference/operator/aggregation)."""

_NOW: Final = {"$toDouble": {"$toLong": "$$NOW"}}


class Slot(NamedTuple):
    """Answer to a send.

    Attributes:
        wait: time until it may go, or ask again.
        place: what it keeps until then; its slot is reserved if the place has one.
        ahead: estimated number of sends before it.
        taken_until, span: end of the time that the slots take, and the time that this one takes of it; in milliseconds.
    """

    wait: timedelta
    place: Place
    ahead: int = 0
    taken_until: float = 0
    span: float = 0

    @property
    def is_immediate(self) -> bool:
        """Whether the attempt itself waits for its slot."""
        return self.place.slot is not None and self.wait <= timedelta(milliseconds=IMMEDIATE_MS)


def key_of(*parts: str) -> str:
    """Return the key of a sender or of one of its recipients, which shows neither."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class SenderThrottle(Stored):
    """Schedule of a sender (`domain.gate.throttle.SenderState`); the id is its key.

    Attributes:
        now, at, turn, slot, span: the last answer: when its send may go or ask again, and with which place.
        until: when the schedule may be removed.
    """

    taken_until: float = 0
    paused_until: float = 0
    speed: float = 1
    slowed_at: float = 0
    queues: dict[Category, dict[str, float]] = {}
    now: float = 0
    at: float = 0
    turn: float | None = None
    slot: float | None = None
    span: float = 0
    until: datetime

    class Settings:
        """Collection name and indexes; unused schedules are removed by a TTL index."""

        name = "sender_throttles"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)]

    @classmethod
    async def reserve(cls, key: str, pace: Pace, request: SlotRequest, now: Expression = _NOW) -> Slot:
        """Reserve the slot of a send, or give it its turn (`domain.gate.throttle.reserve`)."""
        found = await _update(cls, key, _reservation(pace, request, now))
        reserved = Place(turn=found["turn"], slot=found["slot"])
        wait = max(found["at"] - found["now"], 0)
        is_paused = found["paused_until"] > found["now"]
        ahead = 0 if is_paused else int(wait * SHARES.get(request.lane, 1) / found["span"])
        return Slot(timedelta(milliseconds=wait), reserved, ahead, found["taken_until"], found["span"])

    @classmethod
    async def give_back(cls, key: str, slot: Slot) -> None:
        """Free a slot that is not used, if no other was reserved since."""
        taken = {"_id": key, "taken_until": slot.taken_until}
        await cls.collection().update_one(taken, {"$inc": {"taken_until": -slot.span}})

    @classmethod
    async def cool_down(cls, key: str, wait: timedelta, now: Expression = _NOW) -> timedelta:
        """Pause a sender and halve its speed (`domain.gate.throttle.cool_down`); returns the pause."""
        is_new = {"$gte": ["$now", "$paused_until"]}
        halved = {"$max": [{"$divide": [_speed(), 2]}, MIN_SPEED]}
        slowed = {
            "speed": {"$cond": [is_new, halved, "$speed"]},
            "slowed_at": {"$cond": [is_new, "$now", "$slowed_at"]},
            "paused_until": {"$max": ["$paused_until", {"$add": ["$now", wait / timedelta(milliseconds=1)]}]},
        }
        return _pause(await _update(cls, key, [{"$set": _sender(now)}, {"$set": slowed}, _expiry("$paused_until")]))

    @classmethod
    async def pause(cls, key: str) -> timedelta:
        """Return the rest of a sender's cool-down."""
        return await _rest(cls, key, 0)


class RecipientThrottle(Stored):
    """Last slots of sends from a sender to a recipient; the id is the key of the two.

    Attributes:
        taken: the last slots, in their order.
        refusals: number of cool-downs in a row.
    """

    taken: list[float] = []
    paused_until: float = 0
    refusals: int = 0
    now: float = 0
    until: datetime

    class Settings:
        """Collection name and indexes; unused limits are removed by a TTL index."""

        name = "recipient_throttles"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)]

    @classmethod
    async def reserve(cls, key: str, rate: int, every: timedelta, now: Expression = _NOW) -> Slot:
        """Reserve a slot for a send to a recipient (`domain.gate.throttle.reserve_for_recipient`)."""
        full = {"$gte": [{"$size": "$taken"}, rate]}
        first = {"$add": [{"$first": "$taken"}, every / timedelta(milliseconds=1)]}
        slot = {"$max": ["$now", "$paused_until", {"$cond": [full, first, "$now"]}]}
        taken = {"$slice": [{"$concatArrays": ["$taken", [slot]]}, -rate]}
        stages = [{"$set": _recipient(now)}, {"$set": {"taken": taken}}, _expiry({"$last": "$taken"}, every)]
        found = await _update(cls, key, stages)
        slot_at = found["taken"][-1]
        return Slot(timedelta(milliseconds=slot_at - found["now"]), Place(recipient_slot=slot_at))

    @classmethod
    async def cool_down(cls, key: str, wait: timedelta, factor: float, now: Expression = _NOW) -> timedelta:
        """Pause the sends to a recipient, each time in a row `factor` times as long; returns the pause."""
        is_in_a_row = {"$lte": ["$now", {"$add": ["$paused_until", FORGIVEN / timedelta(milliseconds=1)]}]}
        raised = {"$pow": [factor, {"$min": ["$refusals", MAX_REFUSALS]}]}
        pause = {"$multiply": [wait / timedelta(milliseconds=1), raised]}
        paused = {
            "paused_until": {"$max": ["$paused_until", {"$add": ["$now", pause]}]},
            "refusals": {"$add": ["$refusals", 1]},
        }
        counted = {"refusals": {"$cond": [is_in_a_row, "$refusals", 0]}}
        stages = [{"$set": fields} for fields in (_recipient(now), counted, paused)]
        return _pause(await _update(cls, key, [*stages, _expiry("$paused_until")]))

    @classmethod
    async def rest(cls, key: str, slot: float | None) -> timedelta:
        """Return the time until a reserved slot, if there is one, and until the end of the recipient's cool-down."""
        return await _rest(cls, key, slot or 0)


def _sender(now: Expression) -> dict[str, Expression]:
    """The fields of a sender, with those of a new one."""
    clocks = [f"queues.{lane}.{field}" for lane in SHARES for field in ("head", "tail", "shift")]
    numbers = ["taken_until", "paused_until", "slowed_at", *clocks]
    return {"now": now, "speed": {"$ifNull": ["$speed", 1]}, **{field: _or_zero(field) for field in numbers}}


def _recipient(now: Expression) -> dict[str, Expression]:
    return {
        "now": now,
        "taken": {"$ifNull": ["$taken", []]},
        "paused_until": _or_zero("paused_until"),
        "refusals": _or_zero("refusals"),
    }


def _or_zero(field: str) -> Expression:
    return {"$ifNull": [f"${field}", 0]}


def _speed() -> Expression:
    recovered = {"$multiply": [RECOVERY_PER_MS, {"$subtract": ["$now", "$slowed_at"]}]}
    return {"$min": [1, {"$add": ["$speed", recovered]}]}


_AT_ONCE: Final = {"ask.at": "$ask.free", "ask.takes": True, "ask.turn": None}
"""Answer to a send of a lane without a queue."""


def _reservation(pace: Pace, request: SlotRequest, now: Expression) -> list[Mapping[str, Any]]:
    """The update that reserves: the statements of `domain.gate.throttle.reserve`, in their order."""
    lane, cost, place = request
    earliest = {"$max": ["$paused_until", {"$subtract": ["$now", LATE_MS]}]}
    facts = {
        "ask.interval": {"$divide": [pace.interval, _speed()]},
        "ask.keeps": False if place.slot is None else {"$gte": [place.slot, earliest]},
    }
    derived = {
        "ask.span": {"$multiply": [cost, "$ask.interval"]},
        "ask.credit": {"$multiply": [max(pace.burst - cost, 0), "$ask.interval"]},
    }
    free = {"ask.free": {"$max": ["$now", "$paused_until", {"$subtract": ["$taken_until", "$ask.credit"]}]}}
    answer = {
        "at": {"$cond": ["$ask.keeps", place.slot, "$ask.at"]},
        "span": "$ask.span",
        "slot": {"$cond": ["$ask.keeps", place.slot, {"$cond": ["$ask.takes", "$ask.at", None]}]},
        "turn": {"$cond": [{"$or": ["$ask.keeps", "$ask.takes"]}, None, "$ask.turn"]},
        "taken_until": {
            "$cond": [
                {"$and": ["$ask.takes", {"$not": ["$ask.keeps"]}]},
                {"$add": [{"$max": ["$taken_until", "$ask.at"]}, "$ask.span"]},
                "$taken_until",
            ]
        },
    }
    last = {"$max": ["$taken_until", "$paused_until", *(_end(one) for one in SHARES)]}
    return [
        *({"$set": fields} for fields in (_sender(now), facts, derived, free)),
        *(_queued(lane, place) if lane in SHARES else [{"$set": _AT_ONCE}]),
        {"$set": answer},
        {"$unset": "ask"},
        _expiry(last),
    ]


def _queued(lane: Category, place: Place) -> list[Mapping[str, Any]]:
    """The stages for a lane with a queue."""
    head, tail, shift = (f"$queues.{lane}.{field}" for field in ("head", "tail", "shift"))
    given = 0.0 if place.slot is not None else place.turn
    turn = {"$max": [{"$subtract": ["$now", shift]}, tail]} if given is None else given
    gap = {"$divide": ["$ask.span", SHARES[lane]]}
    due = {
        "ask.due": {"$add": ["$ask.turn", shift]},
        f"queues.{lane}.tail": {"$add": ["$ask.turn", gap]} if given is None else tail,
    }
    decided = {
        "ask.is_due": {"$lte": ["$ask.due", {"$add": ["$now", IMMEDIATE_MS]}]},
        "ask.slot": {"$max": ["$ask.free", "$ask.due"]},
    }
    takes = {"$and": ["$ask.is_due", {"$lte": ["$ask.slot", {"$add": ["$now", AHEAD_MS]}]}]}
    answer = {"ask.at": {"$cond": ["$ask.is_due", "$ask.slot", "$ask.due"]}, "ask.takes": takes}
    taken_until = {"$add": [{"$max": ["$taken_until", "$ask.slot"]}, "$ask.span"]}
    in_time = {"$add": ["$ask.due", "$ask.span"]}
    late = {"$max": [0, {"$subtract": [{"$subtract": [taken_until, "$ask.credit"]}, in_time]}]}
    comes_up = {"$and": [{"$gt": ["$ask.turn", 0]}, {"$gte": ["$ask.turn", head]}]}
    delay = {"$cond": ["$ask.takes", late, {"$subtract": ["$ask.slot", "$ask.due"]}]}
    others_wait = {"$gt": [_end(Category.TRANSACTIONAL), {"$add": ["$now", IMMEDIATE_MS]}]}
    yields = {"$and": ["$ask.takes", others_wait, lane is Category.MARKETING]}
    yielded = {"$cond": [yields, {"$multiply": ["$ask.span", YIELD]}, 0]}
    moves = {"$and": ["$ask.is_due", {"$not": ["$ask.keeps"]}]}
    moved = {
        f"queues.{lane}.head": {"$cond": [moves, {"$max": [head, "$ask.turn"]}, head]},
        f"queues.{lane}.shift": {
            "$cond": [moves, {"$add": [{"$add": [shift, {"$cond": [comes_up, delay, 0]}]}, yielded]}, shift]
        },
    }
    return [{"$set": fields} for fields in ({"ask.turn": turn}, due, decided, answer, moved)]


def _end(lane: Category) -> Expression:
    """End of the turns that a lane's queue has given."""
    return {"$add": [f"$queues.{lane}.tail", f"$queues.{lane}.shift"]}


def _expiry(last: Expression, more: timedelta = timedelta()) -> Mapping[str, Any]:
    kept = (KEPT_FOR + more) / timedelta(milliseconds=1)
    return {"$set": {"until": {"$toDate": {"$toLong": {"$add": [{"$max": ["$now", last]}, kept]}}}}}


async def _update(document: type[Stored], key: str, stages: list[Mapping[str, Any]]) -> dict[str, Any]:
    async def update() -> dict[str, Any]:
        found = await document.collection().find_one_and_update(
            {"_id": key}, stages, upsert=True, return_document=ReturnDocument.AFTER
        )
        return cast("dict[str, Any]", found)

    try:
        return await update()
    except DuplicateKeyError:
        return await update()  # another send has just created it


def _pause(found: Mapping[str, Any]) -> timedelta:
    return timedelta(milliseconds=found["paused_until"] - found["now"])


async def _rest(document: type[Stored], key: str, instant: float) -> timedelta:
    rest = {"rest": {"$subtract": [{"$max": ["$paused_until", instant]}, _NOW]}}
    found = await document.collection().find_one({"_id": key}, rest)
    return timedelta(milliseconds=max(found["rest"], 0)) if found else timedelta()
