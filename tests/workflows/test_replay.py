"""Histories of earlier runs still replay: an edit of the workflow that would break open runs is caught here."""

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.workflows.stories import HISTORIES, STORIES
from workflows.interaction import InteractionWorkflow
from workflows.reception import ReceptionWorkflow

ADVICE = (
    "The workflow no longer takes the steps of a run that may be open in production. Keep the old steps behind "
    "`workflow.patched(...)`, or give the workflow a new version; record histories anew (`make histories`) only for "
    "what the change is meant to change."
)


def test_every_story_has_a_recorded_history() -> None:
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(STORIES)


@pytest.mark.parametrize("story", STORIES)
async def test_a_recorded_history_replays(story: str) -> None:
    history = WorkflowHistory.from_json(f"replay-{story}", (HISTORIES / f"{story}.json").read_text())
    replayer = Replayer(workflows=[InteractionWorkflow, ReceptionWorkflow], data_converter=pydantic_data_converter)
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert result.replay_failure is None, f"{ADVICE}\n{result.replay_failure}"
