"""What each story costs the engine, as last accepted: `python -m tests.workflows.figures` accepts what it is now."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory

from bench.history_cost import figures_of
from tests.workflows.recording import HISTORIES
from tests.workflows.scenarios import STORIES

ACCEPTED: Final = Path(__file__).with_name("figures.json")


def figures_of_stories() -> dict[str, dict[str, int]]:
    """Events, workflow tasks and billable actions of each story's recorded history."""
    histories = {story: (HISTORIES / f"{story}.json").read_text() for story in sorted(STORIES)}
    return {
        story: asdict(figures_of(WorkflowHistory.from_json(story, history).events))
        for story, history in histories.items()
    }


if __name__ == "__main__":
    ACCEPTED.write_text(json.dumps(figures_of_stories(), indent=2) + "\n")
