"""Inputs and results of workflows."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from activities.interfaces import Check, Inspected
from activities.notification_interfaces import RedeliveredPage
from domain.deadlines import Timeouts
from domain.discrepancies import DiscrepancyCounts
from domain.gate.schedule import Schedule
from domain.outcomes import Detail, cut
from domain.problems import Problem
from domain.strategy.run import Run
from domain.submission import Submission
from domain.webhook_events import MAX_DELIVERY_AGE


class InteractionInput(BaseModel):
    """Input of a run of an interaction's workflow.

    Attributes:
        interaction_id: the interaction.
        submission: the submission to admit; None for a run that a late receipt starts, which resumes from the record.
        receipt_window: time during which receipts are awaited, from the creation of the interaction.
        dispatch_timeout: time after which one attempt to send counts as lost.
        dispatch_deadline: time during which a send that the provider did not accept is retried.
    """

    model_config = ConfigDict(frozen=True)

    interaction_id: str
    submission: Submission | None = None
    receipt_window: timedelta
    dispatch_timeout: timedelta
    dispatch_deadline: timedelta

    @property
    def windows(self) -> Timeouts:
        """Timeouts of the interaction's waits."""
        return Timeouts(self.receipt_window, self.dispatch_deadline)


class StrategyInput(BaseModel):
    """Input of the workflow of a run of a strategy.

    Attributes:
        run: the run to begin; None for a workflow that goes on from the record.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    run: Run | None = None


class Reschedule(BaseModel):
    """Request to change when a held message goes.

    Attributes:
        account_id: the account that asks for it.
    """

    model_config = ConfigDict(frozen=True)

    schedule: Schedule
    account_id: str


class Rescheduled(BaseModel):
    """Answer to a request to change when a message goes.

    Attributes:
        is_applied: whether the change took effect.
        problem: why the gate would never let the message go then, so that nothing is changed.
    """

    model_config = ConfigDict(frozen=True)

    is_applied: bool
    problem: Problem | None = None


class ReconciliationInput(BaseModel):
    """Input of a reconciliation.

    Attributes:
        repairs: whether to make safe repairs, or only to report.
        max_items: maximum number of items for each comparison that is not limited to discrepancies, newest first.
        page_size: number of items that one activity inspects.
        grace: minimum age, or minimum delay, of an inspected item: younger ones may still be in progress.
    """

    model_config = ConfigDict(frozen=True)

    repairs: bool = True
    max_items: int = 500
    page_size: int = 100
    grace: timedelta = timedelta(minutes=2)


class Report(BaseModel):
    """Result of a reconciliation.

    Attributes:
        examined: number of items that each comparison inspected.
        counts: discrepancies found.
        unchecked: comparisons that could not be made, and why.
    """

    model_config = ConfigDict(frozen=True)

    examined: dict[Check, int] = {}
    counts: DiscrepancyCounts = DiscrepancyCounts()
    unchecked: dict[Check, Detail] = {}

    def with_page(self, check: Check, page: Inspected) -> "Report":
        """Return the report with one more page."""
        examined = {**self.examined, check: self.examined.get(check, 0) + page.examined}
        return self.model_copy(update={"examined": examined, "counts": self.counts.plus(page.counts)})

    def without(self, check: Check, reason: str) -> "Report":
        """Return the report with one comparison that could not be made."""
        return self.model_copy(update={"unchecked": {**self.unchecked, check: cut(reason)}})


class NotificationInput(BaseModel):
    """Input of the workflow that delivers a notification; its content is in MongoDB.

    Attributes:
        timeout: maximum delivery time; shorter if an earlier workflow was terminated.
    """

    model_config = ConfigDict(frozen=True)

    notification_id: str
    timeout: timedelta = MAX_DELIVERY_AGE


class RedeliveryInput(BaseModel):
    """Input of a redelivery: the completed notifications of events between two moments.

    Attributes:
        page_size: number of notifications that one activity handles.
        cursor: where to go on; None at the beginning.
        examined, started: the progress of the runs before this one.
    """

    model_config = ConfigDict(frozen=True)

    redelivery_id: str
    tenant: str
    integration_id: str
    since: datetime
    until: datetime
    page_size: int = 100
    cursor: str | None = None
    examined: int = 0
    started: int = 0


class RedeliveryProgress(BaseModel):
    """Progress of a redelivery.

    Attributes:
        examined: number of notifications found.
        started: number of notifications that are redelivered; the others were still pending.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    examined: int = 0
    started: int = 0
    is_done: bool = False

    def with_page(self, page: RedeliveredPage) -> "RedeliveryProgress":
        """Return the progress with one more page."""
        counts = {"examined": self.examined + page.examined, "started": self.started + page.started}
        return self.model_copy(update=counts)
