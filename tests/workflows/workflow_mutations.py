"""Edits of the interaction's workflow: what somebody might change, tried on a copy of its source."""

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


_SEND: Final = "        outcome = await send("
_RECORD: Final = (
    "        await self._record(received.state, [entry, *received.entries], [*refused, *received.events], message_id)\n"
)


def moved(source: str, early: str, late: str) -> str:
    """The dispatch with something before the send, and something else in the place of what is recorded after it."""
    assert source.count(_SEND) == source.count(_RECORD) == 1
    return source.replace(_SEND, early + _SEND).replace(_RECORD, late)


def recorded_first(source: str) -> str:
    """An edit that nobody may deploy: what is sent is recorded before."""
    return moved(source, "        await self._record(self._state, [])\n", "")


def recorded_first_by_new_runs(source: str) -> str:
    """The same edit, which leaves to open runs the order that they began with."""
    early = (
        '        records_first = workflow.patched("record-first")\n'
        "        if records_first:\n"
        "            await self._record(self._state, [])\n"
    )
    return moved(source, early, "        if not records_first:\n" + " " * 4 + _RECORD)


def answered_otherwise(source: str) -> str:
    """Another edit that nobody may deploy: what the admission answers is read as something else."""
    asked = "execute_local_activity_method(\n            AdmissionActivities.admit, asking,"
    assert source.count(asked) == 1
    return source.replace(asked, 'execute_local_activity(\n            "admit", asking, result_type=int,')


@contextmanager
def edited(edit: Edit, directory: Path) -> Generator[tuple[type, ...]]:
    """All workflows, the interaction's being that of a module in a directory, to which the edit was done."""
    name = f"edited_{new_id()}"
    (directory / f"{name}.py").write_text(edit(inspect.getsource(interaction)))
    sys.path.insert(0, str(directory))
    try:
        changed = importlib.import_module(name).InteractionWorkflow
        yield tuple(changed if workflow is InteractionWorkflow else workflow for workflow in WORKFLOWS)
    finally:
        sys.path.remove(str(directory))
