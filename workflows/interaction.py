"""Workflow of one outbound interaction, from its submission to the last receipt; only it changes the interaction."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final, cast

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import (
        USER_ERASED,
        AdmissionActivities,
        Dispatch,
        DispatchActivities,
        EraseSignal,
        Held,
        RecordActivities,
        RecordStepInput,
        Search,
        sending_queue,
    )
    from domain.cancelling import cancelled_by
    from domain.deadlines import SEARCHES
    from domain.gate.decision import wakes_at
    from domain.interaction import HistoryEntry
    from domain.notes import Note
    from domain.problems import Problem
    from domain.status import FAILURES, InteractionState
    from domain.submission import Admission, Submission
    from workflows import attributes, names
    from workflows.activity_options import db_activity_options
    from workflows.history_notes import current_details
    from workflows.holding import Holding
    from workflows.lifecycle import InteractionLifecycle, WorkflowTask
    from workflows.messages import InteractionInput, Reschedule, Rescheduled
    from workflows.outcomes import Cancelled
    from workflows.provider_events import ProviderEventSignals
    from workflows.repair import repair_of
    from workflows.sending import send

_AT_ONCE: Final = timedelta(milliseconds=1)

_OTHERS_STAY: Final = EraseSignal()


@workflow.defn(name=names.INTERACTION)
class InteractionWorkflow(ProviderEventSignals):
    """One interaction as a durable workflow: it carries out the steps of its lifecycle."""

    @workflow.init
    def __init__(self, start: InteractionInput) -> None:
        super().__init__(InteractionLifecycle(start.interaction_id, start.windows, workflow.now()))
        self._start = start
        self._admission: Admission | None = None
        self._holding = Holding(start.interaction_id, self._lifecycle, self._record)

    @workflow.run
    async def run(self, start: InteractionInput) -> InteractionState:
        """Admit and dispatch the submission, or resume from the record; then apply receipts until the end."""
        message = await self._admit(start.submission) if start.submission else None
        if message is None and self._admission is None:
            message = await self._resume()
        if message is not None and self._lifecycle.is_unsent:
            while not await self._send(message):
                if await self._parks():
                    return self._lifecycle.state
        self._holding.is_over = True
        if message is not None:
            await self._find_sent(message)
        await self._apply_events_until_the_end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        # Events may have come while the last step was being written: they would be lost with the inbox.
        await self._apply_events()
        return self._lifecycle.state

    @workflow.update(name=names.SUBMIT, description="Wait until the submission is admitted or refused")
    async def admitted(self) -> Admission:
        """Wait for the answer to the submission."""
        await workflow.wait_condition(lambda: self._admission is not None)
        return cast("Admission", self._admission)

    @workflow.update(name=names.CANCEL, description="Cancel it, unless it is too late")
    async def cancel(self, account_id: str) -> InteractionState:
        """Cancel the interaction, and wait for its state once it is cancelled or too late to cancel."""
        self.withdraw(account_id)
        await workflow.wait_condition(lambda: not self._lifecycle.is_unsent)
        return self._lifecycle.state

    @workflow.update(name=names.RESCHEDULE, description="Change when it goes, unless it is too late")
    async def reschedule(self, reschedule: Reschedule) -> Rescheduled:
        """Change the schedule of a held message, and wait until that took effect, is refused or is too late."""
        return await self._holding.reschedule(reschedule)

    @workflow.signal(name=names.ASK_AGAIN, description="A message that goes before it got further")
    def ask_again(self) -> None:
        """Let the gate decide again."""
        self._holding.ask_again()

    @workflow.signal(name=names.WITHDRAW, description="Cancel it, although no worker has taken it yet")
    def withdraw(self, account_id: str) -> None:
        """Cancel as `cancel` does, but durably while no worker runs: an update is lost then, a signal is not."""
        self._lifecycle.cancelled_by = self._lifecycle.cancelled_by or cancelled_by(account_id)

    @workflow.signal(name=names.SUPERSEDE, description="Its strategy needs it no more")
    def supersede(self) -> None:
        """Cancel it, unless it is sent already."""
        self._lifecycle.cancelled_by = self._lifecycle.cancelled_by or Note(code="cancelled_by_strategy")

    @workflow.signal(name=USER_ERASED, description="Its end user is erased: nothing more is awaited")
    def erase(self, erasing: EraseSignal = _OTHERS_STAY) -> None:
        """Stop waiting for events, and send nothing if no recipient is left; an attempt under way is finished."""
        self._lifecycle.erase(erasing)
        self._show_details()

    @workflow.query(name=names.STATE, description="The status of the interaction, and the provider's own")
    def state(self) -> InteractionState:
        """Return the interaction's state."""
        return self._lifecycle.state

    async def _admit(self, submission: Submission) -> Dispatch | None:
        """Register the submission, and admit or refuse it; None if this run has nothing to dispatch."""
        admit_input = self._lifecycle.submit(submission, _task())
        self._show_details()
        admitted = await workflow.execute_local_activity_method(
            AdmissionActivities.admit,
            admit_input,
            **db_activity_options("validate, find or create the user and the process"),
        )
        if admitted is None:
            return None
        self._lifecycle.register(submission)
        interaction = admitted.interaction
        if admitted.policy is None:
            await self._record(self._lifecycle.refuse(admitted.problems, interaction.process_id, _task()))
            interaction = interaction.state_at(self._lifecycle.state, self._lifecycle.history)
        else:
            attributes.show_users([user.id for user in interaction.users])
            self._lifecycle.admit(admitted, admit_input.due)
            self._show_details()
        self._admission = Admission(
            interaction=interaction, fingerprint=submission.fingerprint, problems=admitted.problems
        )
        return Dispatch.of(interaction, admitted.policy) if admitted.policy else None

    async def _resume(self) -> Dispatch | None:
        """Resume from the record: another run registered the interaction, and perhaps sent it.

        The returned message is sent only if the gate holds it; else it is one to look for at the provider.
        """
        record = await workflow.execute_local_activity_method(
            RecordActivities.load, self._start.interaction_id, **db_activity_options("read the stored interaction")
        )
        if record is None:
            raise ApplicationError("there is no such interaction", type="NotFound", non_retryable=True)
        attributes.show_users([user.id for user in record.interaction.users])
        before = self._lifecycle.state
        self._lifecycle.resume(record)
        self._show(before)
        interaction, problems = record.interaction, record.problems
        if record.due is not None and interaction.hold is None:
            await self._apply_events()
            problems = await self._repair(interaction.process_id) or problems
            interaction = interaction.state_at(self._lifecycle.state, self._lifecycle.history)
        self._admission = Admission(interaction=interaction, fingerprint=record.fingerprint, problems=problems)
        return Dispatch.of(interaction, record.policy) if record.policy and record.due else None

    async def _repair(self, process_id: str | None) -> list[Problem]:
        """Record the end of a send that another run left open; returns the caller's problems if it was never sent."""
        repair = repair_of(self._lifecycle.state.status)
        if repair is None:
            return []
        await self._record(self._lifecycle.repair(repair, process_id, _task()))
        return repair.problems

    async def _send(self, dispatch: Dispatch) -> bool:
        """Send the message when the gate lets it go; False if it waits so long that a later run goes on."""
        while await self._holding.finish():
            if not self._lifecycle.is_unsent:
                return True
            valid = dispatch.model_copy(update={"expires": self._lifecycle.expires})
            outcome = await send(valid, self._start, self._lifecycle)
            if isinstance(outcome, Cancelled):
                # The server stores the cancellation only when this task completes: if lost, the retry would send.
                await workflow.sleep(_AT_ONCE, summary="make the cancellation durable")
            if isinstance(outcome, Held):
                dispatch = dispatch.model_copy(update={"place": outcome.place})
                await self._record(self._lifecycle.hold_until(outcome.wait, _task()))
            else:
                await self._record(self._lifecycle.finish_dispatch(outcome, _task()))
        return False

    async def _parks(self) -> bool:
        """Whether this run ends while the gate holds the message: the reconciliation starts the next one in time."""
        await workflow.wait_condition(lambda: self._holding.is_disturbed or workflow.all_handlers_finished())
        if self._holding.is_disturbed:
            return False
        if wakes_at(self._lifecycle.hold, workflow.now()) is None:
            workflow.continue_as_new(self._start.model_copy(update={"submission": None}))
        return True

    async def _find_sent(self, dispatch: Dispatch) -> None:
        """Look for an unanswered send at the provider, unless a receipt confirms it first."""
        lifecycle = self._lifecycle
        for wait in SEARCHES if lifecycle.policy is not None and lifecycle.policy.finds_sent else ():
            if not lifecycle.is_unknown or lifecycle.is_erased:
                return
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: bool(lifecycle.inbox) or lifecycle.is_erased,
                    timeout=wait,
                    timeout_summary="before looking for it at the provider",
                )
            await self._apply_events()
            if lifecycle.is_unknown and not lifecycle.is_erased:
                await self._search(dispatch)

    async def _search(self, dispatch: Dispatch) -> None:
        try:
            found = await workflow.execute_activity_method(
                DispatchActivities.find_sent,
                Search(dispatch=dispatch, since=self._lifecycle.created),
                task_queue=sending_queue(workflow.info().task_queue, dispatch.provider),
                start_to_close_timeout=timedelta(seconds=60),
                schedule_to_close_timeout=timedelta(minutes=5),
                summary=f"look for it at the provider ({dispatch.provider})",
            )
        except ActivityError:
            found = None
        if found is None:
            self._show_details()  # the next search, or that none is left
        else:
            await self._record(self._lifecycle.find_sent(found, _task()))

    async def _apply_events_until_the_end(self) -> None:
        """Apply events as they come, until nothing more can change or the receipt window closes."""
        await self._apply_events()
        lifecycle = self._lifecycle
        remaining = lifecycle.time_left(workflow.now())
        if lifecycle.is_settled:
            return
        if remaining <= timedelta():
            if lifecycle.due is not None:
                await self._close_window()
            return
        # One timer for the whole wait: a timeout inside the loop would create one in each iteration.
        window = asyncio.create_task(workflow.sleep(remaining, summary="stop waiting for provider events"))
        while not lifecycle.is_settled and not window.done():
            await workflow.wait_condition(lambda: bool(lifecycle.inbox) or window.done() or lifecycle.is_erased)
            await self._apply_events()
            if workflow.info().is_continue_as_new_suggested():
                await self._continue_as_new()
        if not lifecycle.is_settled:
            await self._close_window()

    async def _continue_as_new(self) -> None:
        """Go on in a new run, which resumes from the record, before the history becomes too long for the server."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._apply_events()
        if not self._lifecycle.is_settled:
            workflow.continue_as_new(self._start.model_copy(update={"submission": None}))

    async def _apply_events(self) -> None:
        while self._lifecycle.inbox:
            step = self._lifecycle.apply_events(_task())
            if step is not None:
                await self._record(step)

    async def _close_window(self) -> None:
        """Record the result of the end of the receipt window."""
        step = self._lifecycle.close_window(_task())
        if step is not None:
            await self._record(step)
        self._show_details()

    async def _record(self, step: RecordStepInput) -> None:
        summary = f"record {', '.join(map(_status_in_words, step.history or [step.state]))}"
        await workflow.execute_local_activity_method(RecordActivities.record, step, **db_activity_options(summary))
        before = self._lifecycle.state
        self._lifecycle.record(step)
        self._show(before)

    def _show(self, before: InteractionState) -> None:
        """Show a state that is recorded in the Web UI."""
        status = self._lifecycle.state.status
        if status is not before.status and {status, before.status} & FAILURES:
            attributes.show_failure(status if status in FAILURES else None)
        self._show_details()

    def _show_details(self) -> None:
        """Show the history and the pending wait in the Web UI."""
        wait = self._lifecycle.wait(workflow.now())
        workflow.set_current_details(current_details(self._lifecycle.history, wait))


def _task() -> WorkflowTask:
    return WorkflowTask(workflow.now(), workflow.info().get_current_history_length())


def _status_in_words(one: HistoryEntry | InteractionState) -> str:
    """A status as the summaries of steps show it: `SENT (accepted)`."""
    return f"{one.status} ({one.custom_status})" if one.custom_status else one.status.value
