"""Comparing what MongoDB says is still to be told with the workflows that tell it, page by page."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.interfaces import Inspected, Inspection
from activities.telling import Begin
from domain.clock import utc_now
from domain.findings import Finding, Kind, Tally
from domain.identifiers import notification_workflow_id
from models.notification import Notification


@dataclass(frozen=True, slots=True)
class NotificationsReconciliation:
    """Reconciliation of the notifications.

    Attributes:
        begin: begins a notification's workflow.
    """

    temporal: Client
    begin: Begin

    async def inspect(self, inspection: Inspection) -> Inspected:
        """Look at one page of what should have been tried by now; begin what no workflow tells."""
        page = await Notification.overdue(
            utc_now() - inspection.grace, _date_and_id(inspection.cursor), inspection.page_size
        )
        findings: list[Finding] = []
        for notification in page:
            activity.heartbeat()
            if await self._is_told(notification):
                continue
            # It may have ended since it was read, or be told again by another workflow.
            now = await Notification.pending(notification.id)
            if now is not None and now.round == notification.round:
                findings.append(await self._found(notification, repairs=inspection.repairs))
        last = page[-1] if len(page) == inspection.page_size else None
        cursor = f"{last.next_attempt.isoformat()} {last.id}" if last and last.next_attempt else None
        return Inspected(looked_at=len(page), tally=Tally.of(findings), cursor=cursor)

    async def _is_told(self, notification: Notification) -> bool:
        """Whether a workflow tells it, at its pace."""
        workflow = notification_workflow_id(notification.id, notification.round)
        try:
            description = await self.temporal.get_workflow_handle(workflow).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return description.status is WorkflowExecutionStatus.RUNNING

    async def _found(self, notification: Notification, *, repairs: bool) -> Finding:
        if repairs:
            await self.begin(notification)
        return Finding(
            kind=Kind.NOTIFICATION_LOST,
            interaction_id=notification.interaction_id,
            reason=f"notification {notification.id}, {notification.event}",
            repair="it is told" if repairs else None,
        )


def _date_and_id(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    date, _, last_id = cursor.partition(" ")
    return datetime.fromisoformat(date), last_id
