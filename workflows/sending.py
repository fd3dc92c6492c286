"""Sends a message through its provider from a workflow, and finds the outcome if the provider did not answer."""

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
"""Names of Temporal's server, in a retry policy, for an attempt that was lost
(`TimeoutFailureTypePrefix` in temporalio/temporal `common/`; checked by `tests/workflows/test_lost_attempt.py`)."""

_WORKER_SILENCE: Final = timedelta(seconds=10)
"""Time without a heartbeat after which the worker that was sending is considered dead."""


REPEATED_AFTER: Final = (timedelta(seconds=1), timedelta(seconds=2))
"""Waits before each repetition of an unanswered send, if it may be repeated; after them only receipts decide."""

WhoCancelled = Callable[[], Note | None]
"""Returns the note on who cancelled the interaction; None if it is not cancelled."""


async def send(
    dispatch: Dispatch,
    start: InteractionInput,
    is_confirmed: Callable[[], bool],
    is_erased: Callable[[], bool],
    who_cancelled: WhoCancelled,
) -> Sending:
    """Send a message, and return its outcome; a text if the provider never accepted it.

    Args:
        dispatch: the message.
        start: the timeouts.
        is_confirmed: whether a provider event shows that the provider accepted the message: an attempt under way may
            still bring its answer, and no other is made.
        is_erased: whether one of its users is erased: the message would go to fewer destinations than before, which a
            provider would not recognise as the same message, so that it is not repeated.
        who_cancelled: who cancelled it: an attempt that is under way may still bring its answer, and no other is made
            (docs/decisions/0019-cancelling.md).
    """
    deadline = workflow.now() + start.dispatch_deadline
    outcome = await _send_once(dispatch, start, deadline, is_confirmed, who_cancelled)
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
        repeated = await _send_once(dispatch, start, deadline, is_confirmed, who_cancelled)
        # A repetition that was not accepted says nothing about the sends before it.
        outcome = outcome if isinstance(repeated, Cancelled | str) else repeated
    return outcome


async def _send_once(
    dispatch: Dispatch,
    start: InteractionInput,
    deadline: datetime,
    is_confirmed: Callable[[], bool],
    who_cancelled: WhoCancelled,
) -> Sending:
    """Send a message once; attempts are retried only while the provider certainly did not accept it."""
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
        # The workflow needs the result of a cancelled attempt: it ended before it began, or with its answer.
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"send through the provider ({dispatch.provider})",
    )
    await workflow.wait_condition(lambda: sending.done() or is_confirmed() or who_cancelled() is not None)
    if who_cancelled() is not None and not sending.done():
        sending.cancel()
        await workflow.wait_condition(lambda: sending.done() or is_confirmed())
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
        if isinstance(outcome, OutcomeUnknown) and is_confirmed():
            return CONFIRMED_BY_RECEIPT
        note = who_cancelled()
        return Cancelled(note) if note is not None and isinstance(outcome, str) else outcome
