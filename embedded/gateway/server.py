"""HTTP server of the gateway."""

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
    """Serve the gateway until SIGINT or SIGTERM.

    Raises:
        OSError: if the address is not available.
    """
    with _listening(host, port) as listener:
        await uvicorn.Server(_config(create_gateway(settings))).serve([listener])


@asynccontextmanager
async def running(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """Serve an application inside this process; yields its base URL. Port 0 is any free port.

    Raises:
        OSError: if the address is not available.
    """
    with _listening(host, port) as listener:
        server = Guest(_config(app))
        # The listener is open: early connections wait in its backlog until the server has started.
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def _listening(host: str, port: int) -> socket.socket:
    """Listen explicitly on TCP: only then does asyncio disable Nagle's delay, 40 ms on each response."""
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
    """A server inside another process, whose signal handlers it leaves unchanged."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture no signals."""
        yield


class _Connection(H11Protocol):
    """A connection that the application can close without a response: `request.state.hang_up()`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "hang_up": transport.close}


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
