"""Replay of a server's workflows against the code of this checkout, before deployment."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.converter import DefaultFailureConverter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowReplayResult

from activities.notification_interfaces import notification_task_queue
from temporal.worker_versions import UNVERSIONED
from workflows.registry import WORKFLOWS

ADVICE: Final = (
    "The workflow no longer takes the steps of a run that may be open in production. Keep the old steps behind "
    "`workflow.patched(...)`, or give the workflow a new version (docs/deploying.md); record histories anew "
    "(`make histories`) only for what the change is meant to change."
)
"""Advice for a history that fails to replay."""

LANES: Final = 4
"""Number of workflows fetched and replayed concurrently; replaying itself uses one core."""

MAX_FAILURES: Final = 100
"""Maximum number of failures kept; all are counted."""

MAX_REASON_LENGTH: Final = 500
"""Maximum characters of a failure's reason."""

_MESSAGE: Final = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
_CONTENT: Final = re.compile(r", input_value=.*?(?=, input_type=)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Failure:
    """A workflow that this code cannot continue, and the reason."""

    workflow_id: str
    run_id: str
    reason: str


@dataclass(slots=True)
class Summary:
    """Result of a replay: the number of workflows and of failures, and the first failures."""

    replayed: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])

    def add(self, result: WorkflowReplayResult) -> None:
        """Count one workflow."""
        self.replayed += 1
        if result.replay_failure is None:
            return
        self.failed += 1
        if len(self.failures) < MAX_FAILURES:
            reason = reason_of(result.replay_failure)
            self.failures.append(Failure(result.history.workflow_id, result.history.run_id, reason))


def reason_of(failure: Exception) -> str:
    """Readable reason of a replay failure, without user content.

    For failures of workflow code the SDK prints the whole Rust structure, and pydantic the input that it could not
    parse.
    """
    messages = [match.replace("\\n", "\n") for match in _MESSAGE.findall(str(failure))]
    return _CONTENT.sub("", ": ".join(messages) or str(failure))[:MAX_REASON_LENGTH]


def open_workflows(task_queue: str) -> str:
    """Visibility query for the workflows that a deployment must continue, also of types that the code lacks."""
    return f"TaskQueue IN ('{task_queue}', '{notification_task_queue(task_queue)}') AND ExecutionStatus = 'Running'"


def replayer(client: Client, workflows: tuple[type, ...] = WORKFLOWS) -> Replayer:
    """A replayer configured like a worker; without the sandbox, as in production (`docs/decisions/0006`)."""
    quiet = TelemetryConfig(
        logging=LoggingConfig(filter="OFF")
    )  # Otherwise it goes to the standard output, among answers.
    return Replayer(
        runtime=Runtime(telemetry=quiet),
        workflows=workflows,
        # Failures are shown here and stored nowhere; encrypted, they could not be read.
        data_converter=dataclasses.replace(client.data_converter, failure_converter_class=DefaultFailureConverter),
        namespace=client.namespace,
        workflow_runner=UnsandboxedWorkflowRunner(),
        build_id=UNVERSIONED,
    )


async def replay(
    client: Client,
    query: str,
    *,
    limit: int | None = None,
    replayer: Replayer,
    on_progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Replay the results of a visibility query, a few at a time, without keeping them.

    Raises:
        temporalio.service.RPCError: if the server does not answer, or rejects the query.
    """
    executions, summary, turn = client.list_workflows(query, limit=limit), Summary(), asyncio.Lock()

    async def lane() -> None:
        async with replayer.workflow_replay_iterator(_histories(client, executions, turn)) as results:
            async for result in results:
                summary.add(result)
                on_progress(summary)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(LANES):
            tasks.create_task(lane())
    return summary


async def _histories(
    client: Client, executions: AsyncIterator[WorkflowExecution], turn: asyncio.Lock
) -> AsyncIterator[WorkflowHistory]:
    """Histories of the executions that no other task has taken."""
    while True:
        async with turn:
            execution = await anext(executions, None)
        if execution is None:
            return
        try:
            yield await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            # It ended and was deleted after it was listed.
