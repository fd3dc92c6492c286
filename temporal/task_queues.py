"""Task queues that workers must poll."""

import time
from collections.abc import Iterator
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from activities.interfaces import sending_queue
from activities.notification_interfaces import notification_task_queue
from providers import PROVIDERS

WORKFLOWS = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY

Queue = tuple[str, TaskQueueType.ValueType]
"""A queue's name, and the type of its tasks."""


def queues_of(task_queue: str) -> Iterator[Queue]:
    """Yield all queues of a deployment, first the interactions' own, whose name is given, with both types of tasks."""
    yield task_queue, WORKFLOWS
    yield task_queue, ACTIVITIES
    for provider in PROVIDERS:
        yield sending_queue(task_queue, provider), ACTIVITIES
    yield notification_task_queue(task_queue), WORKFLOWS
    yield notification_task_queue(task_queue), ACTIVITIES


MAX_POLL_AGE_SECONDS: Final = 120
"""Maximum time since the last poll of a running worker; a poll takes up to a minute."""


async def pollers(client: Client, name: str, kind: TaskQueueType.ValueType) -> frozenset[str]:
    """Return the identities of the workers that polled a task queue recently.

    Raises:
        temporalio.service.RPCError: if Temporal does not answer.
    """
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=kind
    )
    answer = await client.workflow_service.describe_task_queue(request)
    since = time.time() - MAX_POLL_AGE_SECONDS
    return frozenset(poller.identity for poller in answer.pollers if poller.last_access_time.ToSeconds() > since)


async def is_polling(client: Client, task_queue: str) -> bool:
    """Whether this process's own worker polled for workflow tasks recently.

    Raises:
        temporalio.service.RPCError: if Temporal does not answer.
    """
    return client.identity in await pollers(client, task_queue, WORKFLOWS)
