"""Every workflow that a worker runs, and that a replay knows."""

from typing import Final

from workflows.interaction import InteractionWorkflow
from workflows.reception import ReceptionWorkflow
from workflows.reconciliation import ReconciliationWorkflow

WORKFLOWS: Final[tuple[type, ...]] = (InteractionWorkflow, ReceptionWorkflow, ReconciliationWorkflow)
