"""Reconciliation of pending notifications in MongoDB with the workflows that deliver them, page by page."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus

from activities.discrepancy_log import log_discrepancies
from activities.interfaces import Inspected, Inspection
from domain.clock import earlier, utc_now
from domain.discrepancies import Discrepancy, Kind
from domain.identifiers import notification_workflow_id
from models.consent import Consent
from models.notification import Begin, Notification
from queries.consent_events import ConsentEvents
from temporal.inspection import UNKNOWN, end_of, find_workflow


@dataclass(frozen=True, slots=True)
class NotificationsReconciliation:
    """Reconciliation of the notifications.

    Attributes:
        begin: starts a notification's workflow, for the rest of its delivery time.
        consent_events: publishes changes of consents.
    """

    temporal: Client
    begin: Begin
    consent_events: ConsentEvents

    async def inspect(self, inspection: Inspection) -> Inspected:
        """Inspect one page of overdue notifications, and start the workflows that are missing.

        The first page also publishes the changes of consents that a process left unpublished.
        """
        page = await Notification.overdue(
            earlier(utc_now(), inspection.grace), _date_and_id(inspection.cursor), inspection.page_size
        )
        discrepancies = [] if inspection.cursor else await self._unpublished(inspection)
        for notification in page:
            activity.heartbeat()
            reason = await self._why_not_delivered(notification)
            if not reason:
                continue
            # It may have ended since it was read, or be redelivered by another workflow.
            now = await Notification.pending(notification.id)
            if now is not None and now.round == notification.round:
                discrepancies.append(await self._report(notification, reason, repairs=inspection.repairs))
        last = page[-1] if len(page) == inspection.page_size else None
        cursor = f"{last.next_attempt.isoformat()} {last.id}" if last and last.next_attempt else None
        return Inspected(examined=len(page), counts=log_discrepancies(discrepancies), cursor=cursor)

    async def _unpublished(self, inspection: Inspection) -> list[Discrepancy]:
        before = earlier(utc_now(), inspection.grace)
        consents = await Consent.unpublished_before(before, inspection.page_size)
        if inspection.repairs:
            await self.consent_events.publish_missing(consents)
        return [
            Discrepancy(
                kind=Kind.NOTIFICATION_LOST,
                interaction_id=f"consent {consent.id}",
                reason="its change is not published",
                repair="it is published" if inspection.repairs else None,
            )
            for consent in consents
        ]

    async def _why_not_delivered(self, notification: Notification) -> str:
        """Return why no workflow delivers it; empty if one is running."""
        workflow = notification_workflow_id(notification.id, notification.round)
        description = await find_workflow(self.temporal, workflow)
        if description is None:
            return UNKNOWN
        return "" if description.status is WorkflowExecutionStatus.RUNNING else end_of(description)

    async def _report(self, notification: Notification, reason: str, *, repairs: bool) -> Discrepancy:
        if repairs:
            await self.begin(notification)
        return Discrepancy(
            kind=Kind.NOTIFICATION_LOST,
            interaction_id=notification.interaction_id or notification_workflow_id(notification.id, notification.round),
            reason=f"notification {notification.id}, {notification.event}: {reason}",
            repair="its delivery begins, for what is left of its time" if repairs else None,
        )


def _date_and_id(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    date, _, last_id = cursor.partition(" ")
    return datetime.fromisoformat(date), last_id
