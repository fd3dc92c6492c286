"""One interaction, from its submission to the last receipt: its only changer."""

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
        Asking,
        Change,
        Dispatch,
        DispatchActivities,
        Erasing,
        RecordActivities,
        Search,
        sending_queue,
    )
    from domain.cancelling import cancelled_by
    from domain.clock import to_milliseconds
    from domain.interaction import DispatchPolicy, HeardEvent, HistoryEntry, IntegrationReference, Interaction
    from domain.notes import Note
    from domain.outcomes import Accepted
    from domain.problems import Problem
    from domain.status import FAILURES, UNSENT, Milestone, Standing, Status
    from domain.submission import Submission
    from domain.waiting import SEARCHES, UNKNOWN, Situation, due_of, waiting_for
    from workflows import attributes, names
    from workflows.hearing import Hearing
    from workflows.messages import NO_REFUSAL, Admission, InteractionInput, Refusal
    from workflows.outcomes import Cancelled, standing_after
    from workflows.provider_events import ProviderEventInbox
    from workflows.repair import repair_of
    from workflows.sending import send
    from workflows.steps import step
    from workflows.story import current_details, describe_outcome, events_of_refused

_AT_ONCE: Final = timedelta(milliseconds=1)

MILLISECOND_BITS: Final = 42
"""Bits that hold an instant in milliseconds until the year 2109."""


_OTHERS_STAY: Final = Erasing()


@workflow.defn(name=names.INTERACTION)
class InteractionWorkflow(ProviderEventInbox):
    """One interaction as a durable workflow."""

    @workflow.init
    def __init__(self, start: InteractionInput) -> None:
        super().__init__()
        self._start = start
        self._admission: Admission | None = None
        self._history: list[HistoryEntry] = []
        self._standing = Standing(status=Status.VALIDATION_PENDING)
        self._integration_id = ""
        self._integration_version = 0
        self._sequence = 0
        self._tasks_before = 0
        self._created: datetime = workflow.now()
        self._due: datetime | None = None
        self._policy: DispatchPolicy | None = None
        self._hearing = Hearing([])
        self._cancelled_by: Note | None = None
        self._is_erased = False
        self._erased_users: list[str] = []

    @workflow.run
    async def run(self, start: InteractionInput) -> Standing:
        """Admit and dispatch what was submitted, or go on from the record; then hear receipts until the end."""
        message = await self._admit(start.submission) if start.submission else None
        if message is not None:
            await self._dispatch(message)
        elif self._admission is None:
            message = await self._resume()
        if message is not None:
            await self._find_sent(message)
        await self._hear_until_the_end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        # Also what came while the last step was being written: a run that ends with news in its inbox loses them.
        await self._take_news()
        return self._standing

    @workflow.update(name=names.SUBMIT, description="Wait until the submission is admitted or refused")
    async def admitted(self) -> Admission:
        """The answer to the submission."""
        await workflow.wait_condition(lambda: self._admission is not None)
        return cast("Admission", self._admission)

    @workflow.update(name=names.CANCEL, description="Cancel it, unless it is too late")
    async def cancel(self, account_id: str) -> Standing:
        """Where it stands once it is cancelled, or cannot be any more."""
        self._cancelled_by = self._cancelled_by or cancelled_by(account_id)
        await workflow.wait_condition(lambda: self._standing.status not in UNSENT)
        return self._standing

    @workflow.signal(name=names.WITHDRAW, description="Cancel it, although no worker has taken it yet")
    def withdraw(self, account_id: str) -> None:
        """As `cancel`, but durable without a worker, which nothing is if it waits for an answer."""
        self._cancelled_by = self._cancelled_by or cancelled_by(account_id)

    @workflow.signal(name=USER_ERASED, description="Its end user is erased: nothing more is awaited")
    def erase(self, erasing: Erasing = _OTHERS_STAY) -> None:
        """Await nothing any more, and send nothing if nobody is left to send it to; what is under way is finished."""
        self._is_erased = True
        self._erased_users += erasing.user_ids
        self._hearing.leave_out(self._erased_users)
        if erasing.is_cancelled:
            self._cancelled_by = self._cancelled_by or Note(code="cancelled_by_erasure")
        self._show()

    @workflow.query(name=names.STATE, description="The status of the interaction, and the provider's own word")
    def standing(self) -> Standing:
        """Where the interaction stands."""
        return self._standing

    async def _admit(self, submission: Submission) -> Dispatch | None:
        """Register, and admit or refuse; what to dispatch, or None if there is nothing for this run to send."""
        self._created = submission.submitted_at
        self._due = self._due_in(self._standing)
        self._show()
        due = self._due_in(Standing(status=Status.DISPATCH_PENDING))
        asking = Asking(submission=submission, admitted_at=self._now(), due=due, revision=self._revision())
        admitted = await workflow.execute_local_activity_method(
            AdmissionActivities.admit, asking, **step("validate, find or create the user and the process")
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
        self._hearing = Hearing(interaction.destinations)
        self._hearing.leave_out(self._erased_users)
        self._sequence = 2
        self._due = due
        self._stand(Standing(status=Status.DISPATCH_PENDING), interaction.audit_trail.history[-1:])
        self._admission = Admission(interaction=interaction, fingerprint=submission.fingerprint)
        return Dispatch.of(interaction, admitted.policy)

    def _begin(self, submission: Submission) -> None:
        self._sequence = 1
        self._use(submission.integration)
        self._stand(self._standing, [submission.first_entry()])

    def _use(self, integration: IntegrationReference) -> None:
        self._integration_id = integration.integration_id
        self._integration_version = integration.version

    async def _refuse(self, registered: Interaction, fingerprint: str, problems: list[Problem]) -> None:
        standing = Standing(status=Status.VALIDATION_ERROR)
        entry = self._entry(standing, Note(problems=problems))
        await self._record(standing, [entry], refusal=Refusal(problems, registered.process_id))
        refused = registered.standing_at(standing, self._history)
        self._admission = Admission(interaction=refused, fingerprint=fingerprint, problems=problems)

    async def _resume(self) -> Dispatch | None:
        """Go on from what is stored: another run registered the interaction, and perhaps sent it.

        The answer is what to look for at the provider, never what to send.
        """
        record = await workflow.execute_local_activity_method(
            RecordActivities.load, self._start.interaction_id, **step("read the stored interaction")
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
        self._hearing = Hearing(record.interaction.destinations, trail.provider_events)
        self._hearing.leave_out(self._erased_users)
        self._stand(record.standing, trail.history)
        interaction, problems = record.interaction, record.problems
        if self._due is not None:
            await self._take_news()
            problems = await self._repair(interaction.process_id) or problems
            interaction = interaction.standing_at(self._standing, self._history)
        self._admission = Admission(interaction=interaction, fingerprint=record.fingerprint, problems=problems)
        return Dispatch.of(interaction, record.policy) if record.policy and record.due else None

    async def _repair(self, process_id: str | None) -> list[Problem]:
        """End honestly what another run left without an end; the caller's problems, if it was never sent."""
        repair = repair_of(self._standing.status)
        if repair is None:
            return []
        entry = self._entry(repair.standing, repair.note)
        await self._record(repair.standing, [entry], refusal=Refusal(repair.problems, process_id))
        return repair.problems

    async def _dispatch(self, dispatch: Dispatch) -> None:
        outcome = await send(
            dispatch, self._start, self._is_proven, lambda: self._is_erased, lambda: self._cancelled_by
        )
        if isinstance(outcome, Cancelled):
            # The server knows who asked only once this task is over: one that is lost would forget it, and send.
            await workflow.sleep(_AT_ONCE, summary="make the cancellation durable")
        standing = standing_after(outcome)
        entry = self._entry(standing, describe_outcome(outcome))
        refused = self._hearing.refuse(events_of_refused(outcome), standing, entry.date)
        # News that were quicker than the answer are written down with it.
        news, self._inbox = self._inbox, []
        heard = self._hearing.take(news, standing, entry.date)
        message_id = outcome.provider_message_id if isinstance(outcome, Accepted) else None
        await self._record(heard.standing, [entry, *heard.entries], [*refused, *heard.events], message_id)

    def _is_proven(self) -> bool:
        """Whether news that wait their turn tell that the provider took the message."""
        # What was delivered or read «until then» may be earlier messages alone.
        about_this = [news.event for news in self._inbox if news.event.up_to is None]
        return any(event.milestone is not Milestone.NONE for event in about_this)

    async def _find_sent(self, dispatch: Dispatch) -> None:
        """Look at the provider for a send that nobody answered, unless a receipt tells first."""
        for wait in SEARCHES if self._policy is not None and self._policy.finds_sent else ():
            if self._standing.custom_status != UNKNOWN or self._is_erased:
                return
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: bool(self._inbox) or self._is_erased,
                    timeout=wait,
                    timeout_summary="before looking for it at the provider",
                )
            await self._take_news()
            if self._standing.custom_status == UNKNOWN and not self._is_erased:
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
            standing = self._standing.hear(Milestone.ACCEPTED, found.word)
            entry = self._entry(standing, Note(code="found_at_provider"))
            await self._record(standing, [entry], provider_message_id=found.provider_message_id)

    async def _hear_until_the_end(self) -> None:
        """Take news as they come, until nothing more can change or the receipt window closes."""
        await self._take_news()
        remaining = self._created + self._start.receipt_window - workflow.now()
        if self._is_settled():
            return
        if remaining <= timedelta():
            if self._due is not None:
                await self._close_window()
            return
        # One timer for the whole wait: a timeout inside the loop would make one at each turn.
        window = asyncio.create_task(workflow.sleep(remaining, summary="stop waiting for provider events"))
        while not self._is_settled() and not window.done():
            await workflow.wait_condition(lambda: bool(self._inbox) or window.done() or self._is_erased)
            await self._take_news()
        if not self._is_settled():
            await self._close_window()

    def _is_settled(self) -> bool:
        """Whether nothing is awaited any more; a receipt that comes all the same begins a new run."""
        match self._standing.status:
            case _ if self._is_erased:
                return True
            case Status.SENT:
                return False
            case Status.PROVIDER_SENDING_ERROR:
                return self._standing.custom_status != UNKNOWN
            case Status.COMPLETED:
                reads = self._policy is not None and self._policy.reports_reads
                return not reads or self._standing.milestone is Milestone.READ
            case _:
                return True

    async def _take_news(self) -> None:
        while self._inbox:
            news, self._inbox = self._inbox, []
            heard = self._hearing.take(news, self._standing, self._now())
            if heard.events:
                await self._record(heard.standing, heard.entries, heard.events)

    async def _close_window(self) -> None:
        """Write down what the end of the receipt window means."""
        self._due = None
        reports_delivery = self._policy is None or self._policy.reports_delivery
        closed = self._hearing.close(self._standing, reports_delivery=reports_delivery)
        if closed is not None:
            standing, note = closed
            await self._record(standing, [self._entry(standing, note)])
        self._show()

    async def _record(
        self,
        standing: Standing,
        entries: list[HistoryEntry],
        heard: Sequence[HeardEvent] = (),
        provider_message_id: str | None = None,
        refusal: Refusal = NO_REFUSAL,
    ) -> None:
        due = self._due if standing.status is self._standing.status else self._due_in(standing)
        change = Change(
            interaction_id=self._start.interaction_id,
            integration_id=self._integration_id,
            integration_version=self._integration_version,
            sequence=self._sequence + 1,
            revision=self._revision(),
            standing=standing,
            due=due,
            updated=self._now(),
            history_before=len(self._history),
            history=entries,
            heard_before=self._hearing.recorded - len(heard),
            heard=list(heard),
            provider_message_id=provider_message_id,
            problems=refusal.problems,
            process_id=refusal.process_id,
        )
        summary = f"record {', '.join(map(_status_in_words, entries or [standing]))}"
        await workflow.execute_local_activity_method(RecordActivities.record, change, **step(summary))
        self._sequence = change.sequence
        self._due = due
        self._stand(standing, entries)

    def _stand(self, standing: Standing, entries: list[HistoryEntry]) -> None:
        """Take a standing that is recorded, and show it in the Web UI."""
        if standing.status is not self._standing.status and {standing.status, self._standing.status} & FAILURES:
            attributes.show_failure(standing.status if standing.status in FAILURES else None)
        self._standing = standing
        self._history.extend(entries)
        self._show()

    def _show(self) -> None:
        """Show the history, and what is awaited, in the Web UI."""
        last = self._history[-1].date if self._history else self._created
        situation = Situation(self._standing, self._policy, self._due, self._created, last)
        is_over = self._is_erased and self._standing.status not in UNSENT
        wait = None if is_over else waiting_for(situation, self._start.windows, workflow.now())
        workflow.set_current_details(current_details(self._history, wait))

    def _entry(self, standing: Standing, notes: Note | None) -> HistoryEntry:
        return HistoryEntry(date=self._now(), status=standing.status, custom_status=standing.custom_status, notes=notes)

    def _due_in(self, standing: Standing) -> datetime | None:
        return due_of(standing, self._created, self._now(), self._start.windows)

    def _revision(self) -> int:
        """Grows with each task: when one fails after its steps were written, the next one's is higher.

        A task that fails again and again does not lengthen the history; then its time tells which try is later.
        """
        tasks = self._tasks_before + workflow.info().get_current_history_length()
        return tasks << MILLISECOND_BITS | int(workflow.now().timestamp() * 1000)

    def _now(self) -> datetime:
        return max(to_milliseconds(workflow.now()), self._created)


def _status_in_words(one: HistoryEntry | Standing) -> str:
    """A status as the summaries of steps show it: `SENT (accepted)`."""
    return f"{one.status} ({one.custom_status})" if one.custom_status else one.status.value
