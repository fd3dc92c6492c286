"""A provider that never answers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from embedded.ports import free_port
from embedded.processes import until

BODY: Final = b'{"code": 20429, "message": "Too Many Requests", "status": 429}'
THROTTLED: Final = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class SilentProvider:
    """A provider that accepts connections and never responds until released; first, it may throttle."""

    def __init__(self, throttled: int = 0) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.throttled = throttled
        self.connections = 0
        self.let_go = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        port = int(self.url.rpartition(":")[2])
        async with await asyncio.start_server(self._say_nothing, "127.0.0.1", port):
            try:
                yield
            finally:
                self.let_go.set()

    async def until_connections(self, number: int, seconds: float = 60) -> None:
        """Wait for a number of connections."""

        async def are_there() -> bool:
            return self.connections >= number

        async with asyncio.timeout(seconds):
            await until(are_there)

    async def _say_nothing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.connections <= self.throttled:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(THROTTLED)
            await writer.drain()
        else:
            await self.let_go.wait()
        writer.close()
