"""Accepted history cost of each scenario; `python -m tests.workflows.figures` accepts the current cost."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory

from bench.history_cost import figures_of
from tests.workflows.recording import HISTORIES
from tests.workflows.scenarios import SCENARIOS

ACCEPTED: Final = Path(__file__).with_name("figures.json")


def figures_of_scenarios() -> dict[str, dict[str, int]]:
    """Count the events, workflow tasks and billable actions of each scenario's recorded history."""
    histories = {scenario: (HISTORIES / f"{scenario}.json").read_text() for scenario in sorted(SCENARIOS)}
    return {
        scenario: asdict(figures_of(WorkflowHistory.from_json(scenario, history).events))
        for scenario, history in histories.items()
    }


if __name__ == "__main__":
    ACCEPTED.write_text(json.dumps(figures_of_scenarios(), indent=2) + "\n")
