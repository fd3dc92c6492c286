"""Says by its exit code whether the worker of this machine asks Temporal for work: the health check of its container.

python -m embedded.worker_probe
"""

import asyncio
import socket
import sys
import time
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from bootstrap import connect_temporal
from settings import Settings

LATEST_SECONDS: Final = 120
"""How long ago a worker that is well asked last; asking takes up to a minute."""


async def is_working(settings: Settings) -> bool:
    """Whether a worker of this machine asked for workflow tasks lately."""
    client = await connect_temporal(settings)
    queue = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=settings.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    machine = f"@{socket.gethostname()}"  # Temporal's SDK names a worker process@machine
    since = time.time() - LATEST_SECONDS
    return any(
        poller.identity.endswith(machine) and poller.last_access_time.ToSeconds() > since for poller in queue.pollers
    )


if __name__ == "__main__":
    sys.exit(not asyncio.run(is_working(Settings())))
