"""Supervisor of servers: it restarts what dies, and gives up on what keeps dying."""

import asyncio
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from embedded.processes import Server, ServerError

MAX_DEATHS: Final = 5
"""Maximum deaths of one server within `DEATHS_SECONDS`."""
DEATHS_SECONDS: Final = 30.0
FIRST_WAIT_SECONDS: Final = 0.2
"""Delay before a dead server is restarted; it doubles with each recent death."""


class Supervisor:
    """Starts servers, keeps them alive, and stops them in the reverse order at the end of its block.

    While a server runs, its process id is in `<name of its log>.pid` of the given directory.
    """

    def __init__(self, run: Path, say: Callable[[str], None]) -> None:
        self._run = run
        self._say = say
        self._servers: list[Server] = []

    async def start(self, *servers: Server) -> None:
        """Start servers concurrently and return when all serve.

        Raises:
            ServerError: one does not start.
        """
        self._servers += servers
        await together(*map(self._start, servers))

    async def keep_alive(self) -> None:
        """Restart whichever server dies, until cancelled.

        Raises:
            ServerError: one keeps dying.
        """
        await together(*map(self._keep_alive, self._servers))

    async def __aenter__(self) -> Self:
        self._run.mkdir(exist_ok=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._servers:
            server = self._servers.pop()
            await server.stop()
            self._pid_file(server).unlink(missing_ok=True)

    async def _start(self, server: Server) -> None:
        await server.start()
        self._pid_file(server).write_text(f"{server.pid}\n")

    async def _keep_alive(self, server: Server) -> None:
        deaths: deque[float] = deque()
        while True:
            code = await server.ended()
            now = time.monotonic()
            deaths.append(now)
            while now - deaths[0] > DEATHS_SECONDS:
                deaths.popleft()
            if len(deaths) >= MAX_DEATHS:
                raise ServerError(
                    f"{server.name} ended {MAX_DEATHS} times within {DEATHS_SECONDS:.0f} s; {server.log} ends with:\n"
                    + "\n".join(server.last_words())
                )
            self._say(f"{server.name} {_how_it_ended(code)}: starting it again")
            await asyncio.sleep(FIRST_WAIT_SECONDS * 2 ** (len(deaths) - 1))
            with suppress(ServerError):  # it has ended again, which the next iteration counts
                await self._start(server)
                self._say(f"{server.name} serves again")

    def _pid_file(self, server: Server) -> Path:
        return self._run / f"{server.log.stem}.pid"


async def together(*works: Awaitable[object]) -> None:
    """Await all; when one fails, cancel the others and raise its error outside of an exception group."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _how_it_ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
