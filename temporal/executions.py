"""State of an interaction's workflow in Temporal, and why it makes no progress."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.status import InteractionState
from security.payload_codec import UndecryptableError

_LAST_EVENTS: Final = 12
"""Events that are read to find why a workflow makes no progress: each try of a failing step adds five."""

_TASK_TIMEOUT: Final = timedelta(seconds=30)
"""Time that a workflow task may wait for a worker before that is reported."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running workflow.

    Attributes:
        trouble: why it makes no progress; empty if no cause is seen.
    """

    trouble: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A completed workflow, and the state that it ended in."""

    state: InteractionState


@dataclass(frozen=True, slots=True)
class Lost:
    """A workflow that did not complete, or that Temporal does not know (any more)."""

    reason: str


UNKNOWN: Final = "Temporal does not know its workflow"

WorkflowState = Running | Ended | Lost


async def state_of(client: Client, workflow_id: str) -> WorkflowState:
    """Return the state of the latest run of a workflow."""
    description = await description_of(client, workflow_id)
    if description is None:
        return Lost(UNKNOWN)
    match description.status:
        case WorkflowExecutionStatus.RUNNING:
            return Running(await stuck_reason(client, description))
        case WorkflowExecutionStatus.COMPLETED:
            return Ended(await result_of(client, workflow_id, description.run_id))
        case _:
            return Lost(how_it_ended(description))


async def description_of(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    """Describe the latest run of a workflow of any kind; None if Temporal does not know it (any more)."""
    try:
        return await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def how_it_ended(description: WorkflowExecutionDescription) -> str:
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
        return f"a step fails again and again: {await _words(client, last.failure)}"
    return ""


async def _stuck_activity(client: Client, pending: PendingActivityInfo) -> str:
    reason = await _words(client, pending.last_failure) if pending.HasField("last_failure") else "no answer"
    return f"`{pending.activity_type.name}` is at attempt {pending.attempt}: {reason}"


async def _stuck_task(client: Client, task: PendingWorkflowTaskInfo, events: list[HistoryEvent]) -> str:
    if task.attempt > 1:
        failed = next((event for event in events if event.HasField("workflow_task_failed_event_attributes")), None)
        reason = await _words(client, failed.workflow_task_failed_event_attributes.failure) if failed else "no answer"
        return f"its task is at attempt {task.attempt}: {reason}"
    waited = datetime.now(UTC) - task.scheduled_time.ToDatetime(UTC)
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


async def _words(client: Client, failure: Failure) -> str:
    """Return the text of a failure and its causes, decoded by the payload codec."""
    kind = failure.application_failure_info.type
    try:
        error: BaseException | None = await client.data_converter.decode_failure(failure)
    except UndecryptableError as undecryptable:
        return f"{kind or 'a failure'}, which cannot be read: {undecryptable}"
    words: list[str] = []
    while error is not None:
        # The SDK puts the type before the message of most.
        words.append(str(error))
        error = error.__cause__
    return ": ".join(words)
