"""The task queues that workers must ask for work."""

from collections.abc import Iterator

from temporalio.api.enums.v1 import TaskQueueType

from activities.interfaces import sending_queue, telling_queue
from providers import PROVIDERS

WORKFLOWS = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITIES = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY

Queue = tuple[str, TaskQueueType.ValueType]
"""A queue's name, and the kind of its work."""


def queues_of(task_queue: str) -> Iterator[Queue]:
    """All queues beside the interactions' own, whose name is given; that comes first, with both kinds of its work."""
    yield task_queue, WORKFLOWS
    yield task_queue, ACTIVITIES
    for provider in PROVIDERS:
        yield sending_queue(task_queue, provider), ACTIVITIES
    yield telling_queue(task_queue), WORKFLOWS
    yield telling_queue(task_queue), ACTIVITIES
