"""State of a workflow in Temporal, why it makes no progress, and what callers may see of it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.identifiers import workflow_id
from domain.outcomes import cut
from domain.status import InteractionState
from security.payload_codec import UndecryptableError

_VIEW_TIMEOUT: Final = timedelta(seconds=1)
"""Timeout of Temporal's answer to a caller; without it, the record alone is shown."""

_ORDINARY_ATTEMPTS: Final = 2
"""Attempts of a workflow task that show no failure of its code: the first one may have been on a killed worker."""

_LAST_EVENTS: Final = 12
"""Events that are read to find why a workflow makes no progress: each try of a failing step adds five."""

_TASK_TIMEOUT: Final = timedelta(seconds=30)
"""Time that a workflow task may wait for a worker before that is reported."""

UNKNOWN: Final = "Temporal does not know its workflow"


class WorkflowState(StrEnum):
    """State of an interaction's workflow."""

    RUNNING = "running"
    FAILING = "failing"
    ENDED = "ended"
    LOST = "lost"
    PARKED = "parked"
    EXPIRED = "expired"
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


@dataclass(frozen=True, slots=True)
class Running:
    """A running workflow.

    Attributes:
        problem: why it makes no progress; empty if no cause is seen.
    """

    problem: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A completed workflow, and the state that it ended in."""

    state: InteractionState


@dataclass(frozen=True, slots=True)
class Lost:
    """A workflow that did not complete, or that Temporal does not know (any more)."""

    reason: str


RunState = Running | Ended | Lost


async def view_workflow(client: Client, interaction_id: str) -> WorkflowView:
    """Return Temporal's view of an interaction's workflow; `UNAVAILABLE` if Temporal does not answer in time."""
    try:
        description = await asyncio.wait_for(
            find_workflow(client, workflow_id(interaction_id)), _VIEW_TIMEOUT.total_seconds()
        )
        if description is None:
            return WorkflowView(WorkflowState.LOST)
        if description.status is not WorkflowExecutionStatus.RUNNING:
            ended = description.status is WorkflowExecutionStatus.COMPLETED
            return WorkflowView(WorkflowState.ENDED if ended else WorkflowState.LOST)
        sends, task = description.raw_description.pending_activities, description.raw_description.pending_workflow_task
        attempt = await _attempt(client, sends[0]) if sends else None
        if task.attempt > _ORDINARY_ATTEMPTS:
            return WorkflowView(WorkflowState.FAILING, attempt, _instant(task.original_scheduled_time))
        return WorkflowView(WorkflowState.RUNNING, attempt)
    except (RPCError, TimeoutError):
        return WorkflowView(WorkflowState.UNAVAILABLE)


async def state_of(client: Client, workflow_id: str) -> RunState:
    """Return the state of the latest run of a workflow."""
    description = await find_workflow(client, workflow_id)
    if description is None:
        return Lost(UNKNOWN)
    match description.status:
        case WorkflowExecutionStatus.RUNNING:
            return Running(await stuck_reason(client, description))
        case WorkflowExecutionStatus.COMPLETED:
            return Ended(await result_of(client, workflow_id, description.run_id))
        case _:
            return Lost(end_of(description))


async def find_workflow(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    """Describe the latest run of a workflow of any kind; None if Temporal does not know it (any more)."""
    try:
        return await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def end_of(description: WorkflowExecutionDescription) -> str:
    """Describe how a workflow ended, as text."""
    status = description.status
    return f"its workflow was {status.name.lower().replace('_', ' ')}" if status else ""


async def result_of(client: Client, workflow_id: str, run_id: str) -> InteractionState:
    """Return the state of the interaction with which a run completed."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id, result_type=InteractionState)
    return await handle.result(follow_runs=False)


async def stuck_reason(client: Client, description: WorkflowExecutionDescription) -> str:
    """Return why a running workflow makes no progress; empty if no cause is seen."""
    raw = description.raw_description
    for pending in raw.pending_activities:
        if pending.attempt > 1:
            return await _stuck_activity(client, pending)
    events = await _last_events(client, description)
    if raw.HasField("pending_workflow_task"):
        return await _stuck_task(client, raw.pending_workflow_task, events)
    # A failing step on our database waits for its next try in a timer; only its last marker shows the failure.
    steps = (event.marker_recorded_event_attributes for event in events if _is_step(event))
    last = next(steps, None)
    if last is not None and last.HasField("failure"):
        return f"a step fails again and again: {await _text(client, last.failure)}"
    return ""


async def _attempt(client: Client, pending: PendingActivityInfo) -> Attempt:
    waits = pending.HasField("next_attempt_schedule_time") and pending.attempt > 1
    under_way = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    next_try = _instant(pending.next_attempt_schedule_time) if waits and not under_way else None
    failure = await _messages(client, pending.last_failure) if pending.HasField("last_failure") else []
    # The first message contains no credentials.
    return Attempt(pending.attempt, under_way, next_try, cut(failure[0]) if failure else None)


async def _stuck_activity(client: Client, pending: PendingActivityInfo) -> str:
    reason = await _text(client, pending.last_failure) if pending.HasField("last_failure") else "no answer"
    return f"`{pending.activity_type.name}` is at attempt {pending.attempt}: {reason}"


async def _stuck_task(client: Client, task: PendingWorkflowTaskInfo, events: list[HistoryEvent]) -> str:
    if task.attempt > 1:
        failed = next((event for event in events if event.HasField("workflow_task_failed_event_attributes")), None)
        reason = await _text(client, failed.workflow_task_failed_event_attributes.failure) if failed else "no answer"
        return f"its task is at attempt {task.attempt}: {reason}"
    waited = datetime.now(UTC) - _instant(task.scheduled_time)
    if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED and waited > _TASK_TIMEOUT:
        return f"no worker takes its task since {waited.total_seconds():.0f} seconds"
    return ""


async def _last_events(client: Client, description: WorkflowExecutionDescription) -> list[HistoryEvent]:
    """Return the last events of a run, newest first."""
    answer = await client.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
            maximum_page_size=_LAST_EVENTS,
        )
    )
    return list(answer.history.events)


def _is_step(event: HistoryEvent) -> bool:
    """Whether an event is the marker of a local activity (the SDK's core names it so)."""
    return event.marker_recorded_event_attributes.marker_name == "core_local_activity"


async def _text(client: Client, failure: Failure) -> str:
    return ": ".join(await _messages(client, failure))


async def _messages(client: Client, failure: Failure) -> list[str]:
    """Return the messages of a failure and its causes, outermost first, decoded by the payload codec."""
    kind = failure.application_failure_info.type
    try:
        error: BaseException | None = await client.data_converter.decode_failure(failure)
    except UndecryptableError as undecryptable:
        return [kind or "a failure", f"its message cannot be decrypted: {undecryptable}"]
    messages: list[str] = []
    while error is not None:
        messages.append(str(error))
        error = error.__cause__
    # The SDK puts the type before the message of most failures.
    if kind and not messages[0].startswith(kind):
        messages[0] = f"{kind}: {messages[0]}"
    return messages


def _instant(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)
