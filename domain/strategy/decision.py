"""The one decision of a strategy: which step starts, until when it waits, or how it ended.

The workflow of a run asks it with the real clock, and the dry run with a virtual one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from domain.strategy.plan import RunOutcome, Step
from domain.strategy.progress import Progress, Reason, StepState


class Start(NamedTuple):
    """The step with this number, from 0, starts now."""

    step: int
    reason: Reason


class Wait(NamedTuple):
    """Nothing starts before this instant, unless a step gets further."""

    until: datetime


class End(NamedTuple):
    """No step starts any more."""

    outcome: RunOutcome


Decision = Start | Wait | End

_REASONS: Final = {
    Progress.FAILED: Reason.FAILED,
    Progress.REFUSED: Reason.FAILED,
    Progress.EXPIRED: Reason.DEADLINE,
    Progress.SUPPRESSED: Reason.SUPPRESSED,
}
"""Why the next step starts at once, by the progress of the one before."""

_OPEN: Final = frozenset({Progress.UNSENT, Progress.SENT, Progress.DELIVERED})
"""Progress of a step that may still succeed."""


_NOT_ADMITTED: Final = frozenset({Progress.REFUSED, Progress.SUPPRESSED})


def decide(
    steps: Sequence[Step], states: Sequence[StepState], now: datetime, *, is_cancelled: bool = False
) -> Decision:
    """Decide how a run goes on.

    Args:
        steps: the plan.
        states: the steps that started, in the order of the plan.
        now: the present time.
        is_cancelled: whether the run is cancelled.
    """
    progress = {state.progress for state in states}
    if Progress.SUCCEEDED in progress:
        return End(RunOutcome.SUCCEEDED)
    if is_cancelled or Progress.CANCELLED in progress:
        return End(RunOutcome.CANCELLED)
    if not states:
        return _start(steps, 0, Reason.FIRST) or End(RunOutcome.FAILED)
    last = states[-1]
    if last.progress in _OPEN and now < last.deadline_at:
        return Wait(last.deadline_at)
    return _after(steps, last, progress)


def _after(steps: Sequence[Step], last: StepState, progress: Collection[Progress]) -> Decision:
    """Decide what follows the last step that started, which did not succeed in time."""
    if last.progress is Progress.SUPPRESSED and steps[last.step].stops_if_suppressed:
        return End(RunOutcome.SUPPRESSED)
    if last.progress is Progress.REFUSED and _NOT_ADMITTED.issuperset(progress):
        return End(RunOutcome.REFUSED)
    following = _start(steps, last.step + 1, _REASONS.get(last.progress, Reason.DEADLINE))
    return following or End(RunOutcome.FAILED if _OPEN.isdisjoint(progress) else RunOutcome.UNCONFIRMED)


def _start(steps: Sequence[Step], number: int, reason: Reason) -> Start | None:
    """Return the start of the first step from a number on that is not skipped."""
    return next((Start(i, reason) for i in range(number, len(steps)) if not steps[i].is_skipped), None)


def is_delivered_twice(states: Sequence[StepState]) -> bool:
    """Whether more than one message of a run reached the recipient."""
    return sum(state.is_delivered for state in states) > 1


def superfluous(states: Sequence[StepState], outcome: RunOutcome) -> list[int]:
    """Return the numbers of the steps that need not be sent any more, now that the run came to this outcome."""
    if outcome not in {RunOutcome.SUCCEEDED, RunOutcome.CANCELLED}:
        return []
    return [state.step for state in states if state.progress is Progress.UNSENT]
