"""Starts, cancels and redelivers notifications through their workflows."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from temporalio.client import Client, WorkflowQueryFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.notification_interfaces import notification_task_queue
from domain.clock import utc_now
from domain.errors import UnavailableError
from domain.identifiers import notification_workflow_id, redelivery_workflow_id
from domain.webhook_events import NotificationState
from models.notification import PENDING, Notification
from settings import Settings
from workflows import attributes, names
from workflows.messages import NotificationInput, RedeliveryInput, RedeliveryProgress
from workflows.notification import NotificationWorkflow, RedeliveryWorkflow

_TIMEOUT: Final = timedelta(seconds=5)
"""Timeout of a workflow's answer."""


async def begin(client: Client, settings: Settings, notification: Notification) -> None:
    """Start the delivery of a notification, for the rest of its delivery time; a running delivery is left alone.

    Raises:
        RPCError: if Temporal does not accept the start.
    """
    await client.start_workflow(
        NotificationWorkflow.run,
        NotificationInput(notification_id=notification.id, timeout=notification.time_left(utc_now())),
        id=notification_workflow_id(notification.id, notification.round),
        task_queue=notification_task_queue(settings.task_queue),
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=_search_attributes(notification),
        static_summary=f"{notification.event} · {notification.host}",
        rpc_timeout=_TIMEOUT,
    )


def _search_attributes(notification: Notification) -> TypedSearchAttributes:
    of_interaction = (
        []
        if notification.interaction_id is None
        else [SearchAttributePair(attributes.INTERACTION, notification.interaction_id)]
    )
    return TypedSearchAttributes(
        [
            SearchAttributePair(attributes.TENANT, notification.tenant),
            SearchAttributePair(attributes.INTEGRATION, notification.integration_id),
            *of_interaction,
        ]
    )


async def cancel(client: Client, notification: Notification) -> NotificationState:
    """Cancel a notification, and return its final state.

    Raises:
        UnavailableError: if the state is not known in time; the notification is cancelled when a worker is available.
    """
    handle = client.get_workflow_handle(notification_workflow_id(notification.id, notification.round))
    answer: Awaitable[NotificationState] = handle.execute_update(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
        names.CANCEL, id="cancel", result_type=NotificationState
    )
    try:
        return await asyncio.wait_for(answer, _TIMEOUT.total_seconds())
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
        raise UnavailableError("Iris") from error
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        # It has just ended, or was lost: then no workflow would record the cancellation.
        await Notification.conclude(notification.id, NotificationState.CANCELLED)
        ended = await Notification.find_one({"_id": notification.id})
        return ended.state if ended else NotificationState.CANCELLED


async def wake_all(client: Client, tenant: str, integration_id: str) -> None:
    """Retry all pending notifications of an integration at once; one that misses the signal is retried as scheduled."""
    async for notification in Notification.find({"tenant": tenant, "integration_id": integration_id, **PENDING}):
        handle = client.get_workflow_handle_for(
            NotificationWorkflow.run, notification_workflow_id(notification.id, notification.round)
        )
        with suppress(RPCError):
            await handle.signal(NotificationWorkflow.wake, rpc_timeout=_TIMEOUT)


async def begin_redelivery(client: Client, settings: Settings, redelivery: RedeliveryInput) -> None:
    """Start a redelivery, once.

    Raises:
        RPCError: if Temporal does not accept the start.
    """
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            RedeliveryWorkflow.run,
            redelivery,
            id=redelivery_workflow_id(redelivery.redelivery_id),
            task_queue=notification_task_queue(settings.task_queue),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(attributes.TENANT, redelivery.tenant),
                    SearchAttributePair(attributes.INTEGRATION, redelivery.integration_id),
                ]
            ),
            static_summary="redeliver notifications",
            rpc_timeout=_TIMEOUT,
        )


async def redelivery_progress(
    client: Client, tenant: str, integration_id: str, redelivery_id: str
) -> RedeliveryProgress | None:
    """Return the progress of a redelivery; None if the integration has none with this id (any more).

    Raises:
        UnavailableError: if no worker answers in time.
    """
    handle = client.get_workflow_handle_for(RedeliveryWorkflow.run, redelivery_workflow_id(redelivery_id))
    try:
        found = await handle.describe(rpc_timeout=_TIMEOUT)
        known = found.typed_search_attributes
        if (known.get(attributes.TENANT), known.get(attributes.INTEGRATION)) != (tenant, integration_id):
            return None
        return await handle.query(RedeliveryWorkflow.progress, rpc_timeout=_TIMEOUT)
    except WorkflowQueryFailedError as error:
        raise UnavailableError("Iris") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
