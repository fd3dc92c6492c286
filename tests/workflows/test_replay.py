"""Recorded histories replay: an edit of a workflow that would break open runs fails here."""

import inspect
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from domain.gate.decision import EXPIRED, SUPPRESSED, HoldReason
from domain.status import InteractionState, Status
from operations.replay_check import ADVICE, reason_of
from temporal.worker_versions import UNVERSIONED
from tests.workflows.recording import HISTORIES
from tests.workflows.scenarios import SCENARIOS
from tests.workflows.workflow_mutations import edited, recorded_first, recorded_first_by_new_runs
from workflows.outcomes import CANCELLED, NOT_SENT, UNKNOWN
from workflows.registry import WORKFLOWS


def history_of(scenario: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"replay-{scenario}", (HISTORIES / f"{scenario}.json").read_text())


async def replayed(scenario: str, workflows: Sequence[type] = WORKFLOWS) -> None:
    """Replay a scenario's history, in the sandbox.

    Raises:
        AssertionError: with the advice, if it does not replay.
    """
    replayer = Replayer(workflows=workflows, data_converter=pydantic_data_converter, build_id=UNVERSIONED)
    result = await replayer.replay_workflow(history_of(scenario), raise_on_replay_failure=False)
    assert result.replay_failure is None, f"{ADVICE}\n{reason_of(result.replay_failure)}"


def test_every_scenario_has_a_recorded_history() -> None:
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_recorded_history_replays(scenario: str) -> None:
    await replayed(scenario)


def test_the_scenarios_end_in_every_way_that_an_interaction_can() -> None:
    words: defaultdict[Status, set[str | None]] = defaultdict(set)
    for scenario in SCENARIOS:
        events = history_of(scenario).events
        if events[0].workflow_execution_started_event_attributes.workflow_type.name not in {
            "Interaction",
            "InboundMessage",
        }:
            continue
        ended = events[-1].workflow_execution_completed_event_attributes
        for result in ended.result.payloads:
            state = InteractionState.model_validate_json(result.data)
            words[state.status].add(state.custom_status)
    assert set(words) == set(Status) - {Status.VALIDATION_PENDING}
    # Held for so long that a later workflow goes on.
    assert words[Status.DISPATCH_PENDING] == {HoldReason.SCHEDULED}
    assert words[Status.PROVIDER_SENDING_ERROR] == {"rejected", UNKNOWN, NOT_SENT, CANCELLED, EXPIRED, SUPPRESSED}


async def test_the_scenarios_take_every_branch_of_every_workflow(tmp_path: Path) -> None:
    """An edit of a branch that no scenario takes would not make any replay fail."""
    measured = Coverage(data_file=None, branch=True, include=["workflows/*"], config_file=False)
    measured.exclude(r"@workflow\.query")  # queries are in no history
    measured.exclude("< MAX_RECORDED_EVENTS", which="partial")  # so many events would be a megabyte of history
    # Histories that long would be megabytes: `test_long_histories.py` takes these.
    measured.exclude(r"is_continue_as_new_suggested|def _continue_as_new|continue_as_new\(self\._start")
    # An update that comes while the last answer of a run that parks is under way cannot be timed.
    measured.exclude(r"if self\._holding\.is_disturbed")
    measured.exclude(r"if await self\._parks", which="partial")
    measured.exclude(r"if not self\._has_changes", which="partial")
    # The last case of those that the type allows.
    measured.exclude(r"case (str\(\)|Status\.PROCESS_ERROR \| Status\.RECEIVED|\($)", which="partial")
    with measured.collect():
        replayer = Replayer(
            workflows=WORKFLOWS,
            data_converter=pydantic_data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),
            build_id=UNVERSIONED,
        )
        for scenario in SCENARIOS:
            await replayer.replay_workflow(history_of(scenario))
    measured.json_report(outfile=str(tmp_path / "report.json"))
    files: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())["files"]
    assert {str(Path(inspect.getfile(workflow)).relative_to(Path.cwd())) for workflow in WORKFLOWS} <= set(files)
    # Code outside functions ran when the module was imported.
    functions = {
        f"{file} {name}": [*function["missing_lines"], *function["missing_branches"]]
        for file, report in files.items()
        for name, function in report["functions"].items()
        if name
    }
    uncovered = {name: places for name, places in functions.items() if places}
    assert not uncovered, "add a scenario to tests/workflows/scenarios.py that takes these lines and branches"


async def test_an_edit_that_reorders_activities_fails_with_our_advice(tmp_path: Path) -> None:
    with edited(recorded_first, tmp_path) as workflows, pytest.raises(AssertionError, match=re.escape(ADVICE)):
        await replayed("delivered", workflows)


@pytest.mark.parametrize("scenario", ["delivered", "refused_by_the_provider", "cancelled_before_it_is_sent"])
async def test_the_same_edit_behind_patched_replays(scenario: str, tmp_path: Path) -> None:
    with edited(recorded_first_by_new_runs, tmp_path) as workflows:
        await replayed(scenario, workflows)
