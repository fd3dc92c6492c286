"""Slots of senders: whether a message may be handed over now, and the pauses after refusals for a rate."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from pymongo.errors import PyMongoError

from activities.interfaces import Dispatch, Held
from domain.clock import utc_now
from domain.gate.decision import HoldReason, Wait
from domain.gate.throttle import FRONT, IMMEDIATE_MS, LEAD_MS, Place, SlotRequest
from domain.gate.throttle_setting import RecipientRate, Throttle
from models.integration import Integration
from models.sender_throttle import RecipientThrottle, SenderThrottle, Slot, key_of
from providers.base import AnyProvider, CoolDown, Outbound, RateScope, TransientError
from support.ttl_cache import TtlCache

_IMMEDIATE: Final = timedelta(milliseconds=IMMEDIATE_MS)

_LEAD: Final = timedelta(milliseconds=LEAD_MS)

_MAX_HOLD: Final = timedelta(hours=12)
"""Longest hold; its message asks again then. A workflow that waits for more than a day ends, and so would its place in
the queue."""

_REMEMBERED: Final = timedelta(minutes=10)
"""Time after a refusal in which this worker asks MongoDB about pauses also for sends without a throttle."""

MAX_RETRY_WAIT: Final = timedelta(minutes=1)
"""Longest pause for which a refused attempt is retried; a message whose pause is longer is held."""

MAX_REFUSALS: Final = 10
"""Long pauses of one message, after which it is rejected."""

_NO_THROTTLE: Final = Throttle()


@dataclass(frozen=True, slots=True)
class ThrottledSend:
    """Message that is about to be handed over.

    Attributes:
        dispatch: the message, with the place that an earlier hold gave to it.
        throttle: the rates that it keeps to.
        outbound: what its provider gets.
        sender: key of its sender. It contains the tenant, so that no tenant slows the sender of another.
        recipients: keys of its recipients.
        place: its place; the front of the queue if it was attempted before, because a further attempt needs a slot.
    """

    dispatch: Dispatch
    throttle: Throttle
    outbound: Outbound
    sender: str
    recipients: tuple[str, ...]
    place: Place

    @classmethod
    def of(
        cls, dispatch: Dispatch, integration: Integration, provider: AnyProvider, outbound: Outbound, *, again: bool
    ) -> "ThrottledSend":
        """Return a message; `again` says whether it was attempted before."""
        sender = key_of(dispatch.tenant, provider.name, outbound.channel, provider.sender)
        return cls(
            dispatch=dispatch,
            throttle=integration.throttle or _NO_THROTTLE,
            outbound=outbound,
            sender=sender,
            recipients=tuple(key_of(sender, destination) for destination in outbound.destinations),
            place=FRONT if again else dispatch.place,
        )


@dataclass(frozen=True, slots=True)
class SenderSlots:
    """Slots of the senders of this worker's sends. A send without a throttle costs nothing."""

    _paused: TtlCache[bool] = field(default_factory=lambda: TtlCache[bool](_REMEMBERED), init=False)
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(
        default_factory=WeakValueDictionary[str, asyncio.Lock], init=False
    )

    async def wait(self, send: ThrottledSend) -> Held | None:
        """Wait for the slot of a message, at most `IMMEDIATE_MS`; a later slot is returned as a hold."""
        slot = await self._of_sender(send)
        if not slot.is_immediate:
            place = slot.place.model_copy(update={"recipient_slot": send.place.recipient_slot})
            return _held(slot.wait, place, send.dispatch.place.refusals, slot.ahead)
        wait, recipient_slot = await self._of_recipients(send)
        if wait > _IMMEDIATE:
            if slot.span:
                await SenderThrottle.give_back(send.sender, slot)
            place = FRONT.model_copy(update={"recipient_slot": recipient_slot})
            return _held(wait, place, send.dispatch.place.refusals)
        longest = max(slot.wait, wait)
        if longest:
            await asyncio.sleep(longest.total_seconds())
        return None

    async def pause(self, send: ThrottledSend, refusal: TransientError) -> timedelta:
        """Pause the sender or the recipient that a refusal is about, if any; returns how long this message waits."""
        cool_down = refusal.cool_down
        if cool_down is None:
            return refusal.retry_after or timedelta()
        wait = refusal.retry_after or cool_down.wait
        with suppress(PyMongoError):
            if cool_down.scope is RateScope.SENDER:
                self._paused.set(send.sender, True)
                return await SenderThrottle.cool_down(send.sender, wait)
            return max([await self._pause_recipient(key, wait, cool_down) for key in send.recipients])
        return wait

    def hold(self, send: ThrottledSend, pause: timedelta) -> Held | None:
        """Hold a refused message during a long pause; None if it was refused for so long too often."""
        refusals = send.dispatch.place.refusals + 1
        return _held(pause, FRONT, refusals) if refusals <= MAX_REFUSALS else None

    async def _of_sender(self, send: ThrottledSend) -> Slot:
        pace = send.throttle.pace
        if pace is not None:
            request = SlotRequest(send.dispatch.category, send.throttle.cost(send.outbound.payload), send.place)
            # Many updates of one document at a time would conflict in MongoDB, and be retried there again and again.
            async with self._locks.setdefault(send.sender, asyncio.Lock()):
                return await SenderThrottle.reserve(send.sender, pace, request)
        pause = await SenderThrottle.pause(send.sender) if self._paused.get(send.sender) else timedelta()
        return Slot(pause, Place(slot=0))

    async def _of_recipients(self, send: ThrottledSend) -> tuple[timedelta, float | None]:
        """Reserve a slot in the limit of each recipient; returns the longest wait and its slot."""
        rate, given = send.throttle.per_recipient, send.place.recipient_slot
        if rate is not None and given is None:
            slots = [await _reserve(key, rate) for key in send.recipients]
            last = max(slots, key=lambda slot: slot.wait)
            return last.wait, last.place.recipient_slot
        asked = [key for key in send.recipients if rate is not None or self._paused.get(key)]
        return max([await RecipientThrottle.rest(key, given) for key in asked], default=timedelta()), given

    async def _pause_recipient(self, key: str, wait: timedelta, cool_down: CoolDown) -> timedelta:
        self._paused.set(key, True)
        return await RecipientThrottle.cool_down(key, wait, cool_down.factor)


async def _reserve(key: str, rate: RecipientRate) -> Slot:
    return await RecipientThrottle.reserve(key, rate.rate, rate.interval)


def _held(wait: timedelta, place: Place, refusals: int, ahead: int = 0) -> Held:
    until = Wait(until=utc_now() + min(wait - _LEAD, _MAX_HOLD), reason=HoldReason.THROTTLED, ahead=ahead)
    return Held(wait=until, place=place.model_copy(update={"refusals": refusals}))
