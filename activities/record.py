"""Keeping the record of an interaction, step by step."""

from typing import Any

from temporalio import activity

from activities.interfaces import Change, Record, RecordActivities
from models.interaction import Interaction


class MongoRecord(RecordActivities):
    """The record in MongoDB."""

    @activity.defn
    async def record(self, change: Change) -> None:
        """Write one step of an interaction down, once: a step that is written already changes nothing."""
        update: dict[str, Any] = {
            "$set": {
                "sequence": change.sequence,
                "status": change.standing.status.value,
                "custom_status": change.standing.custom_status,
                "milestone": int(change.standing.milestone),
                "updated": change.updated,
                "problems": [problem.model_dump() for problem in change.problems],
            },
            "$push": {
                "history": {"$each": [entry.model_dump() for entry in change.history]},
                "provider_events": {"$each": [heard.model_dump() for heard in change.heard]},
            },
        }
        if change.provider_message_id is not None:
            update["$addToSet"] = {"provider_message_ids": change.provider_message_id}
        written_before = {"_id": change.interaction_id, "sequence": change.sequence - 1}
        await Interaction.collection().update_one(written_before, update)

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
            standing=document.standing,
            policy=document.policy,
            problems=document.problems,
        )
