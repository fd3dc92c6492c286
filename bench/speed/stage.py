"""Benchmark environment: servers, the API and the worker as processes, and the worker of the baselines."""

import os
import socket
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from pymongo import AsyncMongoClient
from temporalio.client import Client
from typing_extensions import override

from bench.deployment import deployed
from bench.speed.baselines import QUEUE
from bootstrap import connect_temporal
from embedded.demo import Demo
from embedded.ports import LOOPBACK
from embedded.processes import Server, until
from embedded.temporal_server import TemporalServer
from settings import Settings

COMMANDS: Final = ("find", "insert", "update", "findAndModify", "aggregate", "delete")
"""MongoDB commands that are counted: all that Iris's own work sends."""


class ShapesWorker(Server):
    """Worker of the baselines."""

    def __init__(self, log: Path, environment: Mapping[str, str], temporal: TemporalServer) -> None:
        """Use an environment for the process."""
        super().__init__("shapes", log)
        self._environment = environment
        self._temporal = temporal

    @override
    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "bench.speed.baselines"]

    @override
    def environment(self) -> Mapping[str, str]:
        return {**self._environment, "PYTHONPATH": str(Path(__file__).parents[2])}

    @override
    async def serving(self) -> None:
        identity = f"{self.pid}@{socket.gethostname()}"  # as Temporal's SDK names a worker
        await until(lambda: self._temporal.has_worker(QUEUE, identity))


@dataclass(frozen=True)
class Stage:
    """The running product, and the other subjects of the same run."""

    servers: Mapping[str, Server]
    settings: Settings
    temporal: Client
    mongodb: AsyncMongoClient[dict[str, Any]]
    api_url: str
    public_url: str
    demo: Demo
    signing_secret: bytes

    @property
    def database(self) -> Any:  # noqa: ANN401 - the driver's own generics
        """Iris's own database."""
        return self.mongodb[self.settings.mongodb_database]

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds of each process, including this one (callers and fake provider)."""
        used = {name: _cpu(server.pid) for name, server in self.servers.items() if server.pid}
        return {**used, "callers": _cpu(os.getpid())}

    def memory(self) -> dict[str, int]:
        """Memory of each process, in bytes."""
        return {
            name: psutil.Process(server.pid).memory_info().rss for name, server in self.servers.items() if server.pid
        }

    async def commands(self) -> int:
        """Number of MongoDB commands so far, of the kinds that Iris sends."""
        metrics = (await self.mongodb.admin.command("serverStatus"))["metrics"]["commands"]
        return sum(int(metrics[name]["total"]) for name in COMMANDS)


def _cpu(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


@asynccontextmanager
async def open_stage(directory: Path, fake_provider_port: int) -> AsyncGenerator[Stage]:
    """Start and seed everything."""
    async with AsyncExitStack() as stack:
        iris = await stack.enter_async_context(deployed(directory, f"http://{LOOPBACK}:{fake_provider_port}"))
        programs: dict[str, Server] = {
            "worker": iris.worker(),
            "shapes": ShapesWorker(directory / "shapes.log", iris.variables, iris.temporal),
            "api": iris.api,
        }
        for program in programs.values():
            await stack.enter_async_context(program)
        client = AsyncMongoClient[dict[str, Any]](iris.mongod.uri, tz_aware=True)
        yield Stage(
            servers={"mongodb": iris.mongod, "temporal": iris.temporal, **programs},
            settings=iris.settings,
            temporal=await connect_temporal(iris.settings),
            mongodb=await stack.enter_async_context(client),
            api_url=iris.url,
            public_url=iris.settings.public_url,
            demo=iris.demo,
            signing_secret=iris.demo_settings.sandbox_accounts[0].signing_secret.get_secret_value().encode(),
        )
