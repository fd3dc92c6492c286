"""Histories of earlier runs still replay: an edit of the workflow that would break open runs is caught here."""

import importlib
import inspect
import json
import re
import textwrap
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from domain.identifiers import new_id
from domain.status import Standing, Status
from replaying import ADVICE, reason_of
from tests.workflows.recording import HISTORIES
from tests.workflows.stories import STORIES
from workflows import interaction
from workflows.outcomes import NOT_SENT, UNKNOWN
from workflows.reception import ReceptionWorkflow
from workflows.registry import WORKFLOWS

Edit = Callable[[str], str]
"""Changes the source of the interaction's workflow."""

Edited = Callable[[Edit], list[type]]


def history_of(story: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"replay-{story}", (HISTORIES / f"{story}.json").read_text())


async def replayed(story: str, workflows: Sequence[type] = WORKFLOWS) -> None:
    """Replay a story's history, in the sandbox.

    Raises:
        AssertionError: with our advice, if it does not replay.
    """
    replayer = Replayer(workflows=workflows, data_converter=pydantic_data_converter)
    result = await replayer.replay_workflow(history_of(story), raise_on_replay_failure=False)
    assert result.replay_failure is None, f"{ADVICE}\n{reason_of(result.replay_failure)}"


def test_every_story_has_a_recorded_history() -> None:
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(STORIES)


@pytest.mark.parametrize("story", STORIES)
async def test_a_recorded_history_replays(story: str) -> None:
    await replayed(story)


def test_the_stories_end_in_every_way_that_an_interaction_can() -> None:
    words: defaultdict[Status, set[str | None]] = defaultdict(set)
    for story in STORIES:
        ended = history_of(story).events[-1].workflow_execution_completed_event_attributes
        for result in ended.result.payloads:
            standing = Standing.model_validate_json(result.data)
            words[standing.status].add(standing.custom_status)
    assert set(words) == set(Status) - {Status.VALIDATION_PENDING, Status.DISPATCH_PENDING}
    assert words[Status.PROVIDER_SENDING_ERROR] == {"rejected", UNKNOWN, NOT_SENT}


async def test_the_stories_take_every_branch_of_every_workflow(tmp_path: Path) -> None:
    """A branch that no story takes could be edited without any history failing to replay."""
    sources = [inspect.getfile(workflow) for workflow in WORKFLOWS]
    measured = Coverage(data_file=None, branch=True, include=sources, config_file=False)
    measured.exclude(r"@workflow\.query")  # queries are in no history
    measured.exclude("< MOST_EVENTS", which="partial")  # so many events would be a megabyte of history
    with measured.collect():
        for story in STORIES:
            await replayed(story)
    measured.json_report(outfile=str(tmp_path / "report.json"))
    files: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())["files"]
    unplayed = {name: (of["missing_lines"], of["missing_branches"]) for name, of in files.items()}
    assert unplayed == dict.fromkeys(unplayed, ([], [])), "add a story that takes these lines and branches"
    assert len(unplayed) == len(sources)


def statement(source: str, activity: str) -> str:
    """The statement of the admission that awaits an activity."""
    (found,) = re.findall(rf"^ {{8}}\w+ = await [^=]*?{activity}, .*?\n {{8}}\)\n", source, re.MULTILINE | re.DOTALL)
    return found


def validated_first(source: str) -> str:
    """An edit that nobody may deploy: a submission is validated before it is registered."""
    register, validate = (statement(source, f"AdmissionActivities.{name}") for name in ("register", "validate"))
    return source.replace(validate, "").replace(register, validate + register)


def validated_first_by_new_runs(source: str) -> str:
    """The same edit, which leaves to open runs the order that they began with."""
    register, validate = (statement(source, f"AdmissionActivities.{name}") for name in ("register", "validate"))
    indented = textwrap.indent(validate, " " * 4)
    early = '        validates_first = workflow.patched("validate-first")\n        if validates_first:\n' + indented
    late = "        if not validates_first:\n" + indented
    return source.replace(validate, late).replace(register, early + register)


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edited:
    """The workflows as they are after an edit of the interaction's."""

    def edit(change: Edit) -> list[type]:
        name = f"edited_{new_id()}"
        (tmp_path / f"{name}.py").write_text(change(inspect.getsource(interaction)))
        monkeypatch.syspath_prepend(str(tmp_path))
        return [importlib.import_module(name).InteractionWorkflow, ReceptionWorkflow]

    return edit


async def test_an_edit_that_reorders_activities_fails_with_our_advice(edited: Edited) -> None:
    with pytest.raises(AssertionError, match=re.escape(ADVICE)):
        await replayed("delivered", edited(validated_first))


@pytest.mark.parametrize("story", ["delivered", "refused_submission", "registered_by_another_run"])
async def test_the_same_edit_behind_patched_replays(story: str, edited: Edited) -> None:
    await replayed(story, edited(validated_first_by_new_runs))
