"""An attempt to send that never comes back, as when its worker is killed in mid-send."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest

from embedded.ports import free_port
from embedded.temporal_server import TemporalServer
from tests.iris import Iris, running_iris


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    database = f"{database_name}_lost"
    async with running_iris(
        mongodb_uri,
        temporal_server.address,
        database,
        dispatch_timeout=timedelta(seconds=1),
        dispatch_deadline=timedelta(seconds=4),
    ) as running:
        yield running


BODY: Final = b'{"code": 20429, "message": "Too Many Requests", "status": 429}'
THROTTLED: Final = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class FarEnd:
    """A provider that takes connections and says nothing until it is told to let go; first, it may throttle."""

    def __init__(self, throttled: int = 0) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.throttled = throttled
        self.connections = 0
        self.let_go = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        port = int(self.url.rpartition(":")[2])
        async with await asyncio.start_server(self._say_nothing, "127.0.0.1", port):
            yield
            self.let_go.set()

    async def _say_nothing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.connections <= self.throttled:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(THROTTLED)
            await writer.drain()
        else:
            await self.let_go.wait()
        writer.close()


async def test_its_message_may_have_gone_out_and_is_not_sent_again(iris: Iris) -> None:
    far_end = FarEnd()
    async with far_end.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(far_end.url))
        seen = await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "unknown")
        # Longer than the first wait of the retry policy, so that a repetition would have come.
        await asyncio.sleep(1.5)
    assert far_end.connections == 1
    assert "StartToClose" in seen["auditTrail"]["history"][-1]["notes"]


async def test_its_message_may_have_gone_out_also_when_an_earlier_attempt_surely_did_not(iris: Iris) -> None:
    far_end = FarEnd(throttled=1)
    async with far_end.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(far_end.url))
        await iris.until(sent["id"], lambda seen: seen["status"] == "PROVIDER_SENDING_ERROR")
    assert far_end.connections == 2
    assert (await iris.read(sent["id"]))["customStatus"] == "unknown"


async def test_a_provider_that_recognises_repetitions_is_asked_again(iris: Iris) -> None:
    """The sandbox answers this recipient after three seconds, an attempt is given one: only its receipts tell."""
    sent = await iris.send("sms", "34600000011")
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    (message,) = await iris.taken_by_gateway(sent["id"])
    assert message["requests"] > 1
