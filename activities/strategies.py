"""Runs of strategies: their record, and the submission of their messages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import activity

from activities.strategy_interfaces import (
    RunRecordInput,
    StartStepInput,
    StopStepsInput,
    StoredRun,
    StrategyActivities,
)
from domain.strategy.run import Run
from domain.submission import Admission, Submission
from models.interaction import Interaction
from models.strategy_run import StrategyRun
from queries.correlation import InteractionRef
from queries.strategy_runs import admission_of, interactions_of, present
from support.metrics import count_strategy_outcome, count_strategy_step

Submit = Callable[[Submission, Sequence[str]], Awaitable[Admission]]
"""Submits a message, whose expected users are given."""

Supersede = Callable[[InteractionRef], Awaitable[None]]
"""Cancels the message of a step that is not needed any more."""


PublishEnd = Callable[[Run], Awaitable[None]]
"""Publishes the end of a run."""


@dataclass(frozen=True, slots=True)
class MongoStrategies(StrategyActivities):
    """Runs in MongoDB.

    Attributes:
        submit: submits the message of a step.
        supersede: cancels the message of a step.
        publish: publishes the end of a run.
    """

    submit: Submit
    supersede: Supersede
    publish: PublishEnd

    def all(self) -> list[Callable[..., Any]]:
        """Return every activity, for a worker."""
        return [self.start_step, self.load_run, self.record_run, self.stop_steps]

    @activity.defn
    async def start_step(self, start: StartStepInput) -> Admission | None:
        """Store the run and submit the message of its new step; None if another workflow stored the run before."""
        run, state = start.run, start.run.states[-1]
        if len(run.states) == 1:
            # The interaction is submitted once, however often it is asked for, so that neither waits for the other.
            run_id = activity.info().workflow_run_id or ""
            registering = StrategyRun.register(run, start.revision, run_id)
            stored, admission = await asyncio.gather(registering, self.submit(start.submission, run.user_ids))
            if stored.registered_by != run_id:
                return None
        else:
            stored = await StrategyRun.write(run, start.revision)
            if stored is None or stored.erased_at is not None:
                return None
            admission = await self.submit(start.submission, run.user_ids)
        count_strategy_step(state.reason)
        return admission

    @activity.defn
    async def load_run(self, run_id: str) -> StoredRun | None:
        """Load a run with the present states of its steps; None if there is none."""
        stored = await StrategyRun.find_one({"_id": run_id})
        if stored is None:
            return None
        run = stored.run
        interactions = await interactions_of(run)
        return StoredRun(
            run=present(run, interactions),
            admission=await admission_of(run, interactions),
            history_length=stored.revision.history_length,
        )

    @activity.defn
    async def record_run(self, record: RunRecordInput) -> None:
        """Store a run, and publish its end."""
        await StrategyRun.write(record.run, record.revision)
        if record.run.outcome is not None:
            await self.publish(record.run)
            count_strategy_outcome(record.run.outcome, is_delivered_twice=record.run.is_delivered_twice)

    @activity.defn
    async def stop_steps(self, stop: StopStepsInput) -> None:
        """Cancel messages that no provider has yet."""
        found = await Interaction.find({"_id": {"$in": stop.interaction_ids}}).to_list()
        for interaction in found:
            await self.supersede(InteractionRef.of(interaction))
