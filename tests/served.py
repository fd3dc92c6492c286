"""Applications served like `iris api`, in the tests' own process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api.server import server_config
from embedded.gateway.server import Guest
from embedded.ports import free_port
from embedded.processes import until
from security.ssrf_guard import Network


@asynccontextmanager
async def serving(app: FastAPI, *trusted_proxies: Network, port: int | None = None) -> AsyncGenerator[str]:
    """Serve an application until the end of the block, by default on a free port; yields its URL."""
    port = port or free_port()
    server = Guest(server_config(app, "127.0.0.1", port, trusted_proxies))
    task = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        return server.started

    async with asyncio.timeout(60):
        await until(has_started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
