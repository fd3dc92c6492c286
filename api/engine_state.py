"""How the workflow engine sees an interaction's workflow, as far as a caller may know."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.identifiers import workflow_id
from domain.outcomes import cut
from security.payload_codec import UndecryptableError

_PATIENCE: Final = timedelta(seconds=1)
"""How long Temporal is given: the record alone explains most."""


class WorkflowState(StrEnum):
    """What became of an interaction's workflow."""

    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A send that Temporal knows to be going on.

    Attributes:
        number: which attempt is going on or comes next, from 1.
        is_under_way: whether a worker has it.
        next_try: when it is tried again, if it waits for that.
        last_failure: why the one before failed.
    """

    number: int
    is_under_way: bool
    next_try: datetime | None
    last_failure: str | None


async def state_and_attempt(client: Client, interaction_id: str) -> tuple[WorkflowState, Attempt | None]:
    """What Temporal says of an interaction's workflow, and of the send that is going on; it may say nothing."""
    handle = client.get_workflow_handle(workflow_id(interaction_id))
    try:
        description = await asyncio.wait_for(handle.describe(), _PATIENCE.total_seconds())
        if description.status is not WorkflowExecutionStatus.RUNNING:
            ended = description.status is WorkflowExecutionStatus.COMPLETED
            return (WorkflowState.ENDED if ended else WorkflowState.LOST), None
        sends = description.raw_description.pending_activities
        return WorkflowState.RUNNING, await _attempt(client, sends[0]) if sends else None
    except RPCError as error:
        is_forgotten = error.status is RPCStatusCode.NOT_FOUND
        return (WorkflowState.LOST if is_forgotten else WorkflowState.UNAVAILABLE), None
    except TimeoutError:
        return WorkflowState.UNAVAILABLE, None


async def _attempt(client: Client, pending: PendingActivityInfo) -> Attempt:
    waits = pending.HasField("next_attempt_schedule_time") and pending.attempt > 1
    under_way = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    next_try = _instant(pending.next_attempt_schedule_time) if waits and not under_way else None
    return Attempt(pending.attempt, under_way, next_try, await _failure(client, pending))


async def _failure(client: Client, pending: PendingActivityInfo) -> str | None:
    """Why the last attempt failed: our own words, cut, in which credentials are hidden already."""
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
