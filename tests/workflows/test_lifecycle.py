"""The lifecycle of an interaction: the steps that it records, and that it goes on from its record after any of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.interfaces import AdmitResult, EraseSignal, Record, RecordStepInput
from domain.channels import Channel
from domain.deadlines import Timeouts
from domain.destinations import Destination, DestinationKind
from domain.events import ProviderEvent, ReceivedEvent
from domain.identifiers import new_id
from domain.interaction import (
    UNWRITTEN,
    AuditTrail,
    Direction,
    DispatchPolicy,
    HistoryEntry,
    IntegrationReference,
    Interaction,
)
from domain.notes import Note
from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, Rejected
from domain.status import IllegalTransitionError, InteractionState, Milestone, Status
from workflows.lifecycle import InteractionLifecycle, WorkflowTask

NOW = datetime(2026, 6, 25, 9, 48, 21, 246_000, UTC)
TIMEOUTS = Timeouts(receipt_window=timedelta(hours=72), dispatch_deadline=timedelta(hours=1))
OUTCOMES: list[Outcome | str] = [
    Accepted(provider_message_id="m1", provider_status="queued"),
    Rejected(code="30006", failure=FailureClass.DESTINATION),
    OutcomeUnknown(),
    "unreachable",
]
MILESTONES = [Milestone.NONE, Milestone.SENT, Milestone.FAILED, Milestone.DELIVERED, Milestone.READ]


def task(number: int) -> WorkflowTask:
    return WorkflowTask(NOW + timedelta(seconds=number), history_length=3 + 6 * number)


def received(number: int, milestone: Milestone) -> ReceivedEvent:
    status = milestone.name.lower()
    event = ProviderEvent(key=f"{status}:{number}", provider_status=status, milestone=milestone)
    return ReceivedEvent(id=f"event-{number}", received_at=NOW, event=event)


INTEGRATION = IntegrationReference(
    integration_id=new_id(),
    integration_name="sms",
    channel=Channel.SMS,
    channel_id=new_id(),
    provider="sandbox",
    provider_id=new_id(),
    provider_title="Sandbox",
)
FIRST = HistoryEntry(date=NOW, status=Status.VALIDATION_PENDING, notes=Note(code="registered"))
SECOND = HistoryEntry(date=NOW, status=Status.DISPATCH_PENDING)
POLICY = DispatchPolicy(repeatable=False, reports_delivery=True, reports_reads=True, finds_sent=False)


def interaction(state: InteractionState, history: list[HistoryEntry]) -> Interaction:
    return Interaction(
        id="1" * 24,
        tenant="clinic",
        summary="",
        audit_trail=AuditTrail(created=NOW, updated=NOW, author_id="", updater_id="", history=history),
        integration=INTEGRATION,
        metadata={},
        payload={},
        primary_key={},
        process_id=None,
        users=[],
        destinations=[Destination(key=DestinationKind.PHONE_NUMBER, value="34638766068")],
        direction=Direction.OUT,
        status=state.status,
        custom_status=state.custom_status,
        process_summary=None,
        is_last_entry=False,
    )


class Recorded:
    """The record of an interaction, as the database keeps it: one step after the other."""

    def __init__(self) -> None:
        self.steps: list[RecordStepInput] = []

    def write(self, lifecycle: InteractionLifecycle, step: RecordStepInput | None) -> None:
        if step is None:
            return
        assert step.sequence == 3 + len(self.steps)
        assert step.history_before == len(self.history)
        assert step.recorded_before == sum(len(earlier.received) for earlier in self.steps)
        before = self.steps[-1].revision if self.steps else UNWRITTEN
        assert (step.revision.history_length, step.revision.task_time) > (before.history_length, before.task_time)
        self.steps.append(step)
        lifecycle.record(step)

    @property
    def history(self) -> list[HistoryEntry]:
        return [FIRST, SECOND, *(entry for step in self.steps for entry in step.history)]

    def load(self) -> Record:
        last = self.steps[-1]
        stored = interaction(last.state, self.history)
        trail = stored.audit_trail.model_copy(
            update={"provider_events": [one for step in self.steps for one in step.received]}
        )
        return Record(
            interaction=stored.model_copy(update={"audit_trail": trail}),
            fingerprint="f",
            sequence=last.sequence,
            revision=last.revision,
            state=last.state,
            due=last.due,
            policy=POLICY,
            problems=[],
        )


def admitted() -> InteractionLifecycle:
    lifecycle = InteractionLifecycle("1" * 24, TIMEOUTS, NOW)
    lifecycle.history.append(FIRST)
    pending = InteractionState(status=Status.DISPATCH_PENDING)
    result = AdmitResult(interaction=interaction(pending, [FIRST, SECOND]), policy=POLICY, problems=[])
    lifecycle.admit(result, NOW + TIMEOUTS.dispatch_deadline)
    return lifecycle


def facts(lifecycle: InteractionLifecycle) -> tuple[object, ...]:
    wait = lifecycle.wait(NOW + timedelta(minutes=1))
    return (lifecycle.state, lifecycle.history, lifecycle.due, lifecycle.created, lifecycle.is_settled, wait)


@given(
    outcome=st.sampled_from(OUTCOMES),
    early=st.lists(st.sampled_from(MILESTONES), max_size=2),
    batches=st.lists(st.lists(st.sampled_from(MILESTONES), min_size=1, max_size=3), max_size=4),
    stops_after=st.integers(0, 4),
)
def test_it_goes_on_from_its_record_as_if_it_had_never_stopped(
    outcome: Outcome | str, early: list[Milestone], batches: list[list[Milestone]], stops_after: int
) -> None:
    record = Recorded()
    lifecycle = admitted()
    lifecycle.inbox = [received(number, milestone) for number, milestone in enumerate(early)]
    record.write(lifecycle, lifecycle.finish_dispatch(outcome, task(1)))
    for number, batch in enumerate(batches):
        if number == stops_after:
            resumed = InteractionLifecycle("1" * 24, TIMEOUTS, NOW + timedelta(hours=1))
            resumed.resume(record.load())
            assert facts(resumed) == facts(lifecycle)
            lifecycle = resumed
        lifecycle.inbox += [received(10 * (number + 1) + index, one) for index, one in enumerate(batch)]
        record.write(lifecycle, lifecycle.apply_events(task(number + 2)))
        assert lifecycle.inbox == []
    assert lifecycle.history == record.history


@pytest.mark.parametrize("milestone", MILESTONES[1:])
def test_a_receipt_that_overtakes_the_providers_answer_is_recorded_together_with_it(milestone: Milestone) -> None:
    lifecycle = admitted()
    lifecycle.inbox = [received(1, milestone)]
    assert lifecycle.is_confirmed_by_receipt
    step = lifecycle.finish_dispatch(OUTCOMES[0], task(1))
    assert step.history[0].status is Status.SENT
    assert step.state.milestone is milestone


def test_a_state_that_the_table_does_not_have_is_refused() -> None:
    lifecycle = admitted()
    step = lifecycle.finish_dispatch(OUTCOMES[0], task(1))
    back = step.model_copy(update={"state": InteractionState(status=Status.VALIDATION_PENDING)})
    with pytest.raises(IllegalTransitionError, match="DISPATCH_PENDING does not become VALIDATION_PENDING"):
        lifecycle.record(back)


def test_a_revision_grows_over_tasks_tries_and_runs() -> None:
    record = Recorded()
    lifecycle = admitted()
    record.write(lifecycle, lifecycle.finish_dispatch(OUTCOMES[0], task(1)))
    resumed = InteractionLifecycle("1" * 24, TIMEOUTS, NOW)
    resumed.resume(record.load())
    resumed.inbox = [received(1, Milestone.DELIVERED)]
    first_task_of_the_new_run = WorkflowTask(NOW + timedelta(hours=1), history_length=3)
    record.write(resumed, resumed.apply_events(first_task_of_the_new_run))


def test_an_erased_interaction_waits_for_nothing_and_is_not_sent() -> None:
    lifecycle = admitted()
    lifecycle.erase(EraseSignal(user_ids=["u"], is_cancelled=True))
    assert lifecycle.is_settled
    assert lifecycle.cancelled_by == Note(code="cancelled_by_erasure")


def test_the_end_of_the_receipt_window_is_noted_once() -> None:
    lifecycle = admitted()
    record = Recorded()
    record.write(lifecycle, lifecycle.finish_dispatch(OUTCOMES[0], task(1)))
    assert lifecycle.time_left(task(1).now + timedelta(hours=72)) == timedelta()
    record.write(lifecycle, lifecycle.close_window(task(2)))
    assert (lifecycle.due, lifecycle.history[-1].notes) == (None, Note(code="no_confirmation"))
    assert lifecycle.wait(NOW + timedelta(hours=73)) is None
