"""Query plans of lists."""

from collections.abc import Mapping
from typing import Any

from pymongo import DESCENDING

from models.base import Stored


async def plan(
    documents: type[Stored], selector: Mapping[str, Any], date_field: str = "created"
) -> tuple[set[str], int]:
    """Stages by which MongoDB finds the newest, and number of documents it examines."""
    newest_first = [(date_field, DESCENDING), ("_id", DESCENDING)]
    explained = await documents.collection().find(selector).sort(newest_first).limit(51).explain()

    def stages(stage: dict[str, Any]) -> set[str]:
        inner = [*stage.get("inputStages", []), *([stage["inputStage"]] if "inputStage" in stage else [])]
        return {stage["stage"]}.union(*map(stages, inner))

    return stages(explained["queryPlanner"]["winningPlan"]), explained["executionStats"]["totalDocsExamined"]
