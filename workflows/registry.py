"""Every workflow that a worker runs, and that a replay knows."""

from typing import Final

from workflows.erasure import ErasureWorkflow
from workflows.interaction import InteractionWorkflow
from workflows.merge import MergeWorkflow
from workflows.notification import NotificationWorkflow, RedeliveryWorkflow
from workflows.reception import IdentificationWorkflow, ReceptionWorkflow
from workflows.reconciliation import ReconciliationWorkflow

INTERACTING: Final[tuple[type, ...]] = (
    InteractionWorkflow,
    ReceptionWorkflow,
    IdentificationWorkflow,
    MergeWorkflow,
    ErasureWorkflow,
    ReconciliationWorkflow,
)
"""Those of the interactions' own task queue."""

TELLING: Final[tuple[type, ...]] = (NotificationWorkflow, RedeliveryWorkflow)
"""Those of the `notification_task_queue`."""

WORKFLOWS: Final[tuple[type, ...]] = (*INTERACTING, *TELLING)
