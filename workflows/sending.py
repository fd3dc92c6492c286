"""Sends a message through its provider from a workflow, and finds the outcome if the provider did not answer."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

from activities.interfaces import Dispatch, DispatchActivities, Held, sending_queue
from domain.identifiers import fairness_key
from domain.outcomes import OutcomeUnknown
from workflows.lifecycle import InteractionLifecycle
from workflows.messages import InteractionInput
from workflows.outcomes import CONFIRMED_BY_RECEIPT, Cancelled, Expired, Sending, outcome_of_failure

_TIMED_OUT_IN_FLIGHT: Final = ["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"]
"""Names of Temporal's server, in a retry policy, for an attempt that was lost
(`TimeoutFailureTypePrefix` in temporalio/temporal `common/`; checked by `tests/workflows/test_lost_attempt.py`)."""

_WORKER_SILENCE: Final = timedelta(seconds=10)
"""Time without a heartbeat after which the worker that was sending is considered dead."""


_SHORTEST: Final = timedelta(milliseconds=1)
"""Timeout of a send whose time is over: the server takes no negative one."""

REPEATED_AFTER: Final = (timedelta(seconds=1), timedelta(seconds=2))
"""Waits before each repetition of an unanswered send, if it may be repeated; after them only receipts decide."""


async def send(dispatch: Dispatch, start: InteractionInput, lifecycle: InteractionLifecycle) -> Sending | Held:
    """Send a message, and return its outcome, or why the gate holds it; a text if the provider never accepted it.

    Three things that happen meanwhile decide whether it is sent again:

    - A provider event shows that the provider accepted the message: an attempt under way may still bring its answer,
      and no other is made.
    - One of its users is erased: the message would go to fewer destinations than before, which a provider would not
      recognise as the same message, so that it is not repeated.
    - It is cancelled: an attempt under way may still bring its answer, and no other is made
      (docs/decisions/0019-cancelling.md).

    Args:
        dispatch: the message.
        start: the timeouts.
        lifecycle: the interaction.
    """
    deadline = workflow.now() + start.dispatch_deadline
    if dispatch.expires is not None and dispatch.expires < deadline:
        outcome = await _send_until(dispatch, start, dispatch.expires, lifecycle)
        return Expired(dispatch.expires) if isinstance(outcome, str) else outcome
    return await _send_until(dispatch, start, deadline, lifecycle)


async def _send_until(
    dispatch: Dispatch, start: InteractionInput, deadline: datetime, lifecycle: InteractionLifecycle
) -> Sending | Held:
    outcome = await _send_once(dispatch, start, deadline, lifecycle)
    for wait in REPEATED_AFTER:
        if not (dispatch.repeatable and isinstance(outcome, OutcomeUnknown)):
            return outcome
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: lifecycle.cancelled_by is not None or lifecycle.is_erased,
                timeout=wait,
                timeout_summary="before sending again",
            )
        if lifecycle.cancelled_by is not None or lifecycle.is_erased or workflow.now() >= deadline:
            return outcome
        repeated = await _send_once(dispatch, start, deadline, lifecycle)
        # A repetition that was not accepted says nothing about the sends before it.
        outcome = outcome if isinstance(repeated, Cancelled | Held | str) else repeated
    return outcome


async def _send_once(
    dispatch: Dispatch, start: InteractionInput, deadline: datetime, lifecycle: InteractionLifecycle
) -> Sending | Held:
    """Send a message once; attempts are retried only while the provider certainly did not accept it."""
    if lifecycle.cancelled_by is not None:
        return Cancelled(lifecycle.cancelled_by)
    sending = workflow.start_activity_method(
        DispatchActivities.dispatch,
        dispatch,
        task_queue=sending_queue(workflow.info().task_queue, dispatch.provider),
        priority=Priority(fairness_key=fairness_key(dispatch.tenant)),
        start_to_close_timeout=start.dispatch_timeout,
        heartbeat_timeout=_WORKER_SILENCE,
        schedule_to_close_timeout=max(deadline - workflow.now(), _SHORTEST),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(minutes=1),
            non_retryable_error_types=_TIMED_OUT_IN_FLIGHT,
        ),
        # The workflow needs the result of a cancelled attempt: it ended before it began, or with its answer.
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"send through the provider ({dispatch.provider})",
    )
    await workflow.wait_condition(
        lambda: sending.done() or lifecycle.is_confirmed_by_receipt or lifecycle.cancelled_by is not None
    )
    if lifecycle.cancelled_by is not None and not sending.done():
        sending.cancel()
        await workflow.wait_condition(lambda: sending.done() or lifecycle.is_confirmed_by_receipt)
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
        if isinstance(outcome, OutcomeUnknown) and lifecycle.is_confirmed_by_receipt:
            return CONFIRMED_BY_RECEIPT
        note = lifecycle.cancelled_by
        return Cancelled(note) if note is not None and isinstance(outcome, str) else outcome
