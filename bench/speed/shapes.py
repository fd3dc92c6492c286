"""The shapes that Iris is measured against, and the worker that runs them.

- *limit*: a bare workflow with one update that does nothing: what the engine can do.
- *floor*: the leanest workflow with Iris's durable steps: one update, one activity, two signals; no database.
- *naive*: Iris's own work as normal activities one after another, whose caller starts it and then polls.
"""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.admission import MongoAdmission
from activities.interfaces import (
    AdmissionActivities,
    Asking,
    Change,
    Dispatch,
    DispatchActivities,
    RecordActivities,
    sending_queue,
)
from activities.record import MongoRecord
from bootstrap import connect_temporal, mongodb
from domain.interaction import HistoryEntry
from domain.status import Milestone, Standing, Status
from domain.submission import Submission
from integrations import Integrations
from settings import Settings

QUEUE: Final = "bench"
_STEP: Final = timedelta(seconds=60)


@workflow.defn(name="Limit")
class Limit:
    """One update that does nothing."""

    @workflow.run
    async def run(self) -> None:
        """End at once."""

    @workflow.update
    async def admitted(self) -> str:
        """Answer at once."""
        return "ok"


@activity.defn
async def nothing() -> None:
    """Do nothing."""


@workflow.defn(name="Floor")
class Floor:
    """One update, one activity, two signals."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self._heard = 0

    @workflow.run
    async def run(self) -> None:
        """One activity, and then two signals."""
        await workflow.execute_activity(nothing, start_to_close_timeout=_STEP)
        await workflow.wait_condition(lambda: self._heard == 2)  # noqa: PLR2004 - delivered and read

    @workflow.update
    async def admitted(self) -> str:
        """Answer at once."""
        return "ok"

    @workflow.signal
    def hear(self) -> None:
        """Count."""
        self._heard += 1


@workflow.defn(name="Naive")
class Naive:
    """Iris's work, each step a normal activity."""

    def __init__(self) -> None:
        """Nothing was heard, and nothing admitted."""
        self._heard: list[str] = []
        self._admitted = False

    @workflow.run
    async def run(self, submission: Submission) -> None:
        """Register, admit, dispatch, record; then record what is heard."""
        await workflow.execute_activity_method(AdmissionActivities.register, submission, start_to_close_timeout=_STEP)
        asking = Asking(submission=submission, admitted_at=workflow.now(), due=None, revision=1)
        admitted = await workflow.execute_activity_method(
            AdmissionActivities.admit, asking, start_to_close_timeout=_STEP
        )
        self._admitted = True
        if admitted.policy is None:
            return
        dispatch = Dispatch.of(admitted.interaction, admitted.policy)
        await workflow.execute_activity_method(
            DispatchActivities.dispatch,
            dispatch,
            task_queue=sending_queue("iris", dispatch.provider),
            start_to_close_timeout=_STEP,
        )
        await self._record(submission, 3, Standing(status=Status.SENT, custom_status="queued"))
        for number in range(2):
            await workflow.wait_condition(lambda number=number: len(self._heard) > number)
            word = self._heard[number]
            standing = Standing(status=Status.COMPLETED, custom_status=word, milestone=Milestone[word.upper()])
            await self._record(submission, 4 + number, standing)

    async def _record(self, submission: Submission, sequence: int, standing: Standing) -> None:
        entry = HistoryEntry(date=workflow.now(), status=standing.status, custom_status=standing.custom_status)
        change = Change(
            interaction_id=submission.interaction_id,
            integration_id=submission.integration.integration_id,
            sequence=sequence,
            revision=sequence,
            standing=standing,
            updated=workflow.now(),
            history_before=sequence - 1,
            history=[entry],
            heard_before=0,
        )
        await workflow.execute_activity_method(RecordActivities.record, change, start_to_close_timeout=_STEP)

    @workflow.query
    def is_admitted(self) -> bool:
        """What the caller polls."""
        return self._admitted

    @workflow.signal
    def hear(self, word: str) -> None:
        """Take news."""
        self._heard.append(word)


def create_worker(client: Client, settings: Settings) -> Worker:
    """A worker of all shapes, with the settings of Iris's own."""
    admission, record = MongoAdmission(Integrations(settings.lookups_kept)), MongoRecord()
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[Limit, Floor, Naive],
        activities=[nothing, admission.register, admission.admit, record.record],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        max_cached_workflows=settings.cached_workflows,
    )


async def work(settings: Settings) -> None:
    """Work until killed."""
    client = await connect_temporal(settings)
    async with mongodb(settings), create_worker(client, settings):
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(work(Settings()))
