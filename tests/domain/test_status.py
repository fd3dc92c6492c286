"""State machine: applying events takes a maximum, so their order, repetition and delay do not matter."""

from collections.abc import Sequence
from functools import reduce
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.status import STATUS_OF_MILESTONE, TRANSITIONS, InteractionState, Milestone, Status, advance

Update = tuple[Milestone, str]

STARTS = [
    InteractionState(status=Status.DISPATCH_PENDING),
    InteractionState(status=Status.SENT, custom_status="accepted", milestone=Milestone.ACCEPTED),
    InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="unknown"),
    InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="not_sent"),
]
STANDARD: list[Update] = [
    (Milestone.ACCEPTED, "queued"),
    (Milestone.SENT, "sent"),
    (Milestone.FAILED, "undelivered"),
    (Milestone.DELIVERED, "delivered"),
    (Milestone.READ, "read"),
]


def after(start: InteractionState, received: Sequence[Update]) -> InteractionState:
    return reduce(lambda state, update: state.apply(*update), received, start)


starts = st.sampled_from(STARTS)
statuses = st.sampled_from(Status)
milestones = st.sampled_from([milestone for milestone in Milestone if milestone is not Milestone.NONE])
updates = st.tuples(milestones, st.sampled_from(["a", "b", "delivered", "failed", "queued", "read", "sent"]))
states = st.builds(after, starts, st.lists(updates, max_size=6))


def reachable(status: Status) -> set[Status]:
    found: set[Status] = set()
    frontier = {status}
    while frontier:
        frontier = {target for one in frontier for target in TRANSITIONS[one]} - found
        found |= frontier
    return found


@pytest.mark.parametrize("start", STARTS, ids=lambda start: f"{start.status}-{start.custom_status}")
def test_every_order_of_every_milestone_ends_in_the_same_state(start: InteractionState) -> None:
    ended = InteractionState(status=Status.COMPLETED, custom_status="read", milestone=Milestone.READ)
    assert all(after(start, order) == ended for order in permutations(STANDARD))


@given(start=starts, received=st.lists(updates, max_size=8), data=st.data())
def test_order_and_repetition_of_events_do_not_change_the_final_state(
    start: InteractionState, received: list[Update], data: st.DataObject
) -> None:
    repeated = st.lists(st.sampled_from(received), max_size=8) if received else st.just([])
    shuffled = data.draw(st.permutations([*received, *data.draw(repeated)]))
    assert after(start, shuffled) == after(start, received)


@given(start=states, one=updates, other=updates)
def test_two_events_commute(start: InteractionState, one: Update, other: Update) -> None:
    assert start.apply(*one).apply(*other) == start.apply(*other).apply(*one)


@given(start=states, one=updates)
def test_a_repeated_event_counts_once(start: InteractionState, one: Update) -> None:
    assert start.apply(*one).apply(*one) == start.apply(*one)


@given(start=starts, early=st.lists(updates, max_size=5), late=st.lists(updates, max_size=5))
def test_outdated_events_change_nothing(start: InteractionState, early: list[Update], late: list[Update]) -> None:
    assert after(after(start, early + late), early) == after(start, early + late)


@given(current=statuses, target=statuses)
def test_a_status_moves_only_where_the_table_allows(current: Status, target: Status) -> None:
    assert advance(current, target) is (target if target in TRANSITIONS[current] else current)


def test_no_status_ever_comes_back() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert [status for status in Status if status in reachable(status)] == []


def test_the_table_lets_every_status_reach_at_once_what_it_reaches_at_all() -> None:
    received = {Status.SENT, Status.PROCESS_ERROR, Status.COMPLETED}
    for status in Status:
        if status is not Status.VALIDATION_PENDING:
            assert reachable(status) & received == TRANSITIONS[status] & received


@given(start=states, received=updates)
def test_no_event_moves_a_status_backwards(start: InteractionState, received: Update) -> None:
    now = start.apply(*received).status
    assert now is start.status or now in reachable(start.status)
    assert start.status not in reachable(now)


@given(received=st.lists(updates))
@pytest.mark.parametrize("status", [Status.VALIDATION_ERROR, Status.RECEIVED, Status.VALIDATION_PENDING])
def test_events_do_not_change_what_was_never_sent(status: Status, received: list[Update]) -> None:
    assert after(InteractionState(status=status), received) == InteractionState(status=status)


@given(received=st.lists(updates))
def test_a_completed_interaction_stays_completed(received: list[Update]) -> None:
    delivered = InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
    assert after(delivered, received).status is Status.COMPLETED


@pytest.mark.parametrize("start", STARTS, ids=lambda start: f"{start.status}-{start.custom_status}")
def test_a_read_alone_completes(start: InteractionState) -> None:
    assert start.apply(Milestone.READ, "read") == InteractionState(
        status=Status.COMPLETED, custom_status="read", milestone=Milestone.READ
    )


def test_a_read_after_the_delivery_changes_only_the_custom_status() -> None:
    delivered = STARTS[0].apply(Milestone.DELIVERED, "delivered")
    read = delivered.apply(Milestone.READ, "read")
    assert (delivered.status, read.status) == (Status.COMPLETED, Status.COMPLETED)
    assert (delivered.custom_status, read.custom_status) == ("delivered", "read")
    assert read.apply(Milestone.DELIVERED, "delivered") == read


def test_a_failure_after_the_delivery_changes_nothing() -> None:
    delivered = STARTS[0].apply(Milestone.DELIVERED, "delivered")
    assert delivered.apply(Milestone.FAILED, "undelivered") == delivered


def test_a_delivery_after_a_failure_completes() -> None:
    failed = STARTS[1].apply(Milestone.FAILED, "undelivered")
    assert failed.status is Status.PROCESS_ERROR
    assert failed.apply(Milestone.DELIVERED, "delivered") == InteractionState(
        status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED
    )


def test_a_receipt_corrects_a_send_that_nobody_answered() -> None:
    unknown = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="unknown")
    assert unknown.apply(Milestone.SENT, "sent").status is Status.SENT
    assert unknown.apply(Milestone.FAILED, "failed").status is Status.PROCESS_ERROR


def test_every_milestone_but_none_means_a_status() -> None:
    assert set(STATUS_OF_MILESTONE) == set(Milestone) - {Milestone.NONE}
