"""Serving the gateway over HTTP."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from embedded.gateway.app import create_gateway
from embedded.gateway.settings import GatewaySettings


async def serve(settings: GatewaySettings, host: str = "127.0.0.1", port: int = 8090) -> None:
    """Serve the gateway until the process is asked to end (SIGINT, SIGTERM).

    Raises:
        OSError: if the address cannot be listened on.
    """
    with _listening(host, port) as listener:
        await uvicorn.Server(_config(create_gateway(settings))).serve([listener])


@asynccontextmanager
async def running(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """An application served inside this process; yields its base URL. Port 0 is any free port.

    Raises:
        OSError: if the address cannot be listened on.
    """
    with _listening(host, port) as listener:
        server = Guest(_config(app))
        # The listener is open: who calls before the server has started waits in its backlog.
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def _listening(host: str, port: int) -> socket.socket:
    """A listener that says it is TCP: only then does asyncio switch off Nagle's delay, 40 ms on each answer."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


class Guest(uvicorn.Server):
    """A server in a process that is not its own, and whose signals it leaves alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


class _Line(H11Protocol):
    """A connection on which the application can hang up without an answer: `request.state.hang_up()`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "hang_up": transport.close}


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app, http=_Line, ws="none", lifespan="on", log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
