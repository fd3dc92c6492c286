"""TCP proxy between processes, which can slow or cut connections, or send garbage."""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final

from embedded.ports import LOOPBACK

_CHUNK: Final = 65_536

_TRUNCATED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n{"
_PAGE: Final = b"<html><body>Something went wrong</body></html>"


def _page(status: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (status, len(_PAGE), _PAGE)


_FAILURES: Final = (_page(b"500 Internal Server Error"), _page(b"502 Bad Gateway"))
_FALSE_SUCCESSES: Final = (_page(b"200 OK"), _TRUNCATED)


class ProxyMode(StrEnum):
    """Behaviour of a proxy."""

    CLEAR = "clear"
    SLOW = "slow"
    CUT = "cut"
    NONSENSE = "nonsense"


@dataclass
class TcpProxy:
    """A TCP proxy to a process that listens on the loopback interface.

    In garbage mode, it responds to requests with meaningless bytes, half of the time after the process received the
    request.

    Attributes:
        port: where the proxy listens.
        target: the port that it forwards to.
        random: generates the garbage.
        may_lie: whether garbage may look like a success; a webhook's caller would believe that it was received.
        delay: seconds that a slow proxy holds each piece of data.
    """

    port: int
    target: int
    random: Random
    may_lie: bool = True
    delay: float = 0.0
    mode: ProxyMode = ProxyMode.CLEAR
    _open: set[StreamWriter] = field(default_factory=set[StreamWriter], init=False)
    _connections: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]], init=False)
    _listener: asyncio.Server | None = field(default=None, init=False)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def open(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._take, LOOPBACK, self.port)

    def close(self) -> None:
        """Refuse new connections, and end open ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in self._open:
            writer.transport.abort()

    async def end(self) -> None:
        """Close, and end every connection, also one whose data is held."""
        self.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def change(self, mode: ProxyMode, delay: float = 0.0) -> None:
        """Switch to another mode."""
        async with self._changing:  # one fault may end just as the next begins
            self.mode, self.delay = mode, delay
            if mode is ProxyMode.CUT:
                self.close()
            elif self._listener is None:
                await self.open()

    def _take(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        directions = [
            asyncio.create_task(self._carry(reader, far_writer, answers_to=writer)),
            asyncio.create_task(self._carry(far_reader, writer)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            for end in ends:
                end.close()
            self._open -= ends

    async def _carry(self, reader: StreamReader, writer: StreamWriter, answers_to: StreamWriter | None = None) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self.mode is ProxyMode.SLOW:
                    await asyncio.sleep(self.delay)
                is_forwarded = self.mode is not ProxyMode.NONSENSE or answers_to is None or self.random.random() < 0.5  # noqa: PLR2004 - half
                if is_forwarded:
                    writer.write(data)
                    await writer.drain()
                if self.mode is ProxyMode.NONSENSE and answers_to is not None:
                    answers_to.write(self._nonsense())
                    await answers_to.drain()
                    return

    def _nonsense(self) -> bytes:
        noise = self.random.randbytes(200)
        return self.random.choice((noise, *_FAILURES, *(_FALSE_SUCCESSES if self.may_lie else ())))
