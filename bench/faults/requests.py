"""Orders: requests to Iris, follow-up requests, and the responses to the callers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from bench.faults.environment import AT_MOST_ONCE
from domain.clock import to_milliseconds, utc_now
from domain.identifiers import derived_id
from embedded.demo import Demo
from embedded.gateway.recipients import BEHAVIOURS, recipients_of


class FollowUp(StrEnum):
    """Follow-up request of a caller after a message is admitted."""

    CANCEL = "cancel"
    RESEND = "resend"
    MERGE = "merge"
    ERASE = "erase"
    RESCHEDULE = "reschedule"
    OPT_OUT = "opt out"


_FOLLOW_UPS: Final[Mapping[FollowUp | None, int]] = {
    None: 52,
    FollowUp.CANCEL: 20,
    FollowUp.RESEND: 10,
    FollowUp.MERGE: 9,
    FollowUp.ERASE: 9,
}
"""Share of each among distinguishable orders, in percent."""

_OF_SCHEDULED: Final[Mapping[FollowUp | None, int]] = {
    None: 30,
    FollowUp.RESCHEDULE: 25,
    FollowUp.OPT_OUT: 25,
    FollowUp.CANCEL: 10,
    FollowUp.MERGE: 5,
    FollowUp.ERASE: 5,
}
"""Share of each among orders to send later, in percent."""

_OF_STRATEGIES: Final[Mapping[FollowUp | None, int]] = {None: 70, FollowUp.CANCEL: 15, FollowUp.ERASE: 15}
"""Share of each among orders by a strategy, in percent."""

_STRATEGIES: Final = {"rcs": "sms", "whatsapp": "sms", "sms": "whatsapp"}
"""Channel of the second step of a strategy, by that of the first."""

DEADLINE_SECONDS: Final = 8
LAST_DEADLINE_SECONDS: Final = 30
"""Times in which the first and the second step of a strategy must succeed."""

_OF_USERS: Final = frozenset({FollowUp.MERGE, FollowUp.ERASE})
_OF_RECIPIENTS: Final = _OF_USERS | {FollowUp.OPT_OUT}
"""Follow-ups about a recipient whom no other order has."""

_SECONDS_AHEAD: Final = (10, 45)
"""Minimum and maximum time ahead of an order to send later."""

_SECONDS_LATER: Final = (5, 20)
"""Minimum and maximum time by which one is put off."""

VOLLEY: Final = 45
"""Orders at once for the integration with a throttle: many more than may go while a part is paused."""


@dataclass(eq=False)
class Order:
    """One message requested from Iris, and the responses.

    Attributes:
        key: the `Idempotency-Key`, or the id of a message that an end user writes; it is also in the text.
        interaction_id: of the interaction that it creates.
        callers: number of concurrent callers with the same request.
        insists: whether they retry until they have a response.
        is_valid: whether Iris should admit it.
        has_opted_out: whether its recipient takes no more messages, which is the reason why it is not valid.
        send_at: the time before which it must not be sent.
        category: of the message.
        then: the second step, if it is the first step of a strategy; it may never start.
        rate: messages per second that its integration may send; None without a limit.
        repeats: the order that this one resends.
        is_forced: whether to resend it even if the first may still arrive.
        follow_up: the follow-up request, `follow_up_after` seconds later.
        answers: each attempt's response, as text.
        interaction_ids: of the responses that had one.
        is_answered: whether a caller received its admission or rejection.
        is_refused: whether that response was a rejection without any work started.
        user_id: its end user, if anybody asked.
    """

    key: str
    interaction_id: str
    channel: str
    integration_id: str
    destination: str
    at_most_once: bool
    callers: int = 1
    insists: bool = True
    is_valid: bool = True
    is_inbound: bool = False
    has_opted_out: bool = False
    send_at: datetime | None = None
    category: str = "transactional"
    then: "Order | None" = None
    is_later_step: bool = False
    rate: float | None = None
    repeats: "Order | None" = None
    is_forced: bool = False
    follow_up: FollowUp | None = None
    follow_up_after: float = 0.0
    answers: list[str] = field(default_factory=list[str])
    interaction_ids: set[str] = field(default_factory=set[str])
    is_answered: bool = False
    is_refused: bool = False
    user_id: str = ""

    def again(self, tenant: str) -> "Order":
        """Create the order that resends this one."""
        # Unless forced, two concurrent requests may rightly have different responses.
        callers = self.callers if self.is_forced else 1
        return replace(self._another(tenant, "again"), callers=callers, repeats=self, is_forced=self.is_forced)

    @property
    def run_id(self) -> str:
        """Return the id of the run of its strategy."""
        return derived_id("strategy-run", self.interaction_id)

    def followed_by(self, channel: str, integration_id: str) -> "Order":
        """Return it as the first step of a strategy whose second one goes through this integration."""
        then = Order(
            key=f"{self.key}-then",
            interaction_id=derived_id("strategy-step", self.run_id, "1"),
            channel=channel,
            integration_id=integration_id,
            destination=self.destination,
            at_most_once=True,
            insists=False,
            is_later_step=True,
        )
        return replace(self, then=then)

    def after_opt_out(self, tenant: str) -> "Order":
        """Create an order to the same recipient, who has opted out: Iris must refuse it."""
        refused = self._another(tenant, "refused")
        return replace(refused, is_valid=False, has_opted_out=True, category=self.category)

    def _another(self, tenant: str, word: str) -> "Order":
        """Create an order to the same recipient through the same integration."""
        key = f"{self.key}-{word}"
        return Order(
            key=key,
            interaction_id=derived_id("interaction", tenant, key),
            channel=self.channel,
            integration_id=self.integration_id,
            destination=self.destination,
            at_most_once=self.at_most_once,
        )


@dataclass(eq=False)
class Demand:
    """One follow-up request about a message or its end user, and the response.

    Attributes:
        into: the order whose end user this order's user is merged into.
        send_at: the time until which its order is put off.
        result: `DONE`, or the code of the problem that prevents it; empty while there is no response.
        done_at: when the callers received `DONE`.
    """

    follow_up: FollowUp
    order: Order
    into: Order | None = None
    send_at: datetime | None = None
    done_at: datetime | None = None
    answers: list[str] = field(default_factory=list[str])
    result: str = ""


DONE: Final = "done"


def new_order(random: Random, number: int, demo: Demo, once: Mapping[str, str], *, is_early: bool = True) -> Order:
    """Create a random order: any channel, any recipient, patient or impatient callers.

    Users are merged and erased only early in a run, because that takes time.
    """
    at_most_once = random.random() < 0.7  # noqa: PLR2004 - most providers recognise no repetition
    channel = random.choice(AT_MOST_ONCE if at_most_once else tuple(demo.integrations))
    is_inbound = random.random() < 0.1  # noqa: PLR2004 - a tenth is written by end users
    insists = random.random() < 0.8  # noqa: PLR2004 - a fifth gives up at the first fault
    is_valid = is_inbound or random.random() < 0.95  # noqa: PLR2004 - one in twenty is refused
    is_scheduled = insists and is_valid and not is_inbound and random.random() < 0.15  # noqa: PLR2004 - one in seven
    is_strategy = insists and is_valid and not (is_inbound or is_scheduled) and channel in _STRATEGIES
    is_strategy = is_strategy and random.random() < 0.2  # noqa: PLR2004 - one in five
    shares = _OF_SCHEDULED if is_scheduled else _OF_STRATEGIES if is_strategy else _FOLLOW_UPS
    follow_up = random.choices(tuple(shares), tuple(shares.values()))[0]
    if not insists or not is_valid or is_inbound or (follow_up in _OF_USERS and not is_early):
        follow_up = None
    integration_id = demo.integrations[channel] if is_inbound or not at_most_once else once[channel]
    key = f"order-{number}-{random.randbytes(6).hex()}"
    owner = ("inbound", integration_id) if is_inbound else ("interaction", demo.tenant)
    order = Order(
        key=key,
        interaction_id=derived_id(*owner, key),
        channel=channel,
        integration_id=integration_id,
        destination=_destination(random, channel, is_shared=not is_inbound and follow_up not in _OF_RECIPIENTS),
        at_most_once=at_most_once,
        callers=random.choice((1, 1, 1, 2)),
        insists=insists,
        is_valid=is_valid,
        is_inbound=is_inbound,
        send_at=_later(random, utc_now(), _SECONDS_AHEAD) if is_scheduled else None,
        category="marketing" if follow_up is FollowUp.OPT_OUT else "transactional",
        is_forced=random.random() < 0.5,  # noqa: PLR2004 - half
        follow_up=follow_up,
        follow_up_after=random.expovariate(1.5),
    )
    second = _STRATEGIES[channel] if is_strategy else ""
    return order.followed_by(second, once[second]) if second else order


def put_off(random: Random, order: Order) -> datetime:
    """Return a later time for an order to send later."""
    return _later(random, order.send_at or utc_now(), _SECONDS_LATER)


def volley(random: Random, number: int, demo: Demo, integration_id: str, rate: float) -> Iterator[Order]:
    """Yield orders at once through an integration that may send `rate` messages per second; a fifth is cancelled."""
    for place in range(VOLLEY):
        key = f"volley-{number}-{place}-{random.randbytes(6).hex()}"
        yield Order(
            key=key,
            interaction_id=derived_id("interaction", demo.tenant, key),
            channel="sms",
            integration_id=integration_id,
            destination=_destination(random, "sms", is_shared=False),
            at_most_once=True,
            rate=rate,
            follow_up=FollowUp.CANCEL if random.random() < 0.2 else None,  # noqa: PLR2004 - a fifth
            follow_up_after=random.expovariate(0.2),
        )


def _later(random: Random, begins: datetime, seconds: tuple[float, float]) -> datetime:
    return to_milliseconds(begins + timedelta(seconds=random.uniform(*seconds)))


def _destination(random: Random, channel: str, *, is_shared: bool) -> str:
    """A sandbox recipient half of the time, where permitted; else a unique recipient."""
    place = {"email": 1, "messenger": 2}.get(channel, 0)
    if is_shared and random.random() < 0.5:  # noqa: PLR2004 - half
        return recipients_of(random.choice(tuple(BEHAVIOURS)))[place]
    digits = f"{random.randrange(10**9):09d}"
    return (f"346{digits[:8]}", f"user{digits}@example.com", f"2{digits}")[place]
