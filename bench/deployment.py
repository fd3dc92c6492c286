"""Iris as processes of its own on fresh servers, for measurements."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap import mongodb
from embedded.demo import Demo, DemoSettings, seed
from embedded.iris_processes import WebProgram, WorkerProgram
from embedded.mongod import Mongod
from embedded.ports import LOOPBACK, free_port
from embedded.secret_environment import secret_environment
from embedded.temporal_server import TemporalServer
from settings import Settings


@dataclass(frozen=True)
class Deployment:
    """Seeded servers, and the API and workers that a measurement starts beside them.

    Attributes:
        directory: where logs and data are.
        variables: the environment of each process.
        url: address of the API.
    """

    directory: Path
    mongod: Mongod
    temporal: TemporalServer
    variables: Mapping[str, str]
    settings: Settings
    demo_settings: DemoSettings
    demo: Demo
    api: WebProgram
    url: str

    def worker(self, name: str = "worker") -> WorkerProgram:
        """Return a worker, not started."""
        return WorkerProgram(self.directory / f"{name}.log", self.variables, self.temporal)


@asynccontextmanager
async def deployed(
    directory: Path, provider_url: str | None = None, server: type[TemporalServer] = TemporalServer
) -> AsyncGenerator[Deployment]:
    """Start the servers, and seed the demo; stop them after the block.

    Args:
        directory: an empty directory.
        provider_url: the address of the demo's provider; the API's own without it.
        server: the class of the Temporal server.
    """
    mongod = Mongod(directory / "mongodb", free_port(), directory / "mongodb.log")
    temporal = server(free_port(), directory / "temporal.log", database=directory / "temporal.db")
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    variables = {
        **os.environ,
        **secret_environment(directory / "secrets.json"),
        "MONGODB_URI": mongod.uri,
        "TEMPORAL_ADDRESS": temporal.address,
        "IRIS_PUBLIC_URL": url,
        "IRIS_SANDBOX_URL": provider_url or url,
        "IRIS_LOG_LEVEL": "ERROR",
    }
    async with mongod, temporal:
        os.environ.update(variables)
        settings, demo_settings = Settings(), DemoSettings()  # pyright: ignore[reportCallIssue] - from the environment
        yield Deployment(
            directory=directory,
            mongod=mongod,
            temporal=temporal,
            variables=variables,
            settings=settings,
            demo_settings=demo_settings,
            demo=await seed(settings, demo_settings),
            api=WebProgram("api", directory / "api.log", variables, port, "/health/ready"),
            url=url,
        )


@asynccontextmanager
async def api_alone(directory: Path) -> AsyncGenerator[tuple[Demo, str]]:
    """Open a database that the documents are bound to, and an API process without workers that uses it."""
    async with AsyncExitStack() as stack:
        deployment = await stack.enter_async_context(deployed(directory))
        await stack.enter_async_context(mongodb(deployment.settings))
        await stack.enter_async_context(deployment.api)
        yield deployment.demo, deployment.url
