"""Workflow of one outbound interaction, from its submission to the last receipt; only it changes the interaction."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, cast

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import (
        USER_ERASED,
        AdmissionActivities,
        AdmitInput,
        Dispatch,
        DispatchActivities,
        EraseSignal,
        RecordActivities,
        RecordStepInput,
        Search,
        sending_queue,
    )
    from domain.cancelling import cancelled_by
    from domain.clock import to_milliseconds
    from domain.deadlines import SEARCHES, UNKNOWN, WaitContext, deadline_for, waiting_for
    from domain.interaction import DispatchPolicy, HistoryEntry, IntegrationReference, Interaction, RecordedEvent
    from domain.notes import Note
    from domain.outcomes import Accepted
    from domain.problems import Problem
    from domain.status import FAILURES, UNSENT, InteractionState, Milestone, Status
    from domain.submission import Submission
    from workflows import attributes, names
    from workflows.activity_options import db_activity_options
    from workflows.event_log import EventLog
    from workflows.history_notes import current_details, describe_outcome, events_of_refused
    from workflows.messages import NO_REFUSAL, Admission, InteractionInput, Refusal
    from workflows.outcomes import Cancelled, state_after
    from workflows.provider_events import ProviderEventInbox
    from workflows.repair import repair_of
    from workflows.sending import send

_AT_ONCE: Final = timedelta(milliseconds=1)

MILLISECOND_BITS: Final = 42
"""Bits that hold an instant in milliseconds until the year 2109."""


_OTHERS_STAY: Final = EraseSignal()


@workflow.defn(name=names.INTERACTION)
class InteractionWorkflow(ProviderEventInbox):
    """One interaction as a durable workflow."""

    @workflow.init
    def __init__(self, start: InteractionInput) -> None:
        super().__init__()
        self._start = start
        self._admission: Admission | None = None
        self._history: list[HistoryEntry] = []
        self._state = InteractionState(status=Status.VALIDATION_PENDING)
        self._integration_id = ""
        self._integration_version = 0
        self._sequence = 0
        self._tasks_before = 0
        self._created: datetime = workflow.now()
        self._due: datetime | None = None
        self._policy: DispatchPolicy | None = None
        self._events = EventLog([])
        self._cancelled_by: Note | None = None
        self._is_erased = False
        self._erased_users: list[str] = []

    @workflow.run
    async def run(self, start: InteractionInput) -> InteractionState:
        """Admit and dispatch the submission, or resume from the record; then apply receipts until the end."""
        message = await self._admit(start.submission) if start.submission else None
        if message is not None:
            await self._dispatch(message)
        elif self._admission is None:
            message = await self._resume()
        if message is not None:
            await self._find_sent(message)
        await self._apply_events_until_the_end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        # Events may have come while the last step was being written: they would be lost with the inbox.
        await self._apply_events()
        return self._state

    @workflow.update(name=names.SUBMIT, description="Wait until the submission is admitted or refused")
    async def admitted(self) -> Admission:
        """Wait for the answer to the submission."""
        await workflow.wait_condition(lambda: self._admission is not None)
        return cast("Admission", self._admission)

    @workflow.update(name=names.CANCEL, description="Cancel it, unless it is too late")
    async def cancel(self, account_id: str) -> InteractionState:
        """Cancel the interaction, and wait for its state once it is cancelled or too late to cancel."""
        self._cancelled_by = self._cancelled_by or cancelled_by(account_id)
        await workflow.wait_condition(lambda: self._state.status not in UNSENT)
        return self._state

    @workflow.signal(name=names.WITHDRAW, description="Cancel it, although no worker has taken it yet")
    def withdraw(self, account_id: str) -> None:
        """Cancel as `cancel` does, but durably while no worker runs: an update is lost then, a signal is not."""
        self._cancelled_by = self._cancelled_by or cancelled_by(account_id)

    @workflow.signal(name=USER_ERASED, description="Its end user is erased: nothing more is awaited")
    def erase(self, erasing: EraseSignal = _OTHERS_STAY) -> None:
        """Stop waiting for events, and send nothing if no recipient is left; an attempt under way is finished."""
        self._is_erased = True
        self._erased_users += erasing.user_ids
        self._events.leave_out(self._erased_users)
        if erasing.is_cancelled:
            self._cancelled_by = self._cancelled_by or Note(code="cancelled_by_erasure")
        self._show()

    @workflow.query(name=names.STATE, description="The status of the interaction, and the provider's own")
    def state(self) -> InteractionState:
        """Return the interaction's state."""
        return self._state

    async def _admit(self, submission: Submission) -> Dispatch | None:
        """Register the submission, and admit or refuse it; None if this run has nothing to dispatch."""
        self._created = submission.submitted_at
        self._due = self._due_in(self._state)
        self._show()
        due = self._due_in(InteractionState(status=Status.DISPATCH_PENDING))
        admit_input = AdmitInput(submission=submission, admitted_at=self._now(), due=due, revision=self._revision())
        admitted = await workflow.execute_local_activity_method(
            AdmissionActivities.admit,
            admit_input,
            **db_activity_options("validate, find or create the user and the process"),
        )
        if admitted is None:
            return None
        self._begin(submission)
        interaction = admitted.interaction
        if admitted.policy is None:
            await self._refuse(interaction, submission.fingerprint, admitted.problems)
            return None
        attributes.show_users([user.id for user in interaction.users])
        self._policy = admitted.policy
        self._events = EventLog(interaction.destinations)
        self._events.leave_out(self._erased_users)
        self._sequence = 2
        self._due = due
        self._set_state(InteractionState(status=Status.DISPATCH_PENDING), interaction.audit_trail.history[-1:])
        self._admission = Admission(interaction=interaction, fingerprint=submission.fingerprint)
        return Dispatch.of(interaction, admitted.policy)

    def _begin(self, submission: Submission) -> None:
        self._sequence = 1
        self._use(submission.integration)
        self._set_state(self._state, [submission.first_entry()])

    def _use(self, integration: IntegrationReference) -> None:
        self._integration_id = integration.integration_id
        self._integration_version = integration.version

    async def _refuse(self, registered: Interaction, fingerprint: str, problems: list[Problem]) -> None:
        state = InteractionState(status=Status.VALIDATION_ERROR)
        entry = self._entry(state, Note(problems=problems))
        await self._record(state, [entry], refusal=Refusal(problems, registered.process_id))
        refused = registered.state_at(state, self._history)
        self._admission = Admission(interaction=refused, fingerprint=fingerprint, problems=problems)

    async def _resume(self) -> Dispatch | None:
        """Resume from the record: another run registered the interaction, and perhaps sent it.

        The returned message is one to look for at the provider, never one to send.
        """
        record = await workflow.execute_local_activity_method(
            RecordActivities.load, self._start.interaction_id, **db_activity_options("read the stored interaction")
        )
        if record is None:
            raise ApplicationError("there is no such interaction", type="NotFound", non_retryable=True)
        self._sequence = record.sequence
        self._use(record.interaction.integration)
        self._policy = record.policy
        self._due = record.due
        self._is_erased = self._is_erased or record.is_erased
        attributes.show_users([user.id for user in record.interaction.users])
        trail = record.interaction.audit_trail
        self._created = trail.created
        self._tasks_before = record.revision >> MILLISECOND_BITS
        self._events = EventLog(record.interaction.destinations, trail.provider_events)
        self._events.leave_out(self._erased_users)
        self._set_state(record.state, trail.history)
        interaction, problems = record.interaction, record.problems
        if self._due is not None:
            await self._apply_events()
            problems = await self._repair(interaction.process_id) or problems
            interaction = interaction.state_at(self._state, self._history)
        self._admission = Admission(interaction=interaction, fingerprint=record.fingerprint, problems=problems)
        return Dispatch.of(interaction, record.policy) if record.policy and record.due else None

    async def _repair(self, process_id: str | None) -> list[Problem]:
        """Record the end of a send that another run left open; returns the caller's problems if it was never sent."""
        repair = repair_of(self._state.status)
        if repair is None:
            return []
        entry = self._entry(repair.state, repair.note)
        await self._record(repair.state, [entry], refusal=Refusal(repair.problems, process_id))
        return repair.problems

    async def _dispatch(self, dispatch: Dispatch) -> None:
        outcome = await send(
            dispatch, self._start, self._is_confirmed_by_receipt, lambda: self._is_erased, lambda: self._cancelled_by
        )
        if isinstance(outcome, Cancelled):
            # The server stores the cancellation only when this task completes: if it were lost, the retry would send.
            await workflow.sleep(_AT_ONCE, summary="make the cancellation durable")
        state = state_after(outcome)
        entry = self._entry(state, describe_outcome(outcome))
        refused = self._events.refuse(events_of_refused(outcome), state, entry.date)
        # Events that arrived before the provider's answer are recorded together with it.
        events, self._inbox = self._inbox, []
        applied = self._events.apply(events, state, entry.date)
        message_id = outcome.provider_message_id if isinstance(outcome, Accepted) else None
        await self._record(applied.state, [entry, *applied.entries], [*refused, *applied.events], message_id)

    def _is_confirmed_by_receipt(self) -> bool:
        """Whether a queued event shows that the provider accepted the message."""
        # A receipt for everything «until then» may cover earlier messages only.
        about_this = [received.event for received in self._inbox if received.event.up_to is None]
        return any(event.milestone is not Milestone.NONE for event in about_this)

    async def _find_sent(self, dispatch: Dispatch) -> None:
        """Look for an unanswered send at the provider, unless a receipt confirms it first."""
        for wait in SEARCHES if self._policy is not None and self._policy.finds_sent else ():
            if self._state.custom_status != UNKNOWN or self._is_erased:
                return
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: bool(self._inbox) or self._is_erased,
                    timeout=wait,
                    timeout_summary="before looking for it at the provider",
                )
            await self._apply_events()
            if self._state.custom_status == UNKNOWN and not self._is_erased:
                await self._search(dispatch)

    async def _search(self, dispatch: Dispatch) -> None:
        try:
            found = await workflow.execute_activity_method(
                DispatchActivities.find_sent,
                Search(dispatch=dispatch, since=self._created),
                task_queue=sending_queue(workflow.info().task_queue, dispatch.provider),
                start_to_close_timeout=timedelta(seconds=60),
                schedule_to_close_timeout=timedelta(minutes=5),
                summary=f"look for it at the provider ({dispatch.provider})",
            )
        except ActivityError:
            found = None
        if found is None:
            self._show()  # the next search, or that none is left
        else:
            state = self._state.apply(Milestone.ACCEPTED, found.provider_status)
            entry = self._entry(state, Note(code="found_at_provider"))
            await self._record(state, [entry], provider_message_id=found.provider_message_id)

    async def _apply_events_until_the_end(self) -> None:
        """Apply events as they come, until nothing more can change or the receipt window closes."""
        await self._apply_events()
        remaining = self._created + self._start.receipt_window - workflow.now()
        if self._is_settled():
            return
        if remaining <= timedelta():
            if self._due is not None:
                await self._close_window()
            return
        # One timer for the whole wait: a timeout inside the loop would create one in each iteration.
        window = asyncio.create_task(workflow.sleep(remaining, summary="stop waiting for provider events"))
        while not self._is_settled() and not window.done():
            await workflow.wait_condition(lambda: bool(self._inbox) or window.done() or self._is_erased)
            await self._apply_events()
        if not self._is_settled():
            await self._close_window()

    def _is_settled(self) -> bool:
        """Whether the run waits for nothing more; a receipt that comes later starts a new run."""
        match self._state.status:
            case _ if self._is_erased:
                return True
            case Status.SENT:
                return False
            case Status.PROVIDER_SENDING_ERROR:
                return self._state.custom_status != UNKNOWN
            case Status.COMPLETED:
                reads = self._policy is not None and self._policy.reports_reads
                return not reads or self._state.milestone is Milestone.READ
            case _:
                return True

    async def _apply_events(self) -> None:
        while self._inbox:
            events, self._inbox = self._inbox, []
            applied = self._events.apply(events, self._state, self._now())
            if applied.events:
                await self._record(applied.state, applied.entries, applied.events)

    async def _close_window(self) -> None:
        """Record the result of the end of the receipt window."""
        self._due = None
        reports_delivery = self._policy is None or self._policy.reports_delivery
        closed = self._events.close(self._state, reports_delivery=reports_delivery)
        if closed is not None:
            state, note = closed
            await self._record(state, [self._entry(state, note)])
        self._show()

    async def _record(
        self,
        state: InteractionState,
        entries: list[HistoryEntry],
        received: Sequence[RecordedEvent] = (),
        provider_message_id: str | None = None,
        refusal: Refusal = NO_REFUSAL,
    ) -> None:
        due = self._due if state.status is self._state.status else self._due_in(state)
        change = RecordStepInput(
            interaction_id=self._start.interaction_id,
            integration_id=self._integration_id,
            integration_version=self._integration_version,
            sequence=self._sequence + 1,
            revision=self._revision(),
            state=state,
            due=due,
            updated=self._now(),
            history_before=len(self._history),
            history=entries,
            recorded_before=self._events.recorded - len(received),
            received=list(received),
            provider_message_id=provider_message_id,
            problems=refusal.problems,
            process_id=refusal.process_id,
        )
        summary = f"record {', '.join(map(_status_in_words, entries or [state]))}"
        await workflow.execute_local_activity_method(RecordActivities.record, change, **db_activity_options(summary))
        self._sequence = change.sequence
        self._due = due
        self._set_state(state, entries)

    def _set_state(self, state: InteractionState, entries: list[HistoryEntry]) -> None:
        """Set a state that is recorded, and show it in the Web UI."""
        if state.status is not self._state.status and {state.status, self._state.status} & FAILURES:
            attributes.show_failure(state.status if state.status in FAILURES else None)
        self._state = state
        self._history.extend(entries)
        self._show()

    def _show(self) -> None:
        """Show the history and the pending wait in the Web UI."""
        last = self._history[-1].date if self._history else self._created
        situation = WaitContext(self._state, self._policy, self._due, self._created, last)
        is_over = self._is_erased and self._state.status not in UNSENT
        wait = None if is_over else waiting_for(situation, self._start.windows, workflow.now())
        workflow.set_current_details(current_details(self._history, wait))

    def _entry(self, state: InteractionState, notes: Note | None) -> HistoryEntry:
        return HistoryEntry(date=self._now(), status=state.status, custom_status=state.custom_status, notes=notes)

    def _due_in(self, state: InteractionState) -> datetime | None:
        return deadline_for(state, self._created, self._now(), self._start.windows)

    def _revision(self) -> int:
        """Revision of a recorded step: the history length in the upper bits, the task's time in milliseconds below.

        It grows with each task, so that a step of a later task replaces one of a task that failed after writing it.
        The time orders the tries of a task that keeps failing, which do not lengthen the history.
        """
        tasks = self._tasks_before + workflow.info().get_current_history_length()
        return tasks << MILLISECOND_BITS | int(workflow.now().timestamp() * 1000)

    def _now(self) -> datetime:
        return max(to_milliseconds(workflow.now()), self._created)


def _status_in_words(one: HistoryEntry | InteractionState) -> str:
    """A status as the summaries of steps show it: `SENT (accepted)`."""
    return f"{one.status} ({one.custom_status})" if one.custom_status else one.status.value
