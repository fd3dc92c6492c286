"""How a command ends, whatever it ends with."""

import logging
import os
import sys
from typing import NoReturn

from rich.markup import escape

from commands.client import ERR


def say_problem(error: Exception) -> None:
    """Say in one line what is wrong with the servers or the settings; any other error is raised again."""
    # Not before: most commands need none of the libraries whose errors these are.
    from operations.starting import problem_in_one_line

    problem = problem_in_one_line(error)
    if problem is None:
        raise error
    ERR.print(f"[bold red]iris:[/] {escape(problem)}", highlight=False, soft_wrap=True)


def leave(code: str | int | None) -> NoReturn:
    """End this process as `sys.exit` does, but without ending the threads of Temporal's SDK.

    Ending them sometimes crashes at the exit of a short process (https://github.com/temporalio/sdk-python/issues/300).
    """
    if "temporalio.bridge" not in sys.modules:
        sys.exit(code)
    logging.shutdown()
    sys.stdout.flush()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))
