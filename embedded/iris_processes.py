"""Iris's own processes as child processes: the same commands and environment that containers run."""

import asyncio
import socket
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from typing_extensions import override

from embedded.ports import LOOPBACK
from embedded.processes import Server, until
from embedded.temporal_server import TemporalServer

IRIS: Final = (sys.executable, str(Path(__file__).parents[1] / "cli.py"))
"""The `iris` command, also where its package is not installed."""
ANSWER_SECONDS: Final = 2.0


class Program(Server):
    """A process of Iris that runs one of the `iris` commands in the given environment."""

    def __init__(self, command: str, log: Path, environment: Mapping[str, str], *options: str) -> None:
        super().__init__(f"iris {command}", log)
        self._arguments = command, *options
        self._environment = environment

    @override
    def command(self) -> Sequence[str]:
        return [*IRIS, *self._arguments]

    @override
    def environment(self) -> Mapping[str, str]:
        return self._environment


class WebProgram(Program):
    """A process that serves HTTP on the loopback interface, and answers 200 at a path of its own when all is well.

    Attributes:
        url: where it is served.
    """

    stop_seconds = 20.0

    def __init__(self, command: str, log: Path, environment: Mapping[str, str], port: int, health_path: str) -> None:
        super().__init__(command, log, environment, "--host", LOOPBACK, "--port", str(port))
        self._port = port
        self._health_path = health_path
        self.url = f"http://{LOOPBACK}:{port}"

    @override
    async def serving(self) -> None:
        await until(lambda: asyncio.to_thread(is_well, self._port, self._health_path))


def is_well(port: int, path: str) -> bool:
    """Whether 200 is answered at a path of a port of the loopback interface."""
    connection = HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class WorkerProgram(Program):
    """The worker, which serves as soon as the Temporal server hears it ask for work.

    A Temporal server that is not ours is not asked: the worker then counts as serving once it runs.
    """

    stop_seconds = 45.0

    def __init__(self, log: Path, environment: Mapping[str, str], temporal: TemporalServer | None) -> None:
        super().__init__("worker", log, environment)
        self._task_queue = environment.get("IRIS_TASK_QUEUE", "iris")
        self._temporal = temporal

    @override
    async def serving(self) -> None:
        if temporal := self._temporal:
            identity = f"{self.pid}@{socket.gethostname()}"  # as Temporal's SDK names a worker
            await until(lambda: temporal.has_worker(self._task_queue, identity))
