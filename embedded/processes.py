"""Servers as child processes: started, awaited until ready, stopped, restarted; they never outlive the parent."""

import asyncio
import os
import signal
import sys
from abc import ABC, abstractmethod
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from embedded import parent_death_guard

FIRST_PAUSE_SECONDS: Final = 0.02
MAX_PAUSE_SECONDS: Final = 0.2
"""Seconds between polls, increasing with the duration of the wait."""
PORT_TAKEN: Final = "address already in use"
"""Part of every server's error about an occupied port (errno EADDRINUSE, as the C library words it)."""
WAITS_FOR_PORT: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds before a server whose port was occupied is restarted: an outgoing connection may use it for a while."""


class ServerError(Exception):
    """A server that is not installed, does not start, or does not stay alive."""


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return when a condition outside this process holds; may wait forever."""
    pause = FIRST_PAUSE_SECONDS
    while not await holds():
        await asyncio.sleep(pause)
        pause = min(1.2 * pause, MAX_PAUSE_SECONDS)


class Server(ABC):
    """A server that runs as a child process and ends with this process, however this one ends.

    A stopped or dead server can be restarted with the same command, port and files. As an asynchronous context manager
    it serves inside the block.

    Attributes:
        name: readable name.
        log: the file that its output is appended to.
        ready_seconds: timeout until it serves.
        stop_seconds: timeout of a graceful stop, after which it is killed.
    """

    ready_seconds: ClassVar[float] = 30.0
    stop_seconds: ClassVar[float] = 3.0

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: Process | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Command line of the server.

        Raises:
            ServerError: the server is not installed.
        """

    @abstractmethod
    async def serving(self) -> None:
        """Return when the server serves; may wait forever, because `start` enforces the timeout."""

    def environment(self) -> Mapping[str, str]:
        """Environment of the server."""
        return os.environ

    def explain(self) -> str:
        """Reason why the server ended, as far as its last output shows."""
        return "\n".join(self.last_words())

    @property
    def pid(self) -> int | None:
        """Process id, or None when the server does not run."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the server and return when it serves.

        Raises:
            ServerError: it is not installed, ended, or did not serve in time.
        """
        if self.pid is not None:
            return
        for wait in (*WAITS_FOR_PORT, None):
            try:
                await self._start_once()
            except ServerError as error:
                if wait is None or PORT_TAKEN not in str(error).lower():
                    raise
                await asyncio.sleep(wait)
            else:
                break

    async def stop(self, seconds: float | None = None) -> None:
        """Ask the server to end, and kill it after a timeout, by default its `stop_seconds`."""
        if self._process and self.pid is not None:
            self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.stop_seconds if seconds is None else seconds):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Kill the server and all its processes."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def ended(self) -> int:
        """Wait until the server ends; return the exit code, negative for a signal, as in `subprocess`."""
        return await self._process.wait() if self._process else 0

    def last_words(self, lines: int = 10) -> list[str]:
        """Last lines of the server's output, including earlier runs."""
        with suppress(FileNotFoundError), self.log.open(errors="replace") as log:
            return [line.rstrip() for line in deque(log, lines)]
        return []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start_once(self) -> None:
        self._process = await self._spawn()
        try:
            await self._serving_or_ended(self._process)
        except BaseException:
            await self.kill()
            raise

    async def _spawn(self) -> Process:
        command = self.command()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches only the process that knows the order to stop in.
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", parent_death_guard.__file__, str(os.getpid()), "--", *command),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                env=dict(self.environment()),
                start_new_session=True,
            )

    async def _serving_or_ended(self, process: Process) -> None:
        serving = asyncio.ensure_future(self.serving())
        ended = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({serving, ended}, timeout=self.ready_seconds, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                return serving.result()
            if ended.done():
                raise ServerError(f"{self.name} did not start. {self.explain()}")
            raise ServerError(
                f"{self.name} did not serve within {self.ready_seconds:.0f} s; its output is in {self.log}"
            )
        finally:
            serving.cancel()
            ended.cancel()
            await asyncio.gather(serving, ended, return_exceptions=True)
