"""Storage of the record of an interaction, step by step."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import activity

from activities.interfaces import Record, RecordActivities, RecordStepInput
from activities.opt_outs import record_opt_outs
from activities.publishing import Publish, publish_nothing
from domain.status import UNSENT
from domain.strategy.progress import StepReport
from domain.strategy.reference import StrategyReference
from models.interaction import Interaction
from models.interaction_steps import Step
from queries.consents import Consents
from queries.strategy_runs import report_of
from support.metrics import count_statuses

Wake = Callable[[str], Awaitable[None]]
"""Lets the gate decide again about a held message, by its id."""


ReportStep = Callable[[str, StepReport], Awaitable[None]]
"""Reports the state of a step's interaction to the run of a strategy, by the run's id."""


async def wake_nothing(interaction_id: str) -> None:
    """Wake nothing: for workers and tests without messages that keep an order."""


async def report_nothing(run_id: str, report: StepReport) -> None:
    """Report nothing: for workers and tests without strategies."""


class MongoRecord(RecordActivities):
    """The record in MongoDB."""

    def __init__(
        self,
        publish: Publish = publish_nothing,
        wake: Wake = wake_nothing,
        consents: Consents | None = None,
        report: ReportStep = report_nothing,
    ) -> None:
        """Store the record, publish its events, wake the messages that wait for it, and learn who opted out.

        Args:
            publish: publishes events.
            wake: wakes a message.
            consents: where opt-outs are recorded; None for workers and tests that learn none.
            report: reports to the run of a strategy.
        """
        self._publish = publish
        self._consents = consents
        self._wake = wake
        self._report = report

    @activity.defn
    async def record(self, change: RecordStepInput) -> None:
        """Write one step of an interaction's record."""
        step = Step(
            sequence=change.sequence,
            revision=change.revision,
            history_before=change.history_before,
            history=change.history,
            recorded_before=change.recorded_before,
            received=change.received,
            message_ids=_message_ids(change),
        )
        changes: dict[str, Any] = {
            "status": change.state.status.value,
            "custom_status": change.state.custom_status,
            "milestone": int(change.state.milestone),
            "due": change.due,
            "updated": change.updated,
            "hold": change.hold.model_dump() if change.hold is not None else None,
            "wakes_at": change.wakes_at,
        }
        if change.schedule is not None:
            changes["schedule"] = change.schedule.model_dump(by_alias=True)
        if change.problems:
            # An earlier try of the task may have admitted it: that is undone.
            changes["problems"] = [problem.model_dump() for problem in change.problems]
            changes |= {"user_ids": [], "process_id": change.process_id, "policy": None}
        await Interaction.write_step(change.interaction_id, step, changes)
        if change.history:
            # The registration is published by the admission, or here if it ended without having been admitted.
            first = change.history_before if change.history_before > 1 else 0
            await self._publish(change.integration_id, change.integration_version, change.interaction_id, first)
        if self._consents is not None:
            await record_opt_outs(self._consents, change)
        if change.is_ordered and change.state.status not in UNSENT:
            for waiter in await Interaction.waiters_of(change.interaction_id):
                await self._wake(waiter)
        if change.strategy is not None:
            await self._report_step(change.interaction_id, change.strategy)
        count_statuses(entry.status for entry in change.history)

    async def _report_step(self, interaction_id: str, step: StrategyReference) -> None:
        document = await Interaction.find_one({"_id": interaction_id})
        if document is not None:
            await self._report(step.run_id, report_of(document, step.step - 1))

    @activity.defn
    async def load(self, interaction_id: str) -> Record | None:
        """Load an interaction's record; None if there is no such interaction."""
        document = await Interaction.find_one({"_id": interaction_id})
        if document is None:
            return None
        return Record(
            interaction=await document.view(),
            fingerprint=document.fingerprint,
            sequence=document.sequence,
            revision=document.revision,
            state=document.state,
            due=document.due,
            policy=document.policy,
            problems=document.problems,
            is_erased=document.erased_at is not None,
        )


def _message_ids(change: RecordStepInput) -> list[str]:
    """Provider's ids of the message: from its answer, and from events that came with our reference."""
    reported = [received.event.provider_message_id for received in change.received if received.applied]
    return sorted({message_id for message_id in [change.provider_message_id, *reported] if message_id is not None})
