"""Progress of a step, read from the state of its interaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.deadlines import CANCELLED, UNKNOWN
from domain.gate.decision import EXPIRED, SUPPRESSED
from domain.problems import Problem
from domain.status import FAILURES, InteractionState, Milestone, Status
from domain.strategy.plan import Success
from domain.strategy.recall import RecallResult


class Progress(StrEnum):
    """How far a step is.

    `SUCCEEDED` means that it reached what is awaited of it; `SENT` and `DELIVERED`, that it may still.
    """

    UNSENT = "unsent"
    SENT = "sent"
    DELIVERED = "delivered"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a step starts."""

    FIRST = "first"
    FAILED = "failed"
    DEADLINE = "deadline"
    SUPPRESSED = "suppressed"


class StepReport(BaseModel):
    """State of a step's interaction.

    Attributes:
        step: the number of the step, from 0.
        sequence: the number of the step of the interaction's record; a later one has the newer state.
        is_suppressed: whether it ended because the recipient opted out.
    """

    model_config = ConfigDict(frozen=True)

    step: int
    sequence: int
    state: InteractionState
    is_suppressed: bool = False


class StepState(BaseModel):
    """A step that started.

    Attributes:
        step: its number, from 0.
        reason: why it started.
        started: when it started.
        deadline_at: until when its success is awaited.
        success: what it must reach.
        report: the newest report on its interaction; None before the first.
        recall: what the provider answered when it was asked to take the message back; None if it was not asked.
    """

    model_config = ConfigDict(frozen=True)

    step: int
    reason: Reason
    started: datetime
    deadline_at: datetime
    success: Success
    report: StepReport | None = None
    recall: RecallResult | None = None

    @property
    def progress(self) -> Progress:
        """Return how far it is."""
        known = progress_of(self.report, self.success)
        is_delivered = self.recall is RecallResult.ALREADY_DELIVERED and known is Progress.SENT
        if not is_delivered:
            return known
        return Progress.DELIVERED if self.success is Success.READ else Progress.SUCCEEDED

    @property
    def is_delivered(self) -> bool:
        """Whether its message reached the recipient, or what is awaited of it."""
        milestone = Milestone.NONE if self.report is None else self.report.state.milestone
        is_over = self.recall is RecallResult.ALREADY_DELIVERED or self.progress is Progress.SUCCEEDED
        return milestone >= Milestone.DELIVERED or is_over

    def after(self, report: StepReport) -> "StepState":
        """Return the step after a report; an old one changes nothing."""
        is_old = self.report is not None and report.sequence < self.report.sequence
        return self if is_old else self.model_copy(update={"report": report})


_UNTIL: Final[Mapping[Status, Progress]] = {
    Status.VALIDATION_PENDING: Progress.UNSENT,
    Status.DISPATCH_PENDING: Progress.UNSENT,
    Status.SENT: Progress.SENT,
    Status.COMPLETED: Progress.DELIVERED,
    Status.VALIDATION_ERROR: Progress.REFUSED,
    Status.PROVIDER_SENDING_ERROR: Progress.FAILED,
    Status.PROCESS_ERROR: Progress.FAILED,
}
"""Progress by the status of the interaction, unless it is success."""

_ENDS: Final[Mapping[str | None, Progress]] = {
    UNKNOWN: Progress.SENT,
    CANCELLED: Progress.CANCELLED,
    EXPIRED: Progress.EXPIRED,
    SUPPRESSED: Progress.SUPPRESSED,
}
"""Progress by the `customStatus` of a sending error of ours."""


def progress_of(report: StepReport | None, success: Success) -> Progress:
    """Return how far a step is whose interaction is in this state."""
    if report is None:
        return Progress.UNSENT
    state = report.state
    if _is_success(state, success):
        return Progress.SUCCEEDED
    if report.is_suppressed and state.status in FAILURES:
        return Progress.SUPPRESSED
    if state.status is Status.PROVIDER_SENDING_ERROR:
        return _ENDS.get(state.custom_status, Progress.FAILED)
    return _UNTIL[state.status]


def _is_success(state: InteractionState, success: Success) -> bool:
    match success:
        case Success.SENT:
            return state.status in {Status.SENT, Status.COMPLETED}
        case Success.DELIVERED:
            return state.status is Status.COMPLETED
        case Success.READ:
            return state.milestone is Milestone.READ


def is_suppression(problems: Sequence[Problem]) -> bool:
    """Whether a message is refused only because its recipient opted out."""
    return bool(problems) and all(problem.code == "recipient_opted_out" for problem in problems)
