"""Lines between the parts: TCP connections that can be slow, cut, or answer nonsense."""

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
    """How a line behaves."""

    CLEAR = "clear"
    SLOW = "slow"
    CUT = "cut"
    NONSENSE = "nonsense"


@dataclass
class TcpProxy:
    """A line to a part that listens on the loopback interface.

    Nonsense answers what is asked with bytes that mean nothing, half of the time after the part received the question.

    Attributes:
        port: where the line listens.
        target: the port that it leads to.
        random: chooses the nonsense.
        may_lie: whether nonsense may look like a success; a webhook's caller would believe that it was received.
        delay: seconds that a slow line holds each piece of data.
    """

    port: int
    target: int
    random: Random
    may_lie: bool = True
    delay: float = 0.0
    mood: ProxyMode = ProxyMode.CLEAR
    _open: set[StreamWriter] = field(default_factory=set[StreamWriter], init=False)
    _connections: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]], init=False)
    _listener: asyncio.Server | None = field(default=None, init=False)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def open(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._take, LOOPBACK, self.port)

    def close(self) -> None:
        """Refuse what comes, and end what is open."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in self._open:
            writer.transport.abort()

    async def end(self) -> None:
        """Close, and end every connection, also one that holds data."""
        self.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def change(self, mood: ProxyMode, delay: float = 0.0) -> None:
        """Behave otherwise from now on."""
        async with self._changing:  # one fault may end just as the next begins
            self.mood, self.delay = mood, delay
            if mood is ProxyMode.CUT:
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
                if self.mood is ProxyMode.SLOW:
                    await asyncio.sleep(self.delay)
                is_heard = self.mood is not ProxyMode.NONSENSE or answers_to is None or self.random.random() < 0.5  # noqa: PLR2004 - half
                if is_heard:
                    writer.write(data)
                    await writer.drain()
                if self.mood is ProxyMode.NONSENSE and answers_to is not None:
                    answers_to.write(self._nonsense())
                    await answers_to.drain()
                    return

    def _nonsense(self) -> bytes:
        noise = self.random.randbytes(200)
        return self.random.choice((noise, *_FAILURES, *(_FALSE_SUCCESSES if self.may_lie else ())))
