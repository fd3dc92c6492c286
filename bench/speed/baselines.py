"""Baselines that Iris is compared with, and their worker.

- *ceiling*: engine ceiling: a bare workflow with one update that does nothing.
- *minimal*: a workflow with Iris's durable steps: one update, one activity, two signals; no database.
- *steps*: Iris's own workflow without any work (`bench.speed.noop_activities`).
- *naive*: Iris's own work as normal activities one after another, whose caller starts it and then polls.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from activities.admission import MongoAdmission
from activities.interfaces import (
    AdmitInput,
    AdmitResult,
    Dispatch,
    DispatchActivities,
    RecordActivities,
    RecordStepInput,
    sending_queue,
)
from activities.record import MongoRecord
from bench.speed.noop_activities import create_workers, workflow_worker
from bootstrap import collect_rarely, connect_temporal, mongodb
from domain.destinations import Destination
from domain.interaction import UNWRITTEN, DispatchPolicy, HistoryEntry, Revision
from domain.problems import Problem
from domain.status import InteractionState, Milestone, Status
from domain.submission import Submission
from integrations.cache import Integrations
from queries.consents import Consents
from queries.gate import Gate
from queries.reach import Reach
from queries.sending_rules import TenantRules
from queries.validation import owners_of, validate
from settings import Settings

QUEUE: Final = "bench"
_STEP: Final = timedelta(seconds=60)


@workflow.defn(name="Ceiling")
class Ceiling:
    """Workflow with one update that does nothing."""

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


@workflow.defn(name="Minimal")
class Minimal:
    """One update, one activity, two signals."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._received = 0

    @workflow.run
    async def run(self) -> None:
        """Run one activity, then wait for two signals."""
        await workflow.execute_activity(nothing, start_to_close_timeout=_STEP)
        await workflow.wait_condition(lambda: self._received == 2)  # noqa: PLR2004 - delivered and read

    @workflow.update
    async def admitted(self) -> str:
        """Answer at once."""
        return "ok"

    @workflow.signal
    def apply(self) -> None:
        """Count a signal."""
        self._received += 1


class Checked(BaseModel):
    """Problems of a submission, or its dispatch policy if there are none."""

    problems: list[Problem]
    destinations: list[Destination]
    policy: DispatchPolicy | None


class Resolving(BaseModel):
    """A valid submission whose users and process are to be found or created."""

    asking: AdmitInput
    destinations: list[Destination]
    policy: DispatchPolicy


class NaiveSteps:
    """The three parts of Iris's admission, each an activity."""

    def __init__(self, integrations: Integrations, gate: Gate) -> None:
        """Use Iris's own implementation."""
        self._integrations, self._gate = integrations, gate
        self._admission = MongoAdmission(integrations, gate)

    @activity.defn
    async def register(self, submission: Submission) -> bool:
        """Store it."""
        return await self._admission.register(submission, activity.info().workflow_run_id or "")

    @activity.defn
    async def validate(self, submission: Submission) -> Checked:
        """Validate."""
        refusals = await self._gate.refusals_of(submission.recipients)
        found = await validate(self._integrations, submission, owners=[], refusals=refusals)
        return Checked(problems=found.problems, destinations=found.destinations, policy=found.policy)

    @activity.defn
    async def resolve(self, resolving: Resolving) -> AdmitResult:
        """Find or create the users and the process."""
        owners = await owners_of(resolving.asking.submission)
        return await self._admission.resolve(resolving.asking, resolving.destinations, resolving.policy, owners)


@workflow.defn(name="Naive")
class Naive:
    """Iris's work, each step a normal activity."""

    def __init__(self) -> None:
        """Start with nothing received or admitted."""
        self._received: list[str] = []
        self._admitted = False

    @workflow.run
    async def run(self, submission: Submission) -> None:
        """Register, validate, resolve, dispatch, record; then record received events."""
        await workflow.execute_activity_method(NaiveSteps.register, submission, start_to_close_timeout=_STEP)
        checked = await workflow.execute_activity_method(NaiveSteps.validate, submission, start_to_close_timeout=_STEP)
        if checked.policy is None:
            return
        asking = AdmitInput(submission=submission, admitted_at=workflow.now(), due=None, revision=UNWRITTEN)
        admitted = await workflow.execute_activity_method(
            NaiveSteps.resolve,
            Resolving(asking=asking, destinations=checked.destinations, policy=checked.policy),
            start_to_close_timeout=_STEP,
        )
        self._admitted = True
        dispatch = Dispatch.of(admitted.interaction, checked.policy)
        await workflow.execute_activity_method(
            DispatchActivities.dispatch,
            dispatch,
            task_queue=sending_queue("iris", dispatch.provider),
            start_to_close_timeout=_STEP,
        )
        await self._record(submission, 3, InteractionState(status=Status.SENT, custom_status="queued"))
        for number in range(2):
            await workflow.wait_condition(lambda number=number: len(self._received) > number)
            word = self._received[number]
            state = InteractionState(status=Status.COMPLETED, custom_status=word, milestone=Milestone[word.upper()])
            await self._record(submission, 4 + number, state)

    async def _record(self, submission: Submission, sequence: int, state: InteractionState) -> None:
        entry = HistoryEntry(date=workflow.now(), status=state.status, custom_status=state.custom_status)
        change = RecordStepInput(
            interaction_id=submission.interaction_id,
            integration_id=submission.integration.integration_id,
            sequence=sequence,
            revision=Revision(history_length=sequence, task_time=workflow.now()),
            state=state,
            updated=workflow.now(),
            history_before=sequence - 1,
            history=[entry],
            recorded_before=0,
        )
        await workflow.execute_activity_method(RecordActivities.record, change, start_to_close_timeout=_STEP)

    @workflow.query
    def is_admitted(self) -> bool:
        """Whether it is admitted; the caller polls this."""
        return self._admitted

    @workflow.signal
    def apply(self, word: str) -> None:
        """Apply provider events."""
        self._received.append(word)


def _gate(ttl: timedelta) -> Gate:
    rules = TenantRules(ttl)
    return Gate(Consents(), rules, Reach(rules))


def create_worker(client: Client, settings: Settings) -> Worker:
    """Create the worker of ceiling, minimal and naive."""
    ttl = settings.lookup_cache_ttl
    steps, record = NaiveSteps(Integrations(ttl), _gate(ttl)), MongoRecord()
    activities = [nothing, steps.register, steps.validate, steps.resolve, record.record]
    return workflow_worker(client, settings, QUEUE, [Ceiling, Minimal, Naive], activities)


async def work(settings: Settings) -> None:
    """Work until killed."""
    client = await connect_temporal(settings)
    async with mongodb(settings), AsyncExitStack() as stack:
        for worker in (create_worker(client, settings), *create_workers(client, settings)):
            await stack.enter_async_context(worker)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    collect_rarely()
    uvloop.run(work(Settings()))
