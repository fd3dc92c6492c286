"""One event that one tenant is told, from the first attempt to the last; and telling many of them again."""

from contextlib import suppress
from datetime import timedelta
from typing import Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import DeliverInput, NotificationActivities, Replay
    from domain.webhook_events import NotificationState
    from workflows import names
    from workflows.messages import NotificationInput, ReplayInput, ReplayProgress

_AT_ONCE: Final = timedelta(milliseconds=1)

_UNTIL_WRITTEN: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
"""Not the law of the attempts, which `domain.webhook_events` has: what MongoDB must be asked again for."""


@workflow.defn(name="Notification")
class NotificationWorkflow:
    """One notification as a durable workflow."""

    @workflow.init
    def __init__(self, start: NotificationInput) -> None:
        self._start = start
        self._is_cancelled = False
        self._is_woken = False
        self._ended: NotificationState | None = None

    @workflow.run
    async def run(self, start: NotificationInput) -> NotificationState:
        """Try until it is told, given up or cancelled."""
        self._ended = await self._tell(start)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._ended

    @workflow.update(name=names.CANCEL, description="Cancel it: no further attempt is made")
    async def cancel(self) -> NotificationState:
        """How it ended: cancelled, unless an attempt that was under way was quicker."""
        self._is_cancelled = True
        await workflow.wait_condition(lambda: self._ended is not None)
        return cast("NotificationState", self._ended)

    @workflow.signal(name="webhook changed", description="Try again at once: its endpoint was changed")
    def wake(self) -> None:
        """PendingWait no longer for the next attempt."""
        self._is_woken = True

    async def _tell(self, start: NotificationInput) -> NotificationState:
        deadline = workflow.now() + start.patience
        while not self._is_cancelled:
            self._is_woken = False
            told = await workflow.execute_activity_method(
                NotificationActivities.deliver,
                DeliverInput(notification_id=start.notification_id, at=workflow.now(), deadline=deadline),
                start_to_close_timeout=timedelta(minutes=2),
                retry_policy=_UNTIL_WRITTEN,
                summary="deliver to the webhook",
            )
            if told.next_attempt is None:
                return told.state
            wait = max(told.next_attempt - workflow.now(), _AT_ONCE)
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


@workflow.defn(name="NotificationReplay")
class RedeliveryWorkflow:
    """Telling again what happened on an integration since some time."""

    @workflow.init
    def __init__(self, start: ReplayInput) -> None:
        self._progress = ReplayProgress(since=start.since, until=start.until)

    @workflow.run
    async def run(self, start: ReplayInput) -> ReplayProgress:
        """Begin to tell each again, page by page."""
        goes_on, cursor = True, None
        while goes_on:
            page = await workflow.execute_activity_method(
                NotificationActivities.replay,
                Replay(**start.model_dump(), cursor=cursor),
                start_to_close_timeout=timedelta(minutes=5),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=_UNTIL_WRITTEN,
                summary=f"redeliver: {self._progress.looked_at} read so far",
            )
            self._progress = self._progress.with_page(page)
            cursor = page.cursor
            goes_on = cursor is not None
        self._progress = self._progress.model_copy(update={"is_done": True})
        return self._progress

    @workflow.query(description="How far it has come")
    def progress(self) -> ReplayProgress:
        """How far it has come."""
        return self._progress
