"""Servers and an API process without workers, for measurements of the API alone."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bootstrap import mongodb
from embedded.demo import Demo, DemoSettings, seed
from embedded.iris_processes import WebProgram
from embedded.mongod import Mongod
from embedded.ports import LOOPBACK, free_port
from embedded.secret_environment import secret_environment
from embedded.temporal_server import TemporalServer
from settings import Settings


@asynccontextmanager
async def api_stage(directory: Path) -> AsyncGenerator[tuple[Demo, str]]:
    """Open a database that the documents are bound to, and an API process that uses it."""
    mongod = Mongod(directory / "mongodb", free_port(), directory / "mongodb.log")
    temporal = TemporalServer(free_port(), directory / "temporal.log")
    api_port = free_port()
    url = f"http://{LOOPBACK}:{api_port}"
    environment = {
        **os.environ,
        **secret_environment(directory / "secrets.json"),
        "MONGODB_URI": mongod.uri,
        "TEMPORAL_ADDRESS": temporal.address,
        "IRIS_PUBLIC_URL": url,
        "IRIS_SANDBOX_URL": url,
        "IRIS_LOG_LEVEL": "WARNING",
    }
    async with AsyncExitStack() as stack:
        for server in (mongod, temporal):
            await stack.enter_async_context(server)
        os.environ.update(environment)
        settings = Settings()
        demo = await seed(settings, DemoSettings())  # pyright: ignore[reportCallIssue] - from the environment
        await stack.enter_async_context(mongodb(settings))
        await stack.enter_async_context(
            WebProgram("api", directory / "api.log", environment, api_port, "/health/ready")
        )
        yield demo, url
