"""Runs a command that ends with its parent process, even if that is killed with `kill -9`.

python parent_death_guard.py PARENT_PID -- COMMAND [ARGUMENT…]

It imports nothing of Iris and little of Python, because it precedes every child process and delays each start.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
POLL_SECONDS: Final = 0.2
USAGE_ERROR: Final = 64  # EX_USAGE
NOT_FOUND: Final = 127  # like the shell for a command it cannot run


def become(parent: int, command: Sequence[str]) -> None:
    """Replace this process by `command`, which Linux kills as soon as the parent ends.

    The parent is the *thread* that started this process: it must live as long as the command.

    Raises:
        OSError: if the command cannot be run.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel watched it
        sys.exit()
    os.execvp(command[0], list(command))  # noqa: S606 - running the given command is the purpose


def watch(parent: int, command: Sequence[str]) -> int:
    """Run `command` beside this process and kill it when the parent ends; for systems without `prctl`.

    Returns:
        The command's exit code; `128 + n` when signal n ended it.

    Raises:
        OSError: if the command cannot be run.
    """
    child = subprocess.Popen(command)  # noqa: S603 - running the given command is the purpose

    def forward(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    while True:
        try:
            code = child.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                child.kill()
        else:
            return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    """Run the command of a command line; on Linux it does not return."""
    match arguments:
        case [parent, "--", _, *_] if parent.isdecimal():
            command = arguments[2:]
        case _:
            sys.stderr.write("usage: guard.py PARENT_PID -- COMMAND [ARGUMENT...]\n")
            return USAGE_ERROR
    try:
        if sys.platform == "linux":
            become(int(parent), command)
        return watch(int(parent), command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
