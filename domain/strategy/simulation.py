"""Dry run of a strategy: the same decision as a run's, on a virtual clock and with assumed outcomes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from domain.deadlines import CANCELLED
from domain.status import InteractionState, Milestone, Status
from domain.strategy.decision import End, Start, decide, is_delivered_twice
from domain.strategy.plan import RunOutcome, Step
from domain.strategy.progress import Progress, Reason, StepReport, StepState


class AssumedOutcome(StrEnum):
    """What is assumed to become of a step's message."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


_STATES: Final[Mapping[AssumedOutcome, InteractionState]] = {
    AssumedOutcome.SENT: InteractionState(status=Status.SENT, milestone=Milestone.SENT),
    AssumedOutcome.DELIVERED: InteractionState(status=Status.COMPLETED, milestone=Milestone.DELIVERED),
    AssumedOutcome.READ: InteractionState(status=Status.COMPLETED, milestone=Milestone.READ),
    AssumedOutcome.FAILED: InteractionState(status=Status.PROCESS_ERROR, milestone=Milestone.FAILED),
    AssumedOutcome.SUPPRESSED: InteractionState(status=Status.PROVIDER_SENDING_ERROR),
    AssumedOutcome.CANCELLED: InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=CANCELLED),
}


class Assumption(NamedTuple):
    """What becomes of a step's message, and when.

    Attributes:
        step: the number of the step, from 0.
        after: the time since the step may go.
    """

    step: int
    outcome: AssumedOutcome
    after: timedelta


class Moment(NamedTuple):
    """Something that happens in a dry run.

    Attributes:
        step: the number of the step, from 0; None for the end.
        reason: why the step starts, if it does.
        progress: how far the step gets, if it does.
        outcome: how the run ends, if it does.
    """

    at: datetime
    step: int | None = None
    reason: Reason | None = None
    progress: Progress | None = None
    outcome: RunOutcome | None = None


class Timeline(NamedTuple):
    """Dry run of a strategy.

    Attributes:
        states: the steps that started.
    """

    moments: Sequence[Moment]
    states: Sequence[StepState]
    outcome: RunOutcome

    @property
    def is_delivered_twice(self) -> bool:
        """Whether more than one message reached the recipient until the end of the assumptions."""
        return is_delivered_twice(self.states)


class _Event(NamedTuple):
    at: datetime
    order: int
    step: int
    outcome: AssumedOutcome


def simulate(
    steps: Sequence[Step],
    assumptions: Sequence[Assumption],
    begins: datetime,
    opens: Mapping[int, datetime],
) -> Timeline:
    """Run a strategy on a virtual clock. A message of which nothing is assumed is sent at once, and then silent.

    Args:
        steps: the plan.
        assumptions: what becomes of the messages.
        begins: when the run starts.
        opens: when the gate lets a step's message go, for those that it holds at first.
    """
    now = begins
    states: list[StepState] = []
    events: list[_Event] = []
    moments: list[Moment] = []
    while True:
        match decide(steps, states, now):
            case Start(number, reason):
                state = _started(steps[number], number, reason, now, opens.get(number, now))
                states.append(state)
                moments.append(Moment(now, step=number, reason=reason))
                events = sorted([*events, *_events_of(state, max(now, opens.get(number, now)), assumptions)])
            case End(outcome):
                moments.append(Moment(now, outcome=outcome))
                return _with_late(moments, states, events, outcome)
            case wait:
                if events and events[0].at <= wait.until:
                    event, *events = events
                    now = max(now, event.at)
                    states = _after(states, event, moments)
                else:
                    now = wait.until


def _started(step: Step, number: int, reason: Reason, now: datetime, opens: datetime) -> StepState:
    deadline = max(now, opens) + step.deadline
    return StepState(step=number, reason=reason, started=now, deadline_at=deadline, success=step.success)


def _events_of(state: StepState, goes: datetime, assumptions: Sequence[Assumption]) -> list[_Event]:
    own = [one for one in assumptions if one.step == state.step]
    sent = [] if any(not one.after for one in own) else [Assumption(state.step, AssumedOutcome.SENT, timedelta())]
    ordered = sorted([*sent, *own], key=lambda one: one.after)
    return [_Event(goes + one.after, order, state.step, one.outcome) for order, one in enumerate(ordered)]


def _after(states: Sequence[StepState], event: _Event, moments: list[Moment]) -> list[StepState]:
    report = StepReport(
        step=event.step,
        sequence=event.order,
        state=_STATES[event.outcome],
        is_suppressed=event.outcome is AssumedOutcome.SUPPRESSED,
    )
    after = [state.after(report) if state.step == event.step else state for state in states]
    progress = next(state.progress for state in after if state.step == event.step)
    moments.append(Moment(event.at, step=event.step, progress=progress))
    return after


def _with_late(
    moments: list[Moment], states: list[StepState], events: Sequence[_Event], outcome: RunOutcome
) -> Timeline:
    """Let the messages that were sent get as far as is assumed after the end, which a success corrects."""
    for event in events:
        states = _after(states, event, moments)
    is_late = any(state.progress is Progress.SUCCEEDED for state in states)
    return Timeline(moments, states, RunOutcome.SUCCEEDED if is_late else outcome)


BEST: Final = "best"
SILENT: Final = "silent"
FAILING: Final = "failing"


def cases(steps: Sequence[Step]) -> Mapping[str, Sequence[Assumption]]:
    """Return the assumptions of the three cases that every dry run shows: it succeeds at once, is silent, or fails."""
    numbers = [number for number, step in enumerate(steps) if not step.is_skipped]
    now = timedelta()
    return {
        BEST: [Assumption(numbers[0], AssumedOutcome.READ, now)] if numbers else [],
        SILENT: [],
        FAILING: [Assumption(number, AssumedOutcome.FAILED, now) for number in numbers],
    }
