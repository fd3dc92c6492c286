"""Starts and signals the workflows of runs of strategies."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import (
    Priority,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.clock import utc_now
from domain.errors import UnavailableError
from domain.identifiers import fairness_key, strategy_workflow_id
from domain.strategy.plan import RunOutcome
from domain.strategy.progress import StepReport
from domain.strategy.run import Run
from domain.submission import Admission
from models.strategy_run import StrategyRun
from queries.strategy_runs import admission_of, interactions_of
from security.payload_codec import UndecryptableError
from settings import Settings
from temporal.interactions import PRIORITIES, forget
from temporal.search_attributes import attributes_of_run
from temporal.summaries import summary_of_run
from workflows import names
from workflows.messages import StrategyInput
from workflows.strategy import StrategyWorkflow

_ADMITTED: Final = "admitted"
"""Constant id of the update: a repeated submission is the same update, with the same answer."""

_TIMEOUT: Final = timedelta(seconds=2)


async def start_run(client: Client, settings: Settings, run: Run) -> Admission | None:
    """Start the workflow of a run and wait for the answer to its first message; repeated calls get the first one's.

    Returns None if the workflow is started and does not answer within `Settings.admission_timeout`.

    Raises:
        UnavailableError: if Temporal does not answer; then the same `Idempotency-Key` may be sent again.
    """
    start = _start_operation(client, settings, run)
    answer = client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
        names.SUBMIT, start_workflow_operation=start, id=_ADMITTED, result_type=Admission
    )
    try:
        return await asyncio.wait_for(answer, settings.admission_timeout.total_seconds())
    except WorkflowAlreadyStartedError:
        return await _recorded(run)
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError, RPCError, UndecryptableError):
        return await _started(client, run)
    except WorkflowUpdateFailedError as error:
        raise UnavailableError("Iris") from error
    finally:
        await forget(start)


async def report_step(client: Client, settings: Settings, run_id: str, report: StepReport) -> None:
    """Report the state of a step to its run; if its workflow has ended, a new one starts if that changes anything.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    running = client.get_workflow_handle_for(StrategyWorkflow.run, strategy_workflow_id(run_id))
    try:
        await running.signal(StrategyWorkflow.report, [report], rpc_timeout=_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        stored = await StrategyRun.find_one({"_id": run_id})
        if stored is not None and stored.run.is_changed_by(report, utc_now()):
            await resume_run(client, settings, stored, [report])


async def resume_run(
    client: Client, settings: Settings, stored: StrategyRun, reports: Sequence[StepReport] = ()
) -> None:
    """Start the workflow of a run from its record, unless it is running, and signal reports to it.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    await _start_with_signal(client, settings, stored, names.REPORT, [list(reports)])


async def signal_run_erased(client: Client, settings: Settings, stored: StrategyRun) -> None:
    """Signal to a run that its user is erased, so that no further step starts.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    await _start_with_signal(client, settings, stored, names.RUN_ERASED, [])


async def cancel_run(client: Client, settings: Settings, stored: StrategyRun, account_id: str) -> RunOutcome | None:
    """Cancel a run, and return how it ended; None if it does not answer in time.

    Raises:
        UnavailableError: if its workflow does not accept the update; it is not known then whether it is cancelled.
    """
    start = WithStartWorkflowOperation(
        StrategyWorkflow.run,
        StrategyInput(run_id=stored.id),
        id=strategy_workflow_id(stored.id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=attributes_of_run(stored.tenant, stored.id, stored.run.user_ids),
    )
    try:
        async with asyncio.timeout(settings.admission_timeout.total_seconds()):
            accepted = await client.start_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
                names.CANCEL,
                account_id,
                start_workflow_operation=start,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                result_type=RunOutcome,
            )
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
        raise UnavailableError("Iris") from error
    finally:
        await forget(start)
    with suppress(WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
        return await asyncio.wait_for(accepted.result(), settings.admission_timeout.total_seconds())
    return None


async def _start_with_signal(
    client: Client, settings: Settings, stored: StrategyRun, signal: str, arguments: Sequence[Any]
) -> None:
    await client.start_workflow(
        StrategyWorkflow.run,
        StrategyInput(run_id=stored.id),
        id=strategy_workflow_id(stored.id),
        task_queue=settings.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=signal,
        start_signal_args=arguments,
        search_attributes=attributes_of_run(stored.tenant, stored.id, stored.run.user_ids),
        rpc_timeout=_TIMEOUT,
    )


def _start_operation(client: Client, settings: Settings, run: Run) -> WithStartWorkflowOperation[Any, Any]:
    return WithStartWorkflowOperation(
        StrategyWorkflow.run,
        StrategyInput(run_id=run.id, run=run),
        id=strategy_workflow_id(run.id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        priority=Priority(priority_key=PRIORITIES[run.category], fairness_key=fairness_key(run.tenant)),
        search_attributes=attributes_of_run(run.tenant, run.id, run.user_ids),
        static_summary=summary_of_run(client, run),
        static_details=f"run {run.id}, author {run.author_id}",
    )


async def _recorded(run: Run) -> Admission | None:
    """Return the answer from the record, if the workflow has ended and a later report has started another one."""
    stored = await StrategyRun.find_one({"_id": run.id, "tenant": run.tenant})
    if stored is None:
        raise UnavailableError("Iris")
    return await admission_of(stored.run, await interactions_of(stored.run))


async def _started(client: Client, run: Run) -> None:
    """Check that the workflow of a run was started, although it did not answer in time.

    Raises:
        UnavailableError: if that is not certain.
    """
    handle = client.get_workflow_handle(strategy_workflow_id(run.id))
    try:
        await asyncio.wait_for(handle.describe(), _TIMEOUT.total_seconds())
    except (RPCError, TimeoutError) as error:
        raise UnavailableError("Temporal") from error
