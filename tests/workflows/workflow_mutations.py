"""Source edits of the interaction's workflow, applied to a copy of its module."""

import importlib
import inspect
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from domain.identifiers import new_id
from workflows import interaction
from workflows.interaction import InteractionWorkflow
from workflows.registry import WORKFLOWS

Edit = Callable[[str], str]
"""The source after a change."""


_SEND: Final = "            outcome = await send("
_RECORD: Final = "                await self._record(self._lifecycle.finish_dispatch(outcome, _task()))\n"
_RECORD_EARLY: Final = "await self._record(self._lifecycle.finish_dispatch('not sent yet', _task()))\n"


def moved(source: str, early: str, late: str) -> str:
    """Insert code before the send, and replace the record step after it."""
    assert source.count(_SEND) == source.count(_RECORD) == 1
    return source.replace(_SEND, early + _SEND).replace(_RECORD, late)


def recorded_first(source: str) -> str:
    """Record before the send: an edit that breaks replay of open runs."""
    return moved(source, " " * 12 + _RECORD_EARLY, " " * 16 + "pass\n")


def recorded_first_by_new_runs(source: str) -> str:
    """Record before the send in new runs only; open runs keep their order."""
    early = (
        '            records_first = workflow.patched("record-first")\n'
        "            if records_first:\n"
        f"                {_RECORD_EARLY}"
    )
    return moved(source, early, " " * 16 + "if not records_first:\n" + " " * 4 + _RECORD)


def answered_otherwise(source: str) -> str:
    """Read the admission's answer as another type: an edit that breaks replay of open runs."""
    asked = "execute_local_activity_method(\n            AdmissionActivities.admit,\n            admit_input,"
    assert source.count(asked) == 1
    return source.replace(asked, 'execute_local_activity(\n            "admit", admit_input, result_type=int,')


@contextmanager
def edited(edit: Edit, directory: Path) -> Generator[tuple[type, ...]]:
    """Yield all workflows, with the interaction's taken from an edited module in a directory."""
    name = f"edited_{new_id()}"
    (directory / f"{name}.py").write_text(edit(inspect.getsource(interaction)))
    sys.path.insert(0, str(directory))
    try:
        changed = importlib.import_module(name).InteractionWorkflow
        yield tuple(changed if workflow is InteractionWorkflow else workflow for workflow in WORKFLOWS)
    finally:
        sys.path.remove(str(directory))
