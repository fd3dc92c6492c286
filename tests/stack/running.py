"""A running `iris up` in a separate process: start, output, stop."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final

import httpx2

from embedded.ports import free_port, is_listened_on
from embedded.processes import until
from tests.plain_http import plain_client

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("api", "sandbox", "codec", "temporal", "temporal-ui", "mongodb")
NAMES: Final = {
    "api": "iris api",
    "sandbox": "iris sandbox",
    "worker": "iris worker",
    "temporal": "Temporal",
    "mongodb": "MongoDB",
}
"""Readable names of the processes that tests kill."""
START_SECONDS: Final = 120
STOP_SECONDS: Final = 60


@dataclass(frozen=True)
class Stack:
    """A running `iris up`.

    Attributes:
        output: the file that it prints to.
    """

    process: Process
    output: Path
    data: Path
    ports: Mapping[str, int]

    def printed(self, since: int = 0) -> list[str]:
        """Whole lines of output after a line number."""
        return self.output.read_text().split("\n")[since:-1]

    async def printed_until(self, words: str, since: int = 0) -> list[str]:
        """Wait for a line with these words; return the output after a line number up to it."""

        async def is_there() -> bool:
            has_ended = self.process.returncode is not None
            found = any(words in line for line in self.printed(since))
            assert found or not has_ended, f"it ended after printing {self.printed()}"
            return found

        async with asyncio.timeout(START_SECONDS):
            await until(is_there)
        lines = self.printed(since)
        return lines[: 1 + next(number for number, line in enumerate(lines) if words in line)]

    def kill(self, part: str) -> "Killed":
        """Kill one of its processes (-9)."""
        killed = Killed(self, part, self.pid_of(part), len(self.printed()))
        os.kill(killed.pid, signal.SIGKILL)
        return killed

    async def stop(self) -> str:
        """Stop it like Ctrl-C; return its whole output."""
        self.process.send_signal(signal.SIGINT)
        await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        return self.output.read_text()

    def described(self) -> dict[str, Any]:
        return json.loads((self.data / "stack.json").read_text())

    def pid_of(self, part: str) -> int:
        return int((self.data / "run" / f"{part}.pid").read_text())

    async def until_deserted(self) -> None:
        async def is_deserted() -> bool:
            return not any([await is_listened_on(port) for port in self.ports.values()])

        async with asyncio.timeout(STOP_SECONDS):
            await until(is_deserted)


@dataclass(frozen=True)
class Killed:
    """A killed process of a stack, and the number of lines printed before."""

    stack: Stack
    part: str
    pid: int
    lines: int

    async def has_come_back(self) -> None:
        """Wait until it serves again, as another process on the same port."""
        name = NAMES[self.part]
        printed = await self.stack.printed_until(f"{name} serves again", self.lines)
        assert any(f"{name} was ended by SIGKILL: starting it again" in line for line in printed)
        assert self.stack.pid_of(self.part) != self.pid
        if self.part in self.stack.ports:
            assert await is_listened_on(self.stack.ports[self.part])


@dataclass(frozen=True)
class EarlierRun:
    """Result of a stopped run, and the leftovers that mark it as running."""

    data: Path
    described: Mapping[str, Any]
    sent: Mapping[str, Any]
    last_words: str
    exit_code: int | None
    left: list[str]


async def start(data: Path, *options: str, **environment: str) -> Stack:
    ports = {part: free_port() for part in PARTS}
    port_options = [f"--{part}-port={port}" for part, port in ports.items()]
    file, output = mkstemp(prefix="printed-", dir=data.parent)
    with os.fdopen(file, "wb") as printed:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "up", "--data-dir", str(data), *port_options, *options),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=printed,
            stderr=STDOUT,
        )
    return Stack(process, Path(output), data, ports)


@asynccontextmanager
async def running(data: Path, *options: str, **environment: str) -> AsyncGenerator[tuple[Stack, list[str]]]:
    """A serving stack, and its output until then."""
    stack = await start(data, *options, **environment)
    try:
        yield stack, await stack.printed_until("Ctrl-C stops everything")
    finally:
        if stack.process.returncode is None:
            stack.process.kill()
            await stack.process.wait()


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def send(stack: Stack, destination: str = "34600000001") -> dict[str, Any]:
    """Send through a running stack; return the interaction of the response."""
    described = stack.described()
    message = {
        "payLoad": {"Type": "simple-text", "Text": "Hello"},
        "integrationId": described["integrations"]["sms"],
        "processId": None,
        "Destinations": [destination],
        "AutoCreateUser": True,
        "AutoCreateProcess": True,
    }
    async with client_of(described) as http:
        return (await http.post("/v1/interactions", json=message)).json()["payload"]


def client_of(described: Mapping[str, Any]) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {described['api_key']}"}
    return plain_client(base_url=described["api_url"], headers=headers)
