"""Handing a message to its provider, from a workflow: what was answered, or what else tells what became of it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

from activities.interfaces import Dispatch, DispatchActivities, sending_queue
from workflows.messages import InteractionInput
from workflows.outcomes import PROVEN, Sending, outcome_of_failure

_TIMED_OUT_IN_FLIGHT: Final = ["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"]
"""How Temporal's server names, in a retry policy, an attempt that never came back
(`TimeoutFailureTypePrefix` in temporalio/temporal `common/`; checked by `tests/workflows/test_lost_attempt.py`)."""

_WORKER_SILENCE: Final = timedelta(seconds=10)
"""After so long without a sign of life, the worker that was sending is taken for dead."""


async def send(dispatch: Dispatch, start: InteractionInput, is_proven: Callable[[], bool]) -> Sending:
    """What the provider answered; a text if it surely never took the message.

    Args:
        dispatch: the message.
        start: how long it may take.
        is_proven: whether the provider's news tell that it took the message: then an attempt that is under way may
            still bring its answer, and none is made after it.
    """
    sending = workflow.start_activity_method(
        DispatchActivities.dispatch,
        dispatch,
        task_queue=sending_queue(workflow.info().task_queue, dispatch.provider),
        priority=Priority(fairness_key=dispatch.tenant),
        start_to_close_timeout=start.dispatch_timeout,
        heartbeat_timeout=_WORKER_SILENCE,
        schedule_to_close_timeout=start.dispatch_deadline,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(minutes=1),
            non_retryable_error_types=[] if dispatch.repeatable else _TIMED_OUT_IN_FLIGHT,
        ),
        summary="hand it to the provider",
    )
    await workflow.wait_condition(lambda: sending.done() or is_proven())
    if not sending.done() and workflow.patched("believe-news-before-the-answer"):
        with suppress(TimeoutError):
            await workflow.wait_condition(
                sending.done, timeout=start.dispatch_timeout, timeout_summary="the provider's own answer"
            )
        if not sending.done():
            sending.cancel()
            return PROVEN
    try:
        return await sending
    except ActivityError as error:
        return outcome_of_failure(error, repeatable=dispatch.repeatable)
