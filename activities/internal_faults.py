"""Faults of our own in an activity: reported, and retried, because another worker or a later moment may do better."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pymongo.errors import PyMongoError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.faults import FaultKind
from domain.outcomes import cut
from metrics import count_internal_fault
from models.worker_fault import WorkerFault

INTERNAL_FAULT: Final = "InternalFault"
"""The type of the error by which an activity that failed through our own fault is retried."""

QUICK_RETRIES: Final = 5
"""Attempts that follow each other after a second: a wrong worker beside a good one costs each message little."""

_MAX_DOUBLINGS: Final = 6
"""How often the wait doubles after that: to about a minute."""

_LOG = logging.getLogger("iris.faults")


@dataclass(frozen=True, slots=True)
class InternalFaults:
    """Reports the faults of one worker to its log, its metrics, and `iris doctor`.

    Attributes:
        worker: the identity of the worker's process in Temporal.
    """

    worker: str

    async def failure(self, kind: FaultKind, detail: str) -> ApplicationError:
        """The error that retries an activity, reported."""
        await self.report(kind, detail)
        return ApplicationError(cut(detail), type=INTERNAL_FAULT, next_retry_delay=retry_delay(activity.info().attempt))

    async def report(self, kind: FaultKind, detail: str) -> None:
        """Log a fault as an error, count it, and store it; a database that is away keeps nobody waiting for a retry."""
        _LOG.error("worker %s: %s fault: %s", self.worker, kind, detail)
        count_internal_fault(kind)
        try:
            await WorkerFault.add(self.worker, kind, detail)
        except PyMongoError as error:
            _LOG.warning("a fault of worker %s is not stored: %s", self.worker, type(error).__name__)


def retry_delay(attempt: int) -> timedelta:
    """The wait before the next attempt, given the number of the one that failed, from 1."""
    return timedelta(seconds=2 ** min(max(attempt - QUICK_RETRIES, 0), _MAX_DOUBLINGS))
