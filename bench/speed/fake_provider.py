"""The lean far end of the sandbox: takes each message at once, so that what is measured is Iris and not its double."""

import asyncio
import json
from typing import Final, cast

_END: Final = b"\r\n\r\n"


class FakeProvider(asyncio.Protocol):
    """One connection, which says of each message that it is taken.

    Attributes:
        taken: what each message's reference is set to when it comes; the caller puts the futures there.
    """

    taken: dict[str, asyncio.Future[None]] = {}  # noqa: RUF012 - shared by all connections on purpose

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in what was read."""
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
            waiting = self.taken.pop(reference, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
