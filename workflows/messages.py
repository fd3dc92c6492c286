"""What goes into an interaction's workflow, and what it answers."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from activities.interfaces import Check, Inspected, Replayed
from domain.deadlines import Timeouts
from domain.findings import DiscrepancyCounts
from domain.interaction import Interaction
from domain.outcomes import Detail, cut
from domain.problems import Problem
from domain.submission import Submission
from domain.webhook_events import MAX_DELIVERY_AGE


class InteractionInput(BaseModel):
    """What a run begins with.

    Attributes:
        interaction_id: whose run it is.
        submission: what to admit; None for a run that a late receipt begins, which can only go on from the record.
        receipt_window: how long receipts are awaited, from the creation of the interaction.
        dispatch_timeout: how long one attempt to send may last before it counts as never come back.
        dispatch_deadline: how long a send that the provider surely did not take is tried again.
    """

    model_config = ConfigDict(frozen=True)

    interaction_id: str
    submission: Submission | None = None
    receipt_window: timedelta
    dispatch_timeout: timedelta
    dispatch_deadline: timedelta

    @property
    def windows(self) -> Timeouts:
        """How long is waited for what."""
        return Timeouts(self.receipt_window, self.dispatch_deadline)


class Admission(BaseModel):
    """The answer to a submission.

    Attributes:
        interaction: as it was when the answer was decided.
        fingerprint: of the request that made it.
        problems: why it was refused, if it was.
    """

    model_config = ConfigDict(frozen=True)

    interaction: Interaction
    fingerprint: str
    problems: list[Problem] = []


class Refusal(NamedTuple):
    """Why a submission is refused, and the process that it named."""

    problems: list[Problem]
    process_id: str | None


NO_REFUSAL: Final = Refusal([], None)
"""Of a step that refuses nothing."""


class ReconciliationInput(BaseModel):
    """What to compare.

    Attributes:
        repairs: whether to repair what can be repaired surely, or only to report.
        most: how many each comparison of what may well be right looks at, the newest first.
        page_size: how many one activity looks at.
        grace: what is younger, or less overdue, may just be on its way.
    """

    model_config = ConfigDict(frozen=True)

    repairs: bool = True
    most: int = 500
    page_size: int = 100
    grace: timedelta = timedelta(minutes=2)


class Report(BaseModel):
    """What a reconciliation found.

    Attributes:
        looked_at: how many each comparison looked at.
        tally: what they found.
        unchecked: why a comparison could not be made.
    """

    model_config = ConfigDict(frozen=True)

    looked_at: dict[Check, int] = {}
    tally: DiscrepancyCounts = DiscrepancyCounts()
    unchecked: dict[Check, Detail] = {}

    def with_page(self, check: Check, page: Inspected) -> "Report":
        """The report with one more page."""
        looked_at = {**self.looked_at, check: self.looked_at.get(check, 0) + page.looked_at}
        return self.model_copy(update={"looked_at": looked_at, "tally": self.tally.plus(page.tally)})

    def without(self, check: Check, reason: str) -> "Report":
        """The report with one comparison that could not be made."""
        return self.model_copy(update={"unchecked": {**self.unchecked, check: cut(reason)}})


class NotificationInput(BaseModel):
    """What to tell; all that is told of it is in MongoDB.

    Attributes:
        patience: how long it is tried; less where an earlier workflow was broken off.
    """

    model_config = ConfigDict(frozen=True)

    notification_id: str
    patience: timedelta = MAX_DELIVERY_AGE


class ReplayInput(BaseModel):
    """Which notifications to tell again: those of events between two moments that have ended.

    Attributes:
        page_size: how many one activity begins.
    """

    model_config = ConfigDict(frozen=True)

    replay_id: str
    tenant: str
    integration_id: str
    since: datetime
    until: datetime
    page_size: int = 100


class ReplayProgress(BaseModel):
    """How far a replay has come.

    Attributes:
        looked_at: how many notifications it came upon.
        begun: how many of them are told again; the others were still to be told anyway.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    looked_at: int = 0
    begun: int = 0
    is_done: bool = False

    def with_page(self, page: Replayed) -> "ReplayProgress":
        """The progress with one more page."""
        counts = {"looked_at": self.looked_at + page.looked_at, "begun": self.begun + page.begun}
        return self.model_copy(update=counts)
