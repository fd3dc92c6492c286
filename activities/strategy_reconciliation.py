"""Reconciliation of the runs of strategies with their workflows: a lost one goes on from its record."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus

from activities.interfaces import Inspection
from domain.clock import earlier, to_wire, utc_now
from domain.discrepancies import Discrepancy, Kind
from domain.identifiers import strategy_workflow_id
from models.strategy_run import StrategyRun
from queries.strategy_runs import interactions_of, present
from temporal.inspection import find_workflow

Resume = Callable[[StrategyRun], Awaitable[None]]
"""Starts the workflow of a run from its record, unless it is running."""

_REPAIR: Final = "a new workflow goes on from the record"


@dataclass(frozen=True, slots=True)
class StrategiesReconciliation:
    """Reconciliation of runs of strategies."""

    temporal: Client
    resume: Resume

    async def overdue(self, inspection: Inspection) -> list[Discrepancy]:
        """Find runs that should have gone on, and resume those without a workflow, if repairs are requested."""
        before = earlier(utc_now(), inspection.grace)
        found: list[Discrepancy] = []
        for stored in await StrategyRun.overdue(before, inspection.page_size):
            activity.heartbeat()
            # The gate may hold the present step for longer than its record says.
            deadline = present(stored.run, await interactions_of(stored.run)).deadline
            if deadline is not None and deadline < before:
                found.append(await self._classify(stored, f"its step is awaited until {to_wire(deadline)}", inspection))
        return found

    async def _classify(self, stored: StrategyRun, reason: str, inspection: Inspection) -> Discrepancy:
        workflow = strategy_workflow_id(stored.id)
        description = await find_workflow(self.temporal, workflow)
        if description is not None and description.status is WorkflowExecutionStatus.RUNNING:
            return Discrepancy(kind=Kind.OVERDUE, interaction_id=workflow, reason=reason)
        if inspection.repairs:
            await self.resume(stored)
        repair = _REPAIR if inspection.repairs else None
        return Discrepancy(kind=Kind.WORKFLOW_LOST, interaction_id=workflow, reason=reason, repair=repair)
