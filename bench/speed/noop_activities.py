"""The baseline *steps*: Iris's own workflow, started and signalled as usual, whose activities do nothing.

Its figures are the ceiling for any Iris with these durable steps, however cheap its API and database.
"""

from collections.abc import Callable, Sequence
from typing import Final

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker
from typing_extensions import override

from activities.interfaces import (
    AdmissionActivities,
    AdmitInput,
    AdmitResult,
    Dispatch,
    DispatchActivities,
    Recall,
    Record,
    RecordActivities,
    RecordStepInput,
    Search,
    sending_queue,
)
from domain.interaction import DispatchPolicy
from domain.outcomes import Accepted
from domain.strategy.recall import RecallResult
from providers.sandbox import Sandbox
from settings import Settings
from workflows.interaction import InteractionWorkflow

STEPS_QUEUE: Final = "bench-steps"


class NoAdmission(AdmissionActivities):
    """Admits every request."""

    @override
    @activity.defn
    async def admit(self, admit_input: AdmitInput) -> AdmitResult:
        policy = DispatchPolicy(repeatable=False, reports_delivery=True, reports_reads=True, finds_sent=False)
        return AdmitResult(interaction=admit_input.submission.registered(), policy=policy)


class NoDispatch(DispatchActivities):
    """Accepts every message."""

    @override
    @activity.defn
    async def dispatch(self, dispatch: Dispatch) -> Accepted:
        return Accepted(provider_message_id=dispatch.interaction_id, provider_status="queued")

    @override
    @activity.defn
    async def find_sent(self, search: Search) -> None:
        return None

    @override
    @activity.defn
    async def recall(self, recall: Recall) -> RecallResult:
        """Take nothing back."""
        del recall
        return RecallResult.NOT_RECALLED


class NoRecord(RecordActivities):
    """Stores nothing."""

    @override
    @activity.defn
    async def record(self, change: RecordStepInput) -> None:
        return None

    @override
    @activity.defn
    async def load(self, interaction_id: str) -> Record | None:
        return None


def workflow_worker(
    client: Client,
    settings: Settings,
    task_queue: str,
    workflows: Sequence[type],
    activities: Sequence[Callable[..., object]],
) -> Worker:
    """Create a workflow worker with the settings of Iris's own."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=activities,
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        max_cached_workflows=settings.max_cached_workflows,
    )


def create_workers(client: Client, settings: Settings) -> Sequence[Worker]:
    """Create the workers of this baseline."""
    record, dispatch = NoRecord(), NoDispatch()
    activities = [NoAdmission().admit, record.record, record.load]
    return (
        workflow_worker(client, settings, STEPS_QUEUE, [InteractionWorkflow], activities),
        Worker(
            client,
            task_queue=sending_queue(STEPS_QUEUE, Sandbox.name),
            activities=[dispatch.dispatch, dispatch.find_sent],
            activity_task_poller_behavior=PollerBehaviorAutoscaling(initial=1),
        ),
    )
