"""Workflows that deliver one webhook notification, and that redeliver many."""

from contextlib import suppress
from datetime import timedelta
from typing import Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.notification_interfaces import DeliverInput, NotificationActivities, RedeliverInput
    from domain.webhook_events import NotificationState
    from workflows import names
    from workflows.messages import NotificationInput, RedeliveryInput, RedeliveryProgress

_AT_ONCE: Final = timedelta(milliseconds=1)

_UNTIL_WRITTEN: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
"""Retries of the activity when MongoDB fails; the schedule of delivery attempts is in `domain.webhook_events`."""


@workflow.defn(name="Notification")
class NotificationWorkflow:
    """Delivery of one notification, from the first attempt to the last."""

    @workflow.init
    def __init__(self, start: NotificationInput) -> None:
        self._start = start
        self._is_cancelled = False
        self._is_woken = False
        self._ended: NotificationState | None = None

    @workflow.run
    async def run(self, start: NotificationInput) -> NotificationState:
        """Try until the notification is delivered, given up or cancelled."""
        self._ended = await self._deliver(start)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._ended

    @workflow.update(name=names.CANCEL, description="Cancel it: no further attempt is made")
    async def cancel(self) -> NotificationState:
        """Cancel the notification, and wait for its final state; an attempt under way may still deliver it."""
        self._is_cancelled = True
        await workflow.wait_condition(lambda: self._ended is not None)
        return cast("NotificationState", self._ended)

    @workflow.signal(name="webhook changed", description="Try again at once: its endpoint was changed")
    def wake(self) -> None:
        """Make the next attempt at once."""
        self._is_woken = True

    async def _deliver(self, start: NotificationInput) -> NotificationState:
        deadline = workflow.now() + start.timeout
        while not self._is_cancelled:
            self._is_woken = False
            result = await workflow.execute_activity_method(
                NotificationActivities.deliver,
                DeliverInput(notification_id=start.notification_id, at=workflow.now(), deadline=deadline),
                start_to_close_timeout=timedelta(minutes=2),
                retry_policy=_UNTIL_WRITTEN,
                summary="deliver to the webhook",
            )
            if result.next_attempt is None:
                return result.state
            wait = max(result.next_attempt - workflow.now(), _AT_ONCE)
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._is_cancelled or self._is_woken,
                    timeout=wait,
                    timeout_summary="before the next attempt",
                )
        await workflow.execute_activity_method(
            NotificationActivities.conclude,
            args=[start.notification_id, NotificationState.CANCELLED],
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=_UNTIL_WRITTEN,
            summary="record the cancellation",
        )
        return NotificationState.CANCELLED


@workflow.defn(name="Redelivery")
class RedeliveryWorkflow:
    """Redelivery of an integration's notifications of a period."""

    @workflow.init
    def __init__(self, start: RedeliveryInput) -> None:
        self._progress = RedeliveryProgress(
            since=start.since, until=start.until, examined=start.examined, started=start.started
        )

    @workflow.run
    async def run(self, start: RedeliveryInput) -> RedeliveryProgress:
        """Start the redelivery of each notification, page by page."""
        goes_on, cursor = True, start.cursor
        while goes_on:
            page = await workflow.execute_activity_method(
                NotificationActivities.redeliver,
                RedeliverInput(**start.model_dump(exclude={"cursor", "examined", "started"}), cursor=cursor),
                start_to_close_timeout=timedelta(minutes=5),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=_UNTIL_WRITTEN,
                summary=f"redeliver: {self._progress.examined} read so far",
            )
            self._progress = self._progress.with_page(page)
            cursor = page.cursor
            goes_on = cursor is not None
            if goes_on and workflow.info().is_continue_as_new_suggested():
                progress = self._progress.model_dump(include={"examined", "started"})
                workflow.continue_as_new(start.model_copy(update={"cursor": cursor, **progress}))
        self._progress = self._progress.model_copy(update={"is_done": True})
        return self._progress

    @workflow.query(description="How far it has come")
    def progress(self) -> RedeliveryProgress:
        """Return the progress so far."""
        return self._progress
