"""Run of a strategy: its plan with the messages of its steps, and how far they are."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.clock import to_milliseconds, to_wire
from domain.gate.category import Category
from domain.gate.decision import MAX_WAIT_IN_RUN
from domain.gate.schedule import ScheduleRequest
from domain.interaction import IntegrationReference
from domain.status import InteractionState, Status
from domain.strategy.decision import Decision, End, Start, decide, is_delivered_twice
from domain.strategy.overlap import OverlapReason
from domain.strategy.plan import RunOutcome, Step
from domain.strategy.progress import Progress, Reason, StepReport, StepState, is_suppression
from domain.strategy.recall import RecallResult
from domain.strategy.reference import StrategyReference
from domain.submission import Admission, Submission


class RunStep(Step):
    """A step of a run.

    Attributes:
        interaction_id: the interaction that it makes, whether or not it started.
        submission: its message; None if it is skipped, and once the run is over.
        overlap: why its message may, or never does, reach the recipient besides the next one.
        recalls: whether its provider can be asked to take the message back.
    """

    interaction_id: str
    integration: IntegrationReference
    submission: Submission | None = None
    overlap: OverlapReason = OverlapReason.NO_VALIDITY
    recalls: bool = False


class Run(BaseModel):
    """One message that goes through the steps of a strategy until one of them succeeds.

    Attributes:
        fingerprint: of the request that created it; a different request with the same `Idempotency-Key` has another.
        name, strategy_id, version: of the stored strategy, if it is one.
        states: the steps that started.
        process_id: the process of all its messages, once the first is admitted.
        user_ids: the users that they go to, or are expected to.
        expire_at: from this instant no message of it may be sent any more; None if they stay valid.
        is_cancelled: whether no step starts any more.
        cancelled_by: the account that cancelled it, if one did.
        outcome: how it ended; None while it goes on. Late evidence may correct it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    tenant: str
    author_id: str
    fingerprint: str
    created: datetime
    category: Category
    name: str | None = None
    strategy_id: str | None = None
    version: int | None = None
    steps: list[RunStep]
    states: list[StepState] = []
    process_id: str | None = None
    user_ids: list[str] = []
    expire_at: datetime | None = None
    is_cancelled: bool = False
    cancelled_by: str | None = None
    outcome: RunOutcome | None = None
    ended: datetime | None = None

    def decide(self, now: datetime) -> Decision:
        """Decide how it goes on; once it is over, only a late success changes anything."""
        if self.outcome is not None:
            is_late = any(state.progress is Progress.SUCCEEDED for state in self.states)
            return End(RunOutcome.SUCCEEDED if is_late else self.outcome)
        return decide(self.steps, self.states, now, is_cancelled=self.is_cancelled)

    @property
    def is_delivered_twice(self) -> bool:
        """Whether more than one of its messages reached the recipient."""
        return is_delivered_twice(self.states)

    @property
    def deadline(self) -> datetime | None:
        """Return until when the present step is awaited; None if none started or it is over."""
        return self.states[-1].deadline_at if self.states and self.outcome is None else None

    def is_held_for_long(self, now: datetime) -> bool:
        """Whether the present step may not go for so long that no workflow stays open for it.

        The report of its interaction, once that may go, starts the next workflow.
        """
        last = self.states[-1]
        return last.deadline_at - self.steps[last.step].deadline - now > MAX_WAIT_IN_RUN

    @property
    def is_refused(self) -> bool:
        """Whether none of its messages was admitted yet."""
        return all(state.progress in {Progress.REFUSED, Progress.SUPPRESSED} for state in self.states)

    def start(self, start: Start, now: datetime) -> "Run":
        """Return the run with one more step started."""
        step, at = self.steps[start.step], to_milliseconds(now)
        state = StepState(
            step=start.step,
            reason=start.reason,
            started=at,
            deadline_at=at + step.deadline,
            success=step.success,
        )
        return self.model_copy(update={"states": [*self.states, state]})

    def to_recall(self, start: Start) -> StepState | None:
        """Return the step whose message is to be taken back before the next one starts; None if there is none."""
        last = self.states[-1] if self.states else None
        if last is None or start.reason is not Reason.DEADLINE or last.recall is not None:
            return None
        is_out = last.progress in {Progress.SENT, Progress.DELIVERED}
        return last if is_out and self.steps[last.step].recalls else None

    def recall(self, state: StepState, result: RecallResult) -> "Run":
        """Return the run after the answer to a recall of a step's message."""
        states = [one.model_copy(update={"recall": result}) if one.step == state.step else one for one in self.states]
        return self.model_copy(update={"states": states})

    def submission_of(self, state: StepState) -> Submission:
        """Return the submission of a step that starts.

        Raises:
            ValueError: if its message is not known any more.
        """
        step = self.steps[state.step]
        if step.submission is None:
            raise ValueError(f"step {state.step} of run {self.id} has no message")
        is_first = state is self.states[0]
        reference = StrategyReference(
            run_id=self.id,
            step=state.step + 1,
            of=len(self.steps),
            name=self.name,
            deadline=step.deadline,
            is_later=self.process_id is not None,
        )
        changes = {
            "strategy": reference,
            "submitted_at": self.created if is_first else state.started,
            "process_id": self.process_id or step.submission.process_id,
            "schedule": step.submission.schedule if is_first else self._schedule_of_later(step.submission.schedule),
        }
        return step.submission.model_copy(update=changes)

    def _schedule_of_later(self, schedule: ScheduleRequest | None) -> ScheduleRequest | None:
        """Return the schedule of a later step: it keeps the window and the expiry, as an instant."""
        if schedule is None:
            return None
        expiry = to_wire(self.expire_at) if self.expire_at is not None else None
        return schedule.model_copy(update={"send_at": None, "valid_for": None, "expire_at": expiry})

    def admit(self, state: StepState, admission: Admission) -> "Run":
        """Return the run after the admission of a step that starts."""
        interaction = admission.interaction
        if admission.fingerprint != self.fingerprint:  # the interaction of another request with the same key
            refused = InteractionState(status=Status.VALIDATION_ERROR)
            return self.report([StepReport(step=state.step, sequence=0, state=refused)])
        present = StepReport(
            step=state.step,
            sequence=len(interaction.audit_trail.history),
            state=InteractionState(status=interaction.status, custom_status=interaction.custom_status),
            is_suppressed=is_suppression(admission.problems),
        )
        run = self.report([present]).follow(interaction.strategy)
        if admission.problems:
            return run
        expiry = interaction.schedule.expire_at if interaction.schedule is not None else None
        changes = {
            "process_id": run.process_id or interaction.process_id,
            "user_ids": run.user_ids or [user.id for user in interaction.users],
            "expire_at": run.expire_at or (expiry.instant if expiry is not None else None),
        }
        return run.model_copy(update=changes)

    def follow(self, reference: StrategyReference | None) -> "Run":
        """Return the run with the deadline of a step as the gate has set it for the step's interaction."""
        if reference is None or reference.expires is None:
            return self
        deadline = {"deadline_at": reference.expires}
        states = [
            state.model_copy(update=deadline) if state.step == reference.step - 1 else state for state in self.states
        ]
        return self.model_copy(update={"states": states})

    def report(self, reports: Iterable[StepReport]) -> "Run":
        """Return the run after reports on the interactions of its steps; those of steps that did not start are old."""
        states = {state.step: state for state in self.states}
        for report in reports:
            if report.step in states:
                states[report.step] = states[report.step].after(report)
        return self.model_copy(update={"states": list(states.values())})

    def end(self, outcome: RunOutcome, now: datetime) -> "Run":
        """Return the run with an outcome; its messages are not needed any more."""
        ended = self.ended or to_milliseconds(now)
        return self.without_messages().model_copy(update={"outcome": outcome, "ended": ended})

    def without_messages(self) -> "Run":
        """Return the run without the contents and recipients of its messages."""
        steps = [step.model_copy(update={"submission": None}) for step in self.steps]
        return self.model_copy(update={"steps": steps})

    def cancel(self, account_id: str | None) -> "Run":
        """Return the run without further steps; the account that cancelled it, or none if its user is erased."""
        return self.model_copy(update={"is_cancelled": True, "cancelled_by": self.cancelled_by or account_id})

    def is_changed_by(self, report: StepReport, now: datetime) -> bool:
        """Whether a report on a step changes what a run came to."""
        after = self.report([report])
        decision = after.decide(now)
        is_other = not isinstance(decision, End) or decision.outcome is not self.outcome
        return is_other or after.is_delivered_twice is not self.is_delivered_twice
