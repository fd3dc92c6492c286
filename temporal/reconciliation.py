"""Comparison of MongoDB and Temporal, on a schedule and on demand (`iris doctor`)."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.identifiers import new_id
from security.payload_codec import UndecryptableError
from settings import Settings
from temporal.inspection import stuck_reason
from workflows.messages import ReconciliationInput, Report
from workflows.reconciliation import ReconciliationWorkflow

ASKED_FOR: Final = 5_000
"""Number of presumably correct records that each comparison on demand samples."""

_CATCH_UP: Final = timedelta(minutes=1)
"""Catch-up window: a comparison missed for longer is skipped, since the next one finds the same."""

_MAX_LENGTH: Final = timedelta(minutes=30)
"""Maximum duration of a comparison on demand."""

_NO_SCHEDULES: Final = {RPCStatusCode.NOT_FOUND, RPCStatusCode.UNIMPLEMENTED}
"""How a server reports that it has no such schedule, or, like the time-skipping one, none at all."""

_EVENTS_OF_A_FIRST_TASK: Final = 3
"""Number of history events of a run whose first task is in progress: workflow started, task scheduled, task started."""

_FIRST_TASK_TIMEOUT: Final = 5.0
"""Seconds after which a comparison whose task fails, or that no worker takes, is terminated."""

_TURN: Final = 0.5
"""Seconds between two progress queries of a comparison."""


def schedule_id(settings: Settings) -> str:
    """The schedule id of a product's reconciliation."""
    return f"{settings.task_queue}-reconciliation"


async def check_payload_keys(client: Client, settings: Settings) -> None:
    """Decode the schedule that the most recently started worker wrote; without a schedule, there is nothing to decode.

    Raises:
        UndecryptableError: if this client lacks the worker's payload key, and so could read none of its answers.
        RPCError: if Temporal does not answer.
    """
    try:
        description = await client.get_schedule_handle(schedule_id(settings)).describe()
    except RPCError as error:
        if error.status not in _NO_SCHEDULES:
            raise
        return
    action = description.schedule.action
    if isinstance(action, ScheduleActionStartWorkflow):
        await client.data_converter.decode([arg for arg in action.args if isinstance(arg, Payload)])


async def ensure_schedule(client: Client, settings: Settings) -> None:
    """Create or update the schedule of the reconciliation from the settings.

    Raises:
        temporalio.service.RPCError: if Temporal rejects it.
    """
    schedule = _schedule(settings)

    def renewed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        # The pause state belongs to the person who set it.
        schedule.state = known.description.schedule.state
        return ScheduleUpdate(schedule)

    try:
        await client.create_schedule(schedule_id(settings), schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id(settings)).update(renewed)


class NotBegunError(Exception):
    """No worker could start a comparison; its run is terminated."""


async def reconcile(
    client: Client, settings: Settings, start: ReconciliationInput, on_progress: Callable[[Report], None]
) -> Report:
    """Compare now, report progress regularly, and return the final result.

    Raises:
        NotBegunError: if no worker starts it in time, for example because the workers lack this client's payload key.
    """
    handle = await client.start_workflow(
        ReconciliationWorkflow.run,
        start,
        id=f"{schedule_id(settings)}-{new_id()}",
        task_queue=settings.task_queue,
        execution_timeout=_MAX_LENGTH,
        static_summary="asked for",
    )
    waiting = asyncio.create_task(handle.result())
    give_up: float | None = time.monotonic() + _FIRST_TASK_TIMEOUT
    try:
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=_TURN)
            if give_up is not None:
                give_up = await _begun_or_terminated(client, handle, give_up)
            else:
                with suppress(RPCError, UndecryptableError, WorkflowQueryFailedError):
                    on_progress(await handle.query(ReconciliationWorkflow.progress))
        return await waiting
    finally:
        waiting.cancel()


async def _begun_or_terminated(
    client: Client, handle: WorkflowHandle[ReconciliationWorkflow, Report], give_up: float
) -> float | None:
    """Wait until a worker has started the run; otherwise terminate it.

    Raises:
        NotBegunError: if its first task fails or waits for too long; the run is terminated.
    """
    description = await handle.describe()
    task = description.raw_description.pending_workflow_task
    if description.history_length > _EVENTS_OF_A_FIRST_TASK and task.attempt <= 1:
        return None
    if task.attempt <= 1 and time.monotonic() < give_up:
        return give_up
    reason = await stuck_reason(client, description) or "no worker takes it"
    await handle.terminate(reason="no worker could begin it")
    raise NotBegunError(reason)


def _schedule(settings: Settings) -> Schedule:
    action = ScheduleActionStartWorkflow(
        ReconciliationWorkflow.run,
        ReconciliationInput(),
        id=f"{schedule_id(settings)}-run",
        task_queue=settings.task_queue,
        static_summary="compare MongoDB and Temporal",
    )
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=settings.reconciliation_interval)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )
