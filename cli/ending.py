"""Exit of a command, whatever the reason."""

import logging
import os
import sys
from typing import NoReturn

from rich.markup import escape

from cli.client import ERR


def say_problem(error: Exception) -> None:
    """Print problems of servers or settings in one line; raise any other error again."""
    # Imported late, because most commands need none of the libraries that raise these errors.
    from operations.startup import problem_in_one_line

    problem = problem_in_one_line(error)
    if problem is None:
        raise error
    ERR.print(f"[bold red]iris:[/] {escape(problem)}", highlight=False, soft_wrap=True)


def leave(code: str | int | None) -> NoReturn:
    """End this process like `sys.exit`, but without ending the threads of Temporal's SDK.

    Ending them sometimes crashes a short process at exit (https://github.com/temporalio/sdk-python/issues/300).
    """
    if "temporalio.bridge" not in sys.modules:
        sys.exit(code)
    logging.shutdown()
    sys.stdout.flush()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))
