"""The supervisor restarts what dies, and gives up on what keeps dying."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from embedded.processes import Server, ServerError, until
from embedded.supervisor import Supervisor


class Recorded(Server):
    """A server that writes its name, and lives for a configured time."""

    def __init__(self, name: str, log: Path, seconds: float = 60) -> None:
        super().__init__(name, log)
        self._seconds = seconds

    @override
    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", f"import time; print('alive', flush=True); time.sleep({self._seconds})"]

    @override
    async def serving(self) -> None:
        async def is_alive() -> bool:
            return "alive" in self.last_words()

        await until(is_alive)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_a_server_that_keeps_dying_ends_the_stack_with_its_last_output(tmp_path: Path) -> None:
    said: list[str] = []
    async with Supervisor(tmp_path / "run", said.append) as supervisor:
        await supervisor.start(Recorded("Steady", tmp_path / "steady.log"))
        await supervisor.start(Recorded("Mayfly", tmp_path / "mayfly.log", seconds=0.1))
        with pytest.raises(ServerError, match=r"Mayfly ended 5 times within 30 s; .*mayfly\.log ends with:\nalive"):
            await asyncio.wait_for(supervisor.keep_alive(), 60)
    assert said.count("Mayfly ended with exit code 0: starting it again") == 4


async def test_servers_stop_in_the_reverse_order(tmp_path: Path) -> None:
    stopped: list[str] = []

    class Observed(Recorded):
        @override
        async def stop(self, seconds: float | None = None) -> None:
            await super().stop(seconds)
            stopped.append(self.name)

    async with Supervisor(tmp_path / "run", stopped.append) as supervisor:
        await supervisor.start(*(Observed(name, tmp_path / name) for name in ("database", "engine")))
        await supervisor.start(Observed("worker", tmp_path / "worker"))
        assert names_in(tmp_path / "run") == ["database.pid", "engine.pid", "worker.pid"]
    assert stopped == ["worker", "engine", "database"]
    assert not names_in(tmp_path / "run")


async def test_the_end_of_one_start_ends_the_others(tmp_path: Path) -> None:
    async with Supervisor(tmp_path / "run", print) as supervisor:
        deaf = Recorded("Deaf", tmp_path / "deaf.log")
        absent = Recorded("Absent", tmp_path / "absent.log")
        absent.command = lambda: ["/no/such/program"]
        with pytest.raises(ServerError, match="Absent did not start"):
            await supervisor.start(deaf, absent)
    assert deaf.pid is None
