"""Iris's own processes as child processes, with the same commands and environment as in containers."""

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

IRIS: Final = (sys.executable, "-P", "-m", "cli")
"""The `iris` command, even if its package is not installed."""
ANSWER_SECONDS: Final = 2.0


class Program(Server):
    """An Iris process that runs an `iris` command in a given environment."""

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
    """A process that serves HTTP on the loopback interface, with a health check at a path.

    Attributes:
        url: its base URL.
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
    """Whether a path on a loopback port responds with 200."""
    connection = HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class WorkerProgram(Program):
    """The worker, which counts as serving once the Temporal server sees it poll.

    An external Temporal server is not queried: the worker then counts as serving once it runs.
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
