"""A running `iris up`, in a process of its own: started, read, asked to stop, and gone in the end."""

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
"""What people call the parts that tests kill."""
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
        """The whole lines that it printed after its first so many."""
        return self.output.read_text().split("\n")[since:-1]

    async def printed_until(self, words: str, since: int = 0) -> list[str]:
        """What it printed after its first so many lines, up to the line with these words, once that is there."""

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
        """Kill one of its parts (-9)."""
        killed = Killed(self, part, self.pid_of(part), len(self.printed()))
        os.kill(killed.pid, signal.SIGKILL)
        return killed

    async def stop(self) -> str:
        """Ask it to stop as Ctrl-C does; all that it printed."""
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
    """A part of a stack that was killed, and how many lines the stack had printed until then."""

    stack: Stack
    part: str
    pid: int
    lines: int

    async def has_come_back(self) -> None:
        """PendingWait until it serves again, as another process on the same port."""
        name = NAMES[self.part]
        printed = await self.stack.printed_until(f"{name} serves again", self.lines)
        assert any(f"{name} was ended by SIGKILL: starting it again" in line for line in printed)
        assert self.stack.pid_of(self.part) != self.pid
        if self.part in self.stack.ports:
            assert await is_listened_on(self.stack.ports[self.part])


@dataclass(frozen=True)
class EarlierRun:
    """What there was of a run that was asked to stop, and what of its being a running one is left."""

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
            *(sys.executable, "cli.py", "up", "--data-dir", str(data), *port_options, *options),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=printed,
            stderr=STDOUT,
        )
    return Stack(process, Path(output), data, ports)


@asynccontextmanager
async def running(data: Path, *options: str, **environment: str) -> AsyncGenerator[tuple[Stack, list[str]]]:
    """A stack that serves, and what it printed until it did."""
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
    """The interaction that a send through a running stack answers."""
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
