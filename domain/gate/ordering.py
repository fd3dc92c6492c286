"""Rule of the gate about order: a message goes after its predecessors in its process."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.deadlines import CANCELLED, UNKNOWN
from domain.durations import parse_duration
from domain.gate.decision import Decision, Go, HoldReason, Refuse, Wait
from domain.gate.order import DEFAULT_TIMEOUT, Order, OrderAfter
from domain.interaction import DispatchPolicy
from domain.problems import Problem
from domain.status import FAILURES, UNSENT, InteractionState, Status

MAX_TIMEOUT: Final = timedelta(hours=24)
"""Longest wait for a predecessor: for a longer one no workflow would stay open, which its predecessor could wake."""


class Predecessor(NamedTuple):
    """A message that goes first.

    Attributes:
        due: the recorded end of its wait; None if nothing more is expected of it.
    """

    id: str
    state: InteractionState
    policy: DispatchPolicy | None
    due: datetime | None


def read_timeout(text: str) -> tuple[timedelta, list[Problem]]:
    """Read the longest wait for a predecessor; a default, and a problem, if it cannot be read."""
    timeout = parse_duration(text)
    if not timeout:
        return DEFAULT_TIMEOUT, [Problem(field="orderTimeout", code="bad_duration")]
    if timeout > MAX_TIMEOUT:
        return DEFAULT_TIMEOUT, [Problem(field="orderTimeout", code="order_timeout_too_long")]
    return timeout, []


def evaluate_order(order: Order, predecessors: Sequence[Predecessor], begins: datetime, now: datetime) -> Decision:
    """Decide whether a message goes now that its predecessors are in their states.

    Args:
        order: how it keeps the order.
        predecessors: those of its predecessors that still exist.
        begins: when it could go without them.
        now: the present time.
    """
    failed = next((one for one in predecessors if has_failed(one)), None)
    if failed is not None and order.stops_on_failure:
        problem = Problem(field="inOrder", code="predecessor_failed", details={"interaction": failed.id})
        return Refuse(problem=problem)
    awaited = next((one for one in predecessors if not has_reached(one, order.after)), None)
    until = begins + order.timeout
    if awaited is None or now >= until:
        return Go()
    return Wait(until=until, reason=HoldReason.IN_ORDER, after=awaited.id)


def has_failed(predecessor: Predecessor) -> bool:
    """Whether a predecessor ended without reaching its recipient, as far as is known, and nobody cancelled it."""
    is_cancelled = predecessor.state.custom_status == CANCELLED
    return predecessor.state.status in FAILURES and not is_cancelled and not _is_unknown(predecessor)


def ended_unsent(state: InteractionState) -> bool:
    """Whether a message ended before its provider had it."""
    if state.status is Status.PROVIDER_SENDING_ERROR:
        return state.custom_status != UNKNOWN
    return state.status is Status.VALIDATION_ERROR


def has_reached(predecessor: Predecessor, after: OrderAfter | None) -> bool:
    """Whether a predecessor has reached what is awaited of it, or ended otherwise."""
    status = predecessor.state.status
    if status in UNSENT or _is_unknown(predecessor):
        return False
    if status is not Status.SENT or predecessor.due is None:
        return True
    reports = predecessor.policy is None or predecessor.policy.reports_delivery
    return (after or (OrderAfter.DELIVERED if reports else OrderAfter.SENT)) is OrderAfter.SENT


def _is_unknown(predecessor: Predecessor) -> bool:
    """Whether a predecessor may have been sent, and evidence is still awaited."""
    return predecessor.state.custom_status == UNKNOWN and predecessor.due is not None
