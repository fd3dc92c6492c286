"""Keeping the record of an interaction, step by step."""

from typing import Any

from temporalio import activity

from activities.interfaces import Change, Record, RecordActivities
from models.interaction import Interaction, Step


class MongoRecord(RecordActivities):
    """The record in MongoDB."""

    @activity.defn
    async def record(self, change: Change) -> None:
        """Write one step of an interaction down."""
        step = Step(
            sequence=change.sequence,
            revision=change.revision,
            history_before=change.history_before,
            history=change.history,
            heard_before=change.heard_before,
            heard=change.heard,
        )
        changes: dict[str, Any] = {
            "status": change.standing.status.value,
            "custom_status": change.standing.custom_status,
            "milestone": int(change.standing.milestone),
            "updated": change.updated,
        }
        if change.problems:
            changes["problems"] = [problem.model_dump() for problem in change.problems]
        if change.provider_message_id is not None:
            changes["provider_message_ids"] = [change.provider_message_id]
        await Interaction.write_step(change.interaction_id, step, changes)

    @activity.defn
    async def load(self, interaction_id: str) -> Record | None:
        """What is stored of an interaction, or None if there is no such one."""
        document = await Interaction.find_one({"_id": interaction_id})
        if document is None:
            return None
        return Record(
            interaction=await document.view(),
            fingerprint=document.fingerprint,
            sequence=document.sequence,
            revision=document.revision,
            standing=document.standing,
            policy=document.policy,
            problems=document.problems,
        )
