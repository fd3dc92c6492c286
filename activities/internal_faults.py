"""Internal faults of an activity: reported, and retried, because another worker or a later try may succeed."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pymongo.errors import PyMongoError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.faults import FaultKind
from domain.outcomes import cut
from models.worker_fault import WorkerFault
from support.metrics import count_internal_fault

INTERNAL_FAULT: Final = "InternalFault"
"""Type of the error by which an activity that failed through an internal fault is retried."""

QUICK_RETRIES: Final = 5
"""Attempts that follow each other after 1 second: a misconfigured worker beside a good one delays messages little."""

_MAX_DOUBLINGS: Final = 6
"""Number of times that the wait doubles after that: up to about a minute."""

_LOG = logging.getLogger("iris.faults")


@dataclass(frozen=True, slots=True)
class InternalFaults:
    """Reports the faults of one worker to its log, its metrics, and `iris doctor`.

    Attributes:
        worker: the identity of the worker's process in Temporal.
    """

    worker: str

    async def failure(self, kind: FaultKind, detail: str) -> ApplicationError:
        """Report a fault, and return the error that retries the activity."""
        await self.report(kind, detail)
        return ApplicationError(cut(detail), type=INTERNAL_FAULT, next_retry_delay=retry_delay(activity.info().attempt))

    async def report(self, kind: FaultKind, detail: str) -> None:
        """Log a fault as an error, count it, and store it; an unreachable database does not delay the retry."""
        _LOG.error("worker %s: %s fault: %s", self.worker, kind, detail)
        count_internal_fault(kind)
        try:
            await WorkerFault.add(self.worker, kind, detail)
        except PyMongoError as error:
            _LOG.warning("a fault of worker %s is not stored: %s", self.worker, type(error).__name__)


def retry_delay(attempt: int) -> timedelta:
    """Wait before the next attempt, given the number of the failed one, from 1."""
    return timedelta(seconds=2 ** min(max(attempt - QUICK_RETRIES, 0), _MAX_DOUBLINGS))
