"""Handing a message to its provider, from a workflow: what was answered, or what else tells what became of it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

from activities.interfaces import Dispatch, DispatchActivities, sending_queue
from domain.notes import Note
from domain.outcomes import OutcomeUnknown
from workflows.messages import InteractionInput
from workflows.outcomes import CONFIRMED_BY_RECEIPT, Cancelled, Sending, outcome_of_failure

_TIMED_OUT_IN_FLIGHT: Final = ["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"]
"""How Temporal's server names, in a retry policy, an attempt that never came back
(`TimeoutFailureTypePrefix` in temporalio/temporal `common/`; checked by `tests/workflows/test_lost_attempt.py`)."""

_WORKER_SILENCE: Final = timedelta(seconds=10)
"""After so long without a sign of life, the worker that was sending is taken for dead."""


REPEATED_AFTER: Final = (timedelta(seconds=1), timedelta(seconds=2))
"""The waits before each repetition of a send that nobody answered, where it may be repeated; then its receipts tell."""

WhoCancelled = Callable[[], Note | None]
"""Who has cancelled the interaction, if anybody has."""


async def send(
    dispatch: Dispatch,
    start: InteractionInput,
    is_proven: Callable[[], bool],
    is_erased: Callable[[], bool],
    who_cancelled: WhoCancelled,
) -> Sending:
    """What the provider answered; a text if it surely never took the message.

    Args:
        dispatch: the message.
        start: how long it may take.
        is_proven: whether the provider's news tell that it took the message: then an attempt that is under way may
            still bring its answer, and none is made after it.
        is_erased: whether a user of it is: it would go to fewer than before, which a provider would not take for the
            same, so that it is not repeated.
        who_cancelled: by whom it is cancelled: then too an attempt that is under way may still bring its answer, and
            none is made after it (docs/decisions/0019-cancelling.md).
    """
    deadline = workflow.now() + start.dispatch_deadline
    outcome = await _send_once(dispatch, start, deadline, is_proven, who_cancelled)
    for wait in REPEATED_AFTER:
        if not (dispatch.repeatable and isinstance(outcome, OutcomeUnknown)):
            return outcome
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: who_cancelled() is not None or is_erased(),
                timeout=wait,
                timeout_summary="before sending again",
            )
        if who_cancelled() is not None or is_erased() or workflow.now() >= deadline:
            return outcome
        repeated = await _send_once(dispatch, start, deadline, is_proven, who_cancelled)
        # That this one was surely not taken says nothing of those before it.
        outcome = outcome if isinstance(repeated, Cancelled | str) else repeated
    return outcome


async def _send_once(
    dispatch: Dispatch,
    start: InteractionInput,
    deadline: datetime,
    is_proven: Callable[[], bool],
    who_cancelled: WhoCancelled,
) -> Sending:
    """What came of a send that is tried again only while the provider surely did not take the message."""
    note = who_cancelled()
    if note is not None:
        return Cancelled(note)
    sending = workflow.start_activity_method(
        DispatchActivities.dispatch,
        dispatch,
        task_queue=sending_queue(workflow.info().task_queue, dispatch.provider),
        priority=Priority(fairness_key=dispatch.tenant),
        start_to_close_timeout=start.dispatch_timeout,
        heartbeat_timeout=_WORKER_SILENCE,
        schedule_to_close_timeout=deadline - workflow.now(),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(minutes=1),
            non_retryable_error_types=_TIMED_OUT_IN_FLIGHT,
        ),
        # What is cancelled has ended when this says so: before it began, or with its answer.
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"send through the provider ({dispatch.provider})",
    )
    await workflow.wait_condition(lambda: sending.done() or is_proven() or who_cancelled() is not None)
    if who_cancelled() is not None and not sending.done():
        sending.cancel()
        await workflow.wait_condition(lambda: sending.done() or is_proven())
    if not sending.done():
        with suppress(TimeoutError):
            await workflow.wait_condition(
                sending.done, timeout=start.dispatch_timeout, timeout_summary="wait for the provider's own answer"
            )
        if not sending.done():
            sending.cancel()
            return CONFIRMED_BY_RECEIPT
    try:
        return await sending
    except ActivityError as error:
        outcome = outcome_of_failure(error)
        if isinstance(outcome, OutcomeUnknown) and is_proven():
            return CONFIRMED_BY_RECEIPT
        note = who_cancelled()
        return Cancelled(note) if note is not None and isinstance(outcome, str) else outcome
