"""Interface of the notification activities: abstract, typed and pure, so that workflows never import a driver."""

from abc import ABC, abstractmethod
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from domain.webhook_events import NotificationState


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


def notification_task_queue(task_queue: str) -> str:
    """Name of the task queue of notification workflows and activities, beside the interactions' own."""
    return f"{task_queue}-notifications"


class DeliverInput(_Message):
    """Input of one attempt to deliver a notification.

    Attributes:
        at: current time of the workflow's clock, which determines all waits.
    """

    notification_id: str
    at: datetime
    deadline: datetime


class DeliveryResult(_Message):
    """Result of a delivery attempt, with the time of the next one while the notification is pending."""

    state: NotificationState
    next_attempt: datetime | None = None


class RedeliverInput(_Message):
    """One page of a redelivery.

    Attributes:
        redelivery_id: id of the redelivery, which contains each notification once.
        until: time of the request; later events are delivered anyway.
    """

    redelivery_id: str
    tenant: str
    integration_id: str
    since: datetime
    until: datetime
    page_size: int
    cursor: str | None = None


class RedeliveredPage(_Message):
    """Result of one page of a redelivery: notifications read and redelivered, and the start of the next page."""

    examined: int
    started: int
    cursor: str | None = None


class NotificationActivities(ABC):
    """Delivery of notifications, on the `notification_task_queue`."""

    @abstractmethod
    @activity.defn
    async def deliver(self, delivery: DeliverInput) -> DeliveryResult:
        """Make one delivery attempt, unless the host is suspended, and record its result."""

    @abstractmethod
    @activity.defn
    async def conclude(self, notification_id: str, state: NotificationState) -> None:
        """Record an end that is not the result of an attempt."""

    @abstractmethod
    @activity.defn
    async def redeliver(self, redelivery: RedeliverInput) -> RedeliveredPage:
        """Start the redelivery of one page."""
