"""Edits of the interaction's workflow: what somebody might change, tried on a copy of its source."""

import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from domain.identifiers import new_id
from workflows import interaction
from workflows.interaction import InteractionWorkflow
from workflows.registry import WORKFLOWS

Edit = Callable[[str], str]
"""The source after a change."""


def statement(source: str, activity: str) -> str:
    """The statement of the admission that awaits an activity, with the one that makes its argument."""
    argument = r"(?:^ {8}due = [^\n]*\n {8}asking = [^\n]*\n)?"
    awaiting = rf"^ {{8}}\w+ = await [^=]*?{activity}, .*?\n {{8}}\)\n"
    (found,) = re.findall(argument + awaiting, source, re.MULTILINE | re.DOTALL)
    return found


def admitted_first(source: str) -> str:
    """An edit that nobody may deploy: a submission is admitted before it is registered."""
    register, admit = (statement(source, f"AdmissionActivities.{name}") for name in ("register", "admit"))
    return source.replace(admit, "").replace(register, admit + register)


def admitted_first_by_new_runs(source: str) -> str:
    """The same edit, which leaves to open runs the order that they began with."""
    register, admit = (statement(source, f"AdmissionActivities.{name}") for name in ("register", "admit"))
    indented = textwrap.indent(admit, " " * 4)
    early = '        admits_first = workflow.patched("admit-first")\n        if admits_first:\n' + indented
    late = "        if not admits_first:\n" + indented
    return source.replace(admit, late).replace(register, early + register)


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
