"""Workflows that a worker runs and that a replay of histories needs."""

from typing import Final

from workflows.erasure import ErasureWorkflow
from workflows.inbound import IdentificationWorkflow, InboundMessageWorkflow
from workflows.interaction import InteractionWorkflow
from workflows.merge import MergeWorkflow
from workflows.notification import NotificationWorkflow, RedeliveryWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.strategy import StrategyWorkflow

INTERACTION_WORKFLOWS: Final[tuple[type, ...]] = (
    InteractionWorkflow,
    InboundMessageWorkflow,
    IdentificationWorkflow,
    MergeWorkflow,
    ErasureWorkflow,
    ReconciliationWorkflow,
    StrategyWorkflow,
)
"""Workflows of the interactions' own task queue."""

NOTIFICATION_WORKFLOWS: Final[tuple[type, ...]] = (NotificationWorkflow, RedeliveryWorkflow)
"""Workflows of the `notification_task_queue`."""

WORKFLOWS: Final[tuple[type, ...]] = (*INTERACTION_WORKFLOWS, *NOTIFICATION_WORKFLOWS)
