"""Validity of a step's message: it is of no use once its step is awaited no longer."""

from datetime import datetime
from typing import Final

from domain.gate.decision import Decision, Go, HoldReason, Refuse, Wait, expired
from domain.strategy.reference import StrategyReference

_BEFORE_THE_CLOCK: Final = frozenset({HoldReason.SCHEDULED, HoldReason.WINDOW})
"""Waits that the deadline of a step does not count."""


def expiry_of_step(step: StrategyReference, started: datetime, hold: Wait | None) -> datetime:
    """Return until when a step is awaited: its deadline counts from when it may go.

    Args:
        step: the step.
        started: when it was submitted.
        hold: why the gate holds its message at first, if it does.
    """
    return goes_at(started, hold) + step.deadline


def goes_at(started: datetime, hold: Wait | None) -> datetime:
    """Return when the clock of a step starts: once its schedule and window let its message go."""
    return hold.until if hold is not None and hold.reason in _BEFORE_THE_CLOCK else started


def within(decision: Decision, expires: datetime, now: datetime) -> Decision:
    """Return a decision of the gate on a message that is of no use from an instant on."""
    if now >= expires and not isinstance(decision, Refuse):
        return Refuse(problem=expired(expires))
    if isinstance(decision, Go):
        return Go(expires=min(expires, decision.expires or expires))
    return decision
