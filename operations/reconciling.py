"""When MongoDB and Temporal are compared: every so often by a schedule, and when somebody asks (`iris doctor`)."""

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

from activities.workflow_states import trouble_of
from domain.identifiers import new_id
from security.payload_codec import UndecryptableError
from settings import Settings
from workflows.messages import ReconciliationInput, Report
from workflows.reconciliation import ReconciliationWorkflow

ASKED_FOR: Final = 5_000
"""How many of those that may well be right each comparison looks at when somebody waits for it."""

_CATCH_UP: Final = timedelta(minutes=1)
"""A comparison that was missed for longer is not made up for: the next one finds the same."""

_MAX_LENGTH: Final = timedelta(minutes=30)
"""How long somebody may have to wait."""

_NO_SCHEDULES: Final = {RPCStatusCode.NOT_FOUND, RPCStatusCode.UNIMPLEMENTED}
"""How a server says that it has no such schedule, or, as the time-skipping one, none at all."""

_EVENTS_OF_A_FIRST_TASK: Final = 3
"""Events of a run whose first task is under way: it started, and its task was scheduled and started."""

_FIRST_TASK_TIMEOUT: Final = 5.0
"""Seconds after which a comparison whose task fails, or that no worker takes, is terminated."""

_TURN: Final = 0.5
"""Seconds between two looks at how far a comparison is."""


def schedule_id(settings: Settings) -> str:
    """The id of the schedule of a product's reconciliation."""
    return f"{settings.task_queue}-reconciliation"


async def check_payload_keys(client: Client, settings: Settings) -> None:
    """Decode what the worker that started last wrote into the schedule; without a schedule, there is nothing to decode.

    Raises:
        UndecryptableError: if this client lacks the worker's payload key, so that it could read none of its answers.
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
    """Let Temporal start the reconciliation every so often; where it does, let it do so as the settings say now.

    Raises:
        temporalio.service.RPCError: if Temporal does not take it.
    """
    schedule = _schedule(settings)

    def renewed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        # Whether somebody paused it is that person's business.
        schedule.state = known.description.schedule.state
        return ScheduleUpdate(schedule)

    try:
        await client.create_schedule(schedule_id(settings), schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(schedule_id(settings)).update(renewed)


class NotBegunError(Exception):
    """A comparison that no worker could begin; its run is terminated."""


async def reconcile(
    client: Client, settings: Settings, start: ReconciliationInput, told: Callable[[Report], None]
) -> Report:
    """Compare now, tell every now and then what is found so far, and answer what was found in the end.

    Raises:
        NotBegunError: if no worker begins it in time, as where the workers lack this client's payload key.
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
                    told(await handle.query(ReconciliationWorkflow.progress))
        return await waiting
    finally:
        waiting.cancel()


async def _begun_or_terminated(
    client: Client, handle: WorkflowHandle[ReconciliationWorkflow, Report], give_up: float
) -> float | None:
    """None once a worker has begun the run; else when that is waited for no longer.

    Raises:
        NotBegunError: if its first task fails, or waits for too long; the run is terminated.
    """
    description = await handle.describe()
    task = description.raw_description.pending_workflow_task
    if description.history_length > _EVENTS_OF_A_FIRST_TASK and task.attempt <= 1:
        return None
    if task.attempt <= 1 and time.monotonic() < give_up:
        return give_up
    reason = await trouble_of(client, description) or "no worker takes it"
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
