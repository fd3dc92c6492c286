"""The decision of a strategy: for any order of reports and any instants, steps start once, in order, and it ends."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from domain.status import InteractionState, Milestone, Status
from domain.strategy.decision import End, Start, Wait, decide
from domain.strategy.plan import RunOutcome, Step, Success
from domain.strategy.progress import Progress, Reason, StepReport, StepState

BEGIN = datetime(2026, 12, 1, 9, tzinfo=UTC)
TWO = [Step(deadline=timedelta(minutes=2)), Step(deadline=timedelta(hours=1))]

SENT = InteractionState(status=Status.SENT, custom_status="sent", milestone=Milestone.SENT)
DELIVERED = InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
READ = InteractionState(status=Status.COMPLETED, custom_status="read", milestone=Milestone.READ)
REJECTED = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="rejected")
UNKNOWN = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="unknown")
EXPIRED = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="expired")
CANCELLED = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="cancelled")
FAILED = InteractionState(status=Status.PROCESS_ERROR, custom_status="failed", milestone=Milestone.FAILED)
REFUSED = InteractionState(status=Status.VALIDATION_ERROR)
PENDING = InteractionState(status=Status.DISPATCH_PENDING)


def started(step: int, state: InteractionState | None = None, *, suppressed: bool = False) -> StepState:
    """A step that started at the deadline of the one before, with its interaction in a state."""
    begins = BEGIN + timedelta(minutes=2) * step
    report = None if state is None else StepReport(step=step, sequence=3, state=state, is_suppressed=suppressed)
    return StepState(
        step=step,
        reason=Reason.FIRST,
        started=begins,
        deadline_at=begins + TWO[step].deadline,
        success=TWO[step].success,
        report=report,
    )


def test_a_step_that_fails_is_followed_at_once() -> None:
    for state in (REJECTED, FAILED):
        assert decide(TWO, [started(0, state)], BEGIN) == Start(1, Reason.FAILED)
    assert decide(TWO, [started(0, EXPIRED)], BEGIN) == Start(1, Reason.DEADLINE)


def test_a_step_without_verdict_is_followed_at_its_deadline() -> None:
    deadline = started(0).deadline_at
    for state in (None, PENDING, SENT, UNKNOWN):
        states = [started(0, state)]
        assert decide(TWO, states, deadline - timedelta(milliseconds=1)) == Wait(deadline)
        assert decide(TWO, states, deadline) == Start(1, Reason.DEADLINE)


def test_success_ends_the_run_whichever_step_has_it() -> None:
    assert decide(TWO, [started(0, DELIVERED)], BEGIN) == End(RunOutcome.SUCCEEDED)
    assert decide(TWO, [started(0, DELIVERED), started(1, SENT)], BEGIN) == End(RunOutcome.SUCCEEDED)


def test_a_delivered_step_is_no_success_where_reading_is_awaited() -> None:
    reading = [step.model_copy(update={"success": Success.READ}) for step in TWO]
    state = started(0, DELIVERED).model_copy(update={"success": Success.READ})
    assert decide(reading, [state], BEGIN) == Wait(state.deadline_at)
    read = state.after(StepReport(step=0, sequence=4, state=READ))
    assert decide(reading, [read], BEGIN) == End(RunOutcome.SUCCEEDED)


def test_an_opt_out_ends_the_run_or_moves_it_on() -> None:
    stopping = [TWO[0].model_copy(update={"stops_if_suppressed": True}), TWO[1]]
    states = [started(0, REJECTED, suppressed=True)]
    assert decide(stopping, states, BEGIN) == End(RunOutcome.SUPPRESSED)
    assert decide(TWO, states, BEGIN) == Start(1, Reason.SUPPRESSED)


def test_a_first_message_that_is_refused_refuses_the_run() -> None:
    assert decide(TWO, [started(0, REFUSED)], BEGIN) == End(RunOutcome.REFUSED)
    assert decide(TWO, [started(0, FAILED), started(1, REFUSED)], BEGIN) == End(RunOutcome.FAILED)


def test_the_last_step_leaves_a_run_unconfirmed_while_a_message_may_still_arrive() -> None:
    assert decide(TWO, [started(0, SENT), started(1, FAILED)], BEGIN) == End(RunOutcome.UNCONFIRMED)
    assert decide(TWO, [started(0, FAILED), started(1, FAILED)], BEGIN) == End(RunOutcome.FAILED)


def test_skipped_steps_never_start() -> None:
    plan = [step.model_copy(update={"is_skipped": True}) for step in TWO[:1]] + TWO[1:]
    assert decide(plan, [], BEGIN) == Start(1, Reason.FIRST)


def test_a_cancelled_run_starts_nothing_more() -> None:
    late = BEGIN + timedelta(days=1)
    assert decide(TWO, [started(0, SENT)], late, is_cancelled=True) == End(RunOutcome.CANCELLED)
    assert decide(TWO, [started(0, CANCELLED)], late) == End(RunOutcome.CANCELLED)
    assert decide(TWO, [started(0, DELIVERED)], late, is_cancelled=True) == End(RunOutcome.SUCCEEDED)


STATES = st.sampled_from([PENDING, SENT, DELIVERED, READ, REJECTED, UNKNOWN, EXPIRED, FAILED, REFUSED])
PLANS = st.lists(
    st.builds(
        Step,
        deadline=st.sampled_from([timedelta(seconds=5), timedelta(minutes=2), timedelta(hours=72)]),
        success=st.sampled_from(Success),
        stops_if_suppressed=st.booleans(),
        is_skipped=st.booleans(),
    ),
    min_size=2,
    max_size=8,
)


@given(
    plan=PLANS,
    events=st.lists(
        st.tuples(st.integers(0, 7), STATES, st.booleans(), st.integers(0, 3), st.integers(0, 10_000)), max_size=30
    ),
)
def test_no_step_has_two_successors_and_every_run_ends(
    plan: list[Step], events: list[tuple[int, InteractionState, bool, int, int]]
) -> None:
    """Reports come in any order, repeated and late, and the clock advances by anything between them."""
    now = BEGIN
    states: list[StepState] = []
    instants = [*events, *[(0, PENDING, False, 0, 300_000)] * len(plan)]
    ended = False
    for step, state, suppressed, sequence, seconds in instants:
        while isinstance(decision := decide(plan, states, now), Start):
            assert not ended
            assert decision.step not in {one.step for one in states}
            assert all(one.step < decision.step for one in states)
            assert not plan[decision.step].is_skipped
            states.append(
                StepState(
                    step=decision.step,
                    reason=decision.reason,
                    started=now,
                    deadline_at=now + plan[decision.step].deadline,
                    success=plan[decision.step].success,
                )
            )
        if isinstance(decision, End):
            ended = True
            break
        assert decision.until > now
        now += timedelta(seconds=seconds)
        report = StepReport(step=step, sequence=sequence, state=state, is_suppressed=suppressed)
        states = [one.after(report) if one.step == step else one for one in states]
    assert ended or isinstance(decide(plan, states, now), End)


@given(first=STATES, second=STATES, instant=st.integers(0, 300_000))
def test_a_report_never_takes_back_a_success(first: InteractionState, second: InteractionState, instant: int) -> None:
    """Whatever else is reported of other steps, a success stays one."""
    states = [started(0, DELIVERED), started(1, first)]
    states[1] = states[1].after(StepReport(step=1, sequence=9, state=second))
    assert decide(TWO, states, BEGIN + timedelta(seconds=instant)) == End(RunOutcome.SUCCEEDED)


def test_an_old_report_changes_nothing() -> None:
    state = started(0, DELIVERED)
    assert state.after(StepReport(step=0, sequence=2, state=SENT)).progress is Progress.SUCCEEDED


def test_of_ten_receipts_at_the_deadline_none_makes_a_second_successor() -> None:
    """In 200 orders of a deadline and ten receipts at the same instant, the second step starts at most once."""
    random = Random(7)
    deadline = started(0).deadline_at
    receipts: list[InteractionState | None] = [SENT, DELIVERED, FAILED, READ, UNKNOWN, *[None] * 5]
    for _ in range(200):
        random.shuffle(receipts)
        states, starts = [started(0)], list[Start]()
        for sequence, receipt in enumerate(receipts):
            if receipt is not None:
                states[0] = states[0].after(StepReport(step=0, sequence=sequence, state=receipt))
            decision = decide(TWO, states, deadline)
            if isinstance(decision, Start):
                starts.append(decision)
                states.append(started(1, SENT))
            if isinstance(decision, End):
                break
        assert len(starts) <= 1
