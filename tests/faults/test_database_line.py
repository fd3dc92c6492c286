"""What callers see when the line to the database is cut, or answers nonsense."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from bench.faults.lines import Line, Mood
from embedded.ports import LOOPBACK, free_port
from embedded.temporal_server import TemporalServer
from tests.iris import Iris, running_iris


@pytest.fixture
async def line(mongodb_uri: str) -> AsyncIterator[Line]:
    line = Line(free_port(), int(mongodb_uri.partition("/?")[0].rpartition(":")[2]), Random(1))
    await line.open()
    yield line
    await line.end()


@pytest.fixture
async def iris(line: Line, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    uri = f"mongodb://{LOOPBACK}:{line.port}/?directConnection=true"
    async with running_iris(uri, temporal_server.address, f"{database_name}_line") as running:
        yield running
        await line.change(Mood.CLEAR)


@pytest.mark.parametrize("mood", [Mood.CUT, Mood.NONSENSE])
async def test_a_database_that_cannot_be_understood_is_a_503_that_says_when_to_ask_again(
    iris: Iris, line: Line, mood: Mood
) -> None:
    sent = await iris.send("sms", "34600000001")
    await line.change(mood)
    for response in await asyncio.gather(*(iris.http.get(f"/v1/interactions/{sent['id']}") for _ in range(8))):
        assert response.status_code == 503, response.text
        assert int(response.headers["Retry-After"]) > 0
        assert response.json()["error"][0]["code"] == "unavailable"
    await line.change(Mood.CLEAR)
    await iris.until_status(sent["id"], "COMPLETED")
