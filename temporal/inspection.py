"""State of an interaction's workflow in Temporal, as far as callers may see it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.identifiers import workflow_id
from domain.outcomes import cut
from security.payload_codec import UndecryptableError

_TIMEOUT: Final = timedelta(seconds=1)
"""Timeout of Temporal's answer; without it, the record alone is shown."""


_ORDINARY_ATTEMPTS: Final = 2
"""Attempts of a workflow task that show no failure of its code: the first one may have been on a killed worker."""


class WorkflowState(StrEnum):
    """State of an interaction's workflow."""

    RUNNING = "running"
    FAILING = "failing"
    ENDED = "ended"
    LOST = "lost"
    FORGOTTEN = "forgotten"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A pending dispatch activity.

    Attributes:
        number: number of the current or next attempt, from 1.
        is_under_way: whether a worker is running it.
        next_try: time of the next attempt, if it waits for one.
        last_failure: failure of the previous attempt.
    """

    number: int
    is_under_way: bool
    next_try: datetime | None
    last_failure: str | None


class WorkflowView(NamedTuple):
    """Temporal's view of an interaction's workflow.

    Attributes:
        attempt: the pending send, if there is one.
        failing_since: time since which its task keeps failing, so that it makes no progress; None if it does not fail.
    """

    state: WorkflowState
    attempt: Attempt | None = None
    failing_since: datetime | None = None


async def view_workflow(client: Client, interaction_id: str) -> WorkflowView:
    """Return Temporal's view of an interaction's workflow; `UNAVAILABLE` if Temporal does not answer in time."""
    handle = client.get_workflow_handle(workflow_id(interaction_id))
    try:
        description = await asyncio.wait_for(handle.describe(), _TIMEOUT.total_seconds())
        if description.status is not WorkflowExecutionStatus.RUNNING:
            ended = description.status is WorkflowExecutionStatus.COMPLETED
            return WorkflowView(WorkflowState.ENDED if ended else WorkflowState.LOST)
        sends, task = description.raw_description.pending_activities, description.raw_description.pending_workflow_task
        attempt = await _attempt(client, sends[0]) if sends else None
        if task.attempt > _ORDINARY_ATTEMPTS:
            return WorkflowView(WorkflowState.FAILING, attempt, _instant(task.original_scheduled_time))
        return WorkflowView(WorkflowState.RUNNING, attempt)
    except RPCError as error:
        is_forgotten = error.status is RPCStatusCode.NOT_FOUND
        return WorkflowView(WorkflowState.LOST if is_forgotten else WorkflowState.UNAVAILABLE)
    except TimeoutError:
        return WorkflowView(WorkflowState.UNAVAILABLE)


async def _attempt(client: Client, pending: PendingActivityInfo) -> Attempt:
    waits = pending.HasField("next_attempt_schedule_time") and pending.attempt > 1
    under_way = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    next_try = _instant(pending.next_attempt_schedule_time) if waits and not under_way else None
    return Attempt(pending.attempt, under_way, next_try, await _failure(client, pending))


async def _failure(client: Client, pending: PendingActivityInfo) -> str | None:
    """Return the text of the last attempt's failure, truncated; it contains no credentials."""
    if not pending.HasField("last_failure"):
        return None
    kind = pending.last_failure.application_failure_info.type
    try:
        words = str(await client.data_converter.decode_failure(pending.last_failure))
    except UndecryptableError:
        return kind or None
    return cut(words if not kind or words.startswith(kind) else f"{kind}: {words}")


def _instant(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)
