"""Servers as child processes: started, awaited until they serve, stopped, started again; they never outlive us."""

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
"""Seconds between two looks at what is waited for: the longer that lasts, the more seldom is it looked at."""
PORT_TAKEN: Final = "address already in use"
"""What every server's complaint about its port contains (errno EADDRINUSE, as the C library words it)."""
WAITS_FOR_PORT: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds before a server that found its port taken is started again: a passing connection may hold it for a while."""


class ServerError(Exception):
    """A server that is not installed, does not start, or does not stay alive."""


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Returns when a condition outside this process holds; may wait for ever."""
    pause = FIRST_PAUSE_SECONDS
    while not await holds():
        await asyncio.sleep(pause)
        pause = min(1.2 * pause, MAX_PAUSE_SECONDS)


class Server(ABC):
    """A server that runs as a child process and dies with this process, however this one ends.

    Once stopped or dead it can be started again: same command, same port, same files. As an asynchronous context
    manager it serves inside the block.

    Attributes:
        name: what people call it.
        log: the file that its output is appended to.
        ready_seconds: how long it may take until it serves.
        stop_seconds: how long it may take to stop by itself before it is killed.
    """

    ready_seconds: ClassVar[float] = 30.0
    stop_seconds: ClassVar[float] = 3.0

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: Process | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command line that runs the server.

        Raises:
            ServerError: the server is not installed.
        """

    @abstractmethod
    async def serving(self) -> None:
        """Returns when the server serves; may wait for ever, because `start` watches the clock and the process."""

    def environment(self) -> Mapping[str, str]:
        """The environment that the server runs in."""
        return os.environ

    def explain(self) -> str:
        """Why the server ended, as well as the end of its output tells."""
        return "\n".join(self.last_words())

    @property
    def pid(self) -> int | None:
        """The process id, or none when the server does not run."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Starts the server and returns when it serves.

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
        """Asks the server to end, and kills it when it has not after so many seconds, or its `stop_seconds`."""
        if self._process and self.pid is not None:
            self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.stop_seconds if seconds is None else seconds):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Ends the server and all its processes at once, without asking."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def ended(self) -> int:
        """Waits until the server ends; the exit code, negative when a signal ended it, as `subprocess` has it."""
        return await self._process.wait() if self._process else 0

    def last_words(self, lines: int = 10) -> list[str]:
        """The last lines of the server's output so far, this run's and earlier ones'."""
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
            # In a session of its own, so that Ctrl-C reaches only the process that knows in which order to stop.
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
