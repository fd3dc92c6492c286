"""Workflow that finds discrepancies between MongoDB and Temporal and stuck work, and makes safe repairs."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import Check, Inspection, ReconciliationActivities
    from workflows.messages import ReconciliationInput, Report

MAX_DISCREPANCIES: Final = 50_000
"""Discrepancies that one run inspects, so that its history stays short; the next run continues."""

_ONLY_DISCREPANCIES: Final = frozenset({Check.OVERDUE, Check.FAILING, Check.INBOUND, Check.NOTIFICATIONS})
"""Comparisons that inspect discrepancies only."""


@workflow.defn(name="Reconciliation")
class ReconciliationWorkflow:
    """One reconciliation, which inspects page by page."""

    @workflow.init
    def __init__(self, start: ReconciliationInput) -> None:
        self._start = start
        self._report = Report()

    @workflow.run
    async def run(self, start: ReconciliationInput) -> Report:
        """Make every comparison, one after the other; a failed one does not stop the next."""
        for check in Check:
            try:
                await self._compare(check, MAX_DISCREPANCIES if check in _ONLY_DISCREPANCIES else start.max_items)
            except ActivityError as error:
                self._report = self._report.without(check, str(error.cause))
        return self._report

    @workflow.query(description="What was found so far")
    def progress(self) -> Report:
        """Return the report so far."""
        return self._report

    async def _compare(self, check: Check, max_items: int) -> None:
        start, cursor, goes_on = self._start, None, True
        while goes_on:
            page = await workflow.execute_activity_method(
                ReconciliationActivities.inspect,
                Inspection(
                    check=check, cursor=cursor, page_size=start.page_size, grace=start.grace, repairs=start.repairs
                ),
                start_to_close_timeout=timedelta(minutes=5),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(maximum_attempts=3),
                summary=check.value,
            )
            self._report = self._report.with_page(check, page)
            cursor = page.cursor
            goes_on = cursor is not None and self._report.examined[check] < max_items
