"""Minimal fake of the sandbox: it accepts each message at once, so that the benchmark measures Iris."""

import asyncio
import json
from typing import Final, cast

_END: Final = b"\r\n\r\n"


class FakeProvider(asyncio.Protocol):
    """One connection, which responds to each message that it is accepted.

    Attributes:
        arrivals: futures that the caller adds; each is resolved with the message's reference when it arrives.
    """

    arrivals: dict[str, asyncio.Future[None]] = {}  # noqa: RUF012 - shared by all connections on purpose

    def __init__(self) -> None:
        """Start with an empty buffer."""
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for responses."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Respond to every complete request in the buffer."""
        self._buffer += data
        while (head_end := self._buffer.find(_END)) >= 0:
            head = bytes(self._buffer[:head_end]).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            whole = head_end + len(_END) + length
            if len(self._buffer) < whole:
                return
            reference: str = json.loads(self._buffer[head_end + len(_END) : whole])["reference"]
            del self._buffer[:whole]
            body = b'{"id": "sbx_%s", "status": "queued"}' % reference.encode()
            answer = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            self._transport.write(answer % (len(body), body))
            waiting = self.arrivals.pop(reference, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
