"""Deadlines: each wait has a time limit and a consequence."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.deadlines import SENTENCES, Timeouts, WaitContext, WaitReason, deadline_for, waiting_for
from domain.interaction import DispatchPolicy, HistoryEntry
from domain.status import InteractionState, Milestone, Status
from domain.texts import Language

CREATED = datetime(2025, 6, 25, 9, 48, 21, tzinfo=UTC)
SOON = CREATED + timedelta(seconds=1)
WINDOWS = Timeouts(receipt_window=timedelta(hours=72), dispatch_deadline=timedelta(hours=1))
POLICY = DispatchPolicy(repeatable=True, reports_delivery=True, reports_reads=True, finds_sent=True)
SILENT = DispatchPolicy(repeatable=False, reports_delivery=False, reports_reads=False)
UNKNOWN = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="unknown")
FINAL = [Status.VALIDATION_ERROR, Status.PROCESS_ERROR, Status.COMPLETED, Status.RECEIVED]


def situation(state: InteractionState, policy: DispatchPolicy | None = POLICY) -> WaitContext:
    entries = [HistoryEntry(date=CREATED, status=Status.SENT), HistoryEntry(date=SOON, status=state.status)]
    return WaitContext(state, policy, deadline_for(state, CREATED, SOON, WINDOWS), entries)


@pytest.mark.parametrize(
    ("state", "policy", "awaited", "after"),
    [
        (
            InteractionState(status=Status.VALIDATION_PENDING),
            None,
            WaitReason.VALIDATION,
            timedelta(minutes=5, seconds=1),
        ),
        (InteractionState(status=Status.DISPATCH_PENDING), POLICY, WaitReason.SEND, timedelta(hours=1, seconds=1)),
        (InteractionState(status=Status.SENT), POLICY, WaitReason.DELIVERY, timedelta(hours=72)),
        (InteractionState(status=Status.SENT), SILENT, WaitReason.BOUNCE, timedelta(hours=72)),
        (UNKNOWN, POLICY, WaitReason.SEARCH, timedelta(seconds=31)),
        (UNKNOWN, SILENT, WaitReason.EVIDENCE, timedelta(hours=72)),
    ],
)
def test_every_open_state_waits_for_something_until_a_deadline(
    state: InteractionState, policy: DispatchPolicy | None, awaited: WaitReason, after: timedelta
) -> None:
    wait = waiting_for(situation(state, policy), WINDOWS, SOON)
    assert wait is not None
    assert (wait.awaited, wait.until) == (awaited, CREATED + after)


@pytest.mark.parametrize("status", FINAL)
def test_a_final_state_has_no_deadline(status: Status) -> None:
    assert deadline_for(InteractionState(status=status), CREATED, SOON, WINDOWS) is None


def test_a_refusal_is_final_and_an_unknown_outcome_is_not() -> None:
    refused = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="rejected")
    assert deadline_for(refused, CREATED, SOON, WINDOWS) is None
    assert deadline_for(UNKNOWN, CREATED, SOON, WINDOWS) == CREATED + WINDOWS.receipt_window


def test_a_delivery_may_still_be_read_until_the_window_closes() -> None:
    delivered = InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
    wait = waiting_for(situation(delivered), WINDOWS, SOON)
    assert wait is not None
    assert wait.awaited is WaitReason.READ
    assert waiting_for(situation(delivered), WINDOWS, wait.until) is None
    assert waiting_for(situation(delivered, SILENT), WINDOWS, SOON) is None
    read = delivered.model_copy(update={"milestone": Milestone.READ})
    assert waiting_for(situation(read), WINDOWS, SOON) is None


def test_an_unknown_outcome_is_searched_three_times_and_then_awaited() -> None:
    looks: list[timedelta] = []
    now = SOON
    while (wait := waiting_for(situation(UNKNOWN), WINDOWS, now)) and wait.awaited is WaitReason.SEARCH:
        looks.append(wait.until - SOON)
        now = wait.until
    assert [look.total_seconds() for look in looks] == [30, 330, 2_130]
    assert wait is not None
    assert wait.awaited is WaitReason.EVIDENCE


def test_an_interaction_closed_without_an_answer_waits_for_nothing() -> None:
    closed = situation(InteractionState(status=Status.SENT))._replace(due=None)
    assert waiting_for(closed, WINDOWS, SOON) is None


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("awaited", WaitReason)
def test_every_wait_has_a_text_with_its_deadline_in_every_language(awaited: WaitReason, language: Language) -> None:
    assert "{until}" in SENTENCES[awaited][language]
