"""Lifecycle of one interaction: its state, history, provider events and deadlines, and the next step to record.

It is pure: whoever drives it, a workflow of one interaction or of many, gives it the time and carries its steps out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from activities.interfaces import AdmitInput, AdmitResult, EraseSignal, Record, RecordStepInput
from domain.clock import to_milliseconds
from domain.deadlines import UNKNOWN, PendingWait, Timeouts, WaitContext, deadline_for, handed_over, waiting_for
from domain.events import ReceivedEvent
from domain.gate.decision import Refuse, Wait, wakes_at
from domain.gate.schedule import Schedule
from domain.interaction import (
    DispatchPolicy,
    HistoryEntry,
    IntegrationReference,
    Interaction,
    RecordedEvent,
    Revision,
)
from domain.notes import Note
from domain.outcomes import Accepted
from domain.problems import Problem
from domain.status import UNSENT, InteractionState, Milestone, Status, transition
from domain.strategy.reference import StrategyReference
from domain.submission import Submission
from workflows.event_log import EventLog
from workflows.history_notes import describe_outcome, events_of_refused
from workflows.outcomes import Sending, state_after
from workflows.repair import Repair


class WorkflowTask(NamedTuple):
    """The workflow task in which a lifecycle is asked for its next step.

    Attributes:
        now: the time of the task.
        history_length: the number of events in the run's history.
    """

    now: datetime
    history_length: int


class ScheduleChange(NamedTuple):
    """A change of the schedule of a held message.

    Attributes:
        note: the history note on who changed it.
    """

    schedule: Schedule
    note: Note


class InteractionLifecycle:
    """One interaction from its submission to the last receipt.

    Attributes:
        created: when the interaction was submitted.
        state: its recorded state.
        history: its recorded history.
        due: the recorded end of its wait; None once nothing more is expected.
        policy: how it is dispatched, once it is valid.
        hold: why the gate holds it, and until when; None if it does not.
        expires: from this instant it may not be sent any more; None if it stays valid.
        cancelled_by: the note on who cancelled it; None if it is not cancelled.
        is_erased: whether an end user of it is erased.
        inbox: the received provider events that are not applied yet.
    """

    def __init__(self, interaction_id: str, timeouts: Timeouts, created: datetime) -> None:
        """Start an interaction that is not registered yet."""
        self._id = interaction_id
        self._timeouts = timeouts
        self._integration_id = ""
        self._integration_version = 0
        self._sequence = 0
        self._length_of_earlier_runs = 0
        self._events = EventLog([])
        self._erased_users: list[str] = []
        self._is_ordered = False
        self._strategy: StrategyReference | None = None
        self.created = created
        self.state = InteractionState(status=Status.VALIDATION_PENDING)
        self.history: list[HistoryEntry] = []
        self.due: datetime | None = None
        self.policy: DispatchPolicy | None = None
        self.hold: Wait | None = None
        self.expires: datetime | None = None
        self.cancelled_by: Note | None = None
        self.is_erased = False
        self.inbox: list[ReceivedEvent] = []

    def submit(self, submission: Submission, task: WorkflowTask) -> AdmitInput:
        """Return the input of the submission's admission."""
        self.created = submission.submitted_at
        self.due = self._due_in(self.state, task)
        return AdmitInput(
            submission=submission,
            admitted_at=self._at(task),
            due=self._due_in(InteractionState(status=Status.DISPATCH_PENDING), task),
            revision=self._revision(task),
        )

    def register(self, submission: Submission) -> None:
        """Note that the admission registered the submission."""
        self._sequence = 1
        self._is_ordered = submission.order is not None
        self._strategy = submission.strategy
        self._use(submission.integration)
        self.history.append(submission.first_entry())

    def admit(self, admitted: AdmitResult, due: datetime | None) -> None:
        """Note that the admission admitted the interaction, and recorded that it awaits its dispatch until `due`.

        If the gate holds it, it waits until the gate decides again.
        """
        interaction = admitted.interaction
        self._sequence = 2
        self.policy = admitted.policy
        self.hold = interaction.hold
        self.expires = admitted.expires
        self.due = due if interaction.hold is None else interaction.hold.until
        self._follow(interaction)
        entry = interaction.audit_trail.history[-1]
        self._set(entry.state, [entry])

    def hold_until(self, wait: Wait, task: WorkflowTask, change: ScheduleChange | None = None) -> RecordStepInput:
        """Return the step that records that the gate holds the message.

        Args:
            wait: why, and until when.
            task: the present workflow task.
            change: the change of the schedule that the gate decided about.
        """
        held = {"hold": wait, "due": wait.until, "wakes_at": wakes_at(wait, task.now)}
        return self._await_dispatch(wait, task, change).model_copy(update=held)

    def release(
        self, expires: datetime | None, task: WorkflowTask, change: ScheduleChange | None = None
    ) -> RecordStepInput:
        """Return the step that records that the gate lets the message go."""
        self.expires = expires
        step = self._await_dispatch(None, task, change)
        return step.model_copy(update={"due": self._due_in(step.state, task)})

    def end_at_gate(self, refusal: Problem, task: WorkflowTask) -> RecordStepInput:
        """Return the step that records that the gate never lets the message go."""
        custom_status = Refuse(problem=refusal).custom_status
        state = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=custom_status)
        return self._step(state, [self._entry(state, Note(problems=[refusal]), task)], task)

    def refuse(self, problems: list[Problem], process_id: str | None, task: WorkflowTask) -> RecordStepInput:
        """Return the step that refuses the submission, which named a process."""
        refused = InteractionState(status=Status.VALIDATION_ERROR)
        return self.repair(Repair(refused, Note(problems=problems), problems), process_id, task)

    def resume(self, record: Record) -> None:
        """Continue from the record that an earlier run wrote."""
        self._sequence = record.sequence
        self._length_of_earlier_runs = record.revision.history_length
        self._use(record.interaction.integration)
        self.policy = record.policy
        self.due = record.due
        self.hold = record.interaction.hold
        self.is_erased = self.is_erased or record.is_erased
        if record.is_erased and not any(one.value for one in record.interaction.destinations):
            self.cancelled_by = self.cancelled_by or Note(code="cancelled_by_erasure")
        self.state = record.state
        trail = record.interaction.audit_trail
        self.created = trail.created
        self.history = list(trail.history)
        self._follow(record.interaction, trail.provider_events)

    def repair(self, repair: Repair, process_id: str | None, task: WorkflowTask) -> RecordStepInput:
        """Return the step that ends a send which an earlier run left open."""
        entries = [self._entry(repair.state, repair.note, task)]
        refusal = {"problems": repair.problems, "process_id": process_id}
        return self._step(repair.state, entries, task).model_copy(update=refusal)

    def finish_dispatch(self, outcome: Sending, task: WorkflowTask) -> RecordStepInput:
        """Return the step that records a dispatch, together with the events that arrived before its outcome."""
        state = state_after(outcome)
        entry = self._entry(state, describe_outcome(outcome), task)
        refused = self._events.refuse(events_of_refused(outcome), state, entry.date)
        events, self.inbox = self.inbox, []
        applied = self._events.apply(events, state, entry.date)
        message_id = outcome.provider_message_id if isinstance(outcome, Accepted) else None
        received = [*refused, *applied.events]
        return self._step(applied.state, [entry, *applied.entries], task, received, message_id)

    def find_sent(self, found: Accepted, task: WorkflowTask) -> RecordStepInput:
        """Return the step that records that a send of unknown outcome was found at the provider."""
        state = self.state.apply(Milestone.ACCEPTED, found.provider_status)
        entries = [self._entry(state, Note(code="found_at_provider"), task)]
        return self._step(state, entries, task, provider_message_id=found.provider_message_id)

    def apply_events(self, task: WorkflowTask) -> RecordStepInput | None:
        """Apply the queued events; return the step that records them, or None if there is nothing to record."""
        events, self.inbox = self.inbox, []
        applied = self._events.apply(events, self.state, self._at(task))
        return self._step(applied.state, applied.entries, task, applied.events) if applied.events else None

    def close_window(self, task: WorkflowTask) -> RecordStepInput | None:
        """Close the receipt window; return the step that records the result, or None if nothing changes."""
        self.due = None
        reports_delivery = self.policy is None or self.policy.reports_delivery
        closed = self._events.close(self.state, reports_delivery=reports_delivery)
        if closed is None:
            return None
        state, note = closed
        return self._step(state, [self._entry(state, note, task)], task)

    def record(self, step: RecordStepInput) -> None:
        """Note that a step is recorded."""
        self._sequence = step.sequence
        self.due = step.due
        self.hold = step.hold
        self._set(step.state, step.history)

    def erase(self, erasing: EraseSignal) -> None:
        """Stop waiting for the events of erased users, and cancel the send if no recipient is left."""
        self.is_erased = True
        self._erased_users += erasing.user_ids
        self._events.leave_out(self._erased_users)
        if erasing.is_cancelled:
            self.cancelled_by = self.cancelled_by or Note(code="cancelled_by_erasure")

    @property
    def is_unsent(self) -> bool:
        """Whether possibly no provider has the message."""
        return self.state.status in UNSENT

    @property
    def is_unknown(self) -> bool:
        """Whether the outcome of the send is unknown."""
        return self.state.status is Status.PROVIDER_SENDING_ERROR and self.state.custom_status == UNKNOWN

    @property
    def is_confirmed_by_receipt(self) -> bool:
        """Whether a queued event shows that the provider accepted the message."""
        # A receipt for everything «until then» may cover earlier messages only.
        about_this = [received.event for received in self.inbox if received.event.up_to is None]
        return any(event.milestone is not Milestone.NONE for event in about_this)

    @property
    def is_settled(self) -> bool:
        """Whether the interaction waits for nothing more; a receipt that comes later starts a new run."""
        if self.is_erased:
            return True
        match self.state.status:
            case Status.SENT:
                return False
            case Status.PROVIDER_SENDING_ERROR:
                return not self.is_unknown
            case Status.COMPLETED:
                reads = self.policy is not None and self.policy.reports_reads
                return not reads or self.state.milestone is Milestone.READ
            # What another run registered, that run dispatches.
            case Status.VALIDATION_PENDING | Status.DISPATCH_PENDING | Status.VALIDATION_ERROR:
                return True
            case Status.PROCESS_ERROR | Status.RECEIVED:
                return True

    def time_left(self, now: datetime) -> timedelta:
        """Time until the receipt window closes; negative if it is over."""
        return (handed_over(self.history) or self.created) + self._timeouts.receipt_window - now

    def wait(self, now: datetime) -> PendingWait | None:
        """Return the pending wait; None if the interaction waits for nothing."""
        if self.is_erased and not self.is_unsent:
            return None
        return waiting_for(WaitContext(self.state, self.policy, self.due, self.history, self.hold), self._timeouts, now)

    def _follow(self, interaction: Interaction, recorded: Sequence[RecordedEvent] = ()) -> None:
        self._is_ordered = interaction.order is not None
        self._strategy = interaction.strategy
        self._events = EventLog(interaction.destinations, recorded)
        self._events.leave_out(self._erased_users)

    def _use(self, integration: IntegrationReference) -> None:
        self._integration_id = integration.integration_id
        self._integration_version = integration.version

    def _set(self, state: InteractionState, entries: Sequence[HistoryEntry]) -> None:
        self.state = transition(self.state, state)
        self.history.extend(entries)

    def _step(
        self,
        state: InteractionState,
        entries: list[HistoryEntry],
        task: WorkflowTask,
        received: Sequence[RecordedEvent] = (),
        provider_message_id: str | None = None,
    ) -> RecordStepInput:
        return RecordStepInput(
            interaction_id=self._id,
            integration_id=self._integration_id,
            integration_version=self._integration_version,
            sequence=self._sequence + 1,
            revision=self._revision(task),
            state=state,
            due=self.due if state.status is self.state.status else self._due_in(state, task),
            updated=self._at(task),
            history_before=len(self.history),
            history=entries,
            recorded_before=self._events.recorded - len(received),
            received=list(received),
            provider_message_id=provider_message_id,
            is_ordered=self._is_ordered,
            strategy=self._strategy,
        )

    def _await_dispatch(self, hold: Wait | None, task: WorkflowTask, change: ScheduleChange | None) -> RecordStepInput:
        entry = HistoryEntry.pending(self._at(task), hold)
        if change is None:
            return self._step(entry.state, [entry], task)
        changed = entry.model_copy(update={"notes": change.note})
        return self._step(entry.state, [changed], task).model_copy(update={"schedule": change.schedule})

    def _entry(self, state: InteractionState, notes: Note | None, task: WorkflowTask) -> HistoryEntry:
        return HistoryEntry(date=self._at(task), status=state.status, custom_status=state.custom_status, notes=notes)

    def _due_in(self, state: InteractionState, task: WorkflowTask) -> datetime | None:
        return deadline_for(state, handed_over(self.history), self._at(task), self._timeouts)

    def _revision(self, task: WorkflowTask) -> Revision:
        return Revision(history_length=self._length_of_earlier_runs + task.history_length, task_time=task.now)

    def _at(self, task: WorkflowTask) -> datetime:
        return max(to_milliseconds(task.now), self.created)
