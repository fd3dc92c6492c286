"""Prometheus metrics of the API process, and the backlog of Temporal's task queues."""

import asyncio
import time
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.state import IrisState, State
from support.metrics import TASK_QUEUE_BACKLOG
from temporal.task_queues import WORKFLOWS, queues_of

router = APIRouter(tags=["health"])

_TIMEOUT: Final = 2.0
"""Timeout of the backlog query, in seconds."""

_CACHE_TTL: Final = 5.0
"""Seconds that the backlog is cached, however often metrics are scraped."""


class Backlog:
    """Cached backlog of Temporal's task queues."""

    def __init__(self) -> None:
        self._asked = -_CACHE_TTL
        self._lock = asyncio.Lock()

    async def refresh(self, state: IrisState) -> None:
        """Query Temporal unless the cached backlog is fresh; a queue without an answer is left out."""
        async with self._lock:
            if time.monotonic() - self._asked < _CACHE_TTL:
                return
            TASK_QUEUE_BACKLOG.clear()
            queues = list(queues_of(state.settings.task_queue))
            await asyncio.gather(*(_ask(state.temporal, *queue) for queue in queues))
            self._asked = time.monotonic()


_backlog = Backlog()


@router.get("/metrics", summary="Read the metrics in Prometheus' text format", response_class=Response)
async def read_metrics(state: State) -> Response:
    """Counts and times of this process, and how much waits in Temporal, in Prometheus's text format."""
    await _backlog.refresh(state)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _ask(client: Client, name: str, kind: TaskQueueType.ValueType) -> None:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=kind, report_stats=True
    )
    try:
        async with asyncio.timeout(_TIMEOUT):
            answer = await client.workflow_service.describe_task_queue(request)
    except (TimeoutError, RPCError):
        return
    label = "workflow" if kind == WORKFLOWS else "activity"
    TASK_QUEUE_BACKLOG.labels(name, label).set(answer.stats.approximate_backlog_count)
