"""When MongoDB and Temporal are compared: every so often by a schedule, and when somebody asks (`iris doctor`)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

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
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError

from domain.identifiers import new_id
from security.payload_codec import UndecryptableError
from settings import Settings
from workflows.messages import ReconciliationInput, Report
from workflows.reconciliation import ReconciliationWorkflow

ASKED_FOR: Final = 5_000
"""How many of those that may well be right each comparison looks at when somebody waits for it."""

_CATCH_UP: Final = timedelta(minutes=1)
"""A comparison that was missed for longer is not made up for: the next one finds the same."""

_LONGEST: Final = timedelta(minutes=30)
"""How long somebody may have to wait."""

_TURN: Final = 0.5
"""Seconds between two looks at how far a comparison is."""


def schedule_id(settings: Settings) -> str:
    """The id of the schedule of a product's reconciliation."""
    return f"{settings.task_queue}-reconciliation"


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


async def reconcile(
    client: Client, settings: Settings, start: ReconciliationInput, told: Callable[[Report], None]
) -> Report:
    """Compare now, tell every now and then what is found so far, and answer what was found in the end."""
    handle = await client.start_workflow(
        ReconciliationWorkflow.run,
        start,
        id=f"{schedule_id(settings)}-{new_id()}",
        task_queue=settings.task_queue,
        execution_timeout=_LONGEST,
        static_summary="asked for",
    )
    waiting = asyncio.create_task(handle.result())
    while not waiting.done():
        await asyncio.wait({waiting}, timeout=_TURN)
        with suppress(RPCError, UndecryptableError, WorkflowQueryFailedError):
            told(await handle.query(ReconciliationWorkflow.progress))
    return await waiting


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
