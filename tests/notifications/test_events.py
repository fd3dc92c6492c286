"""Server-sent events: live interaction events, resumed from the reader's last one."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from typing_extensions import override

from api.app import create_app
from api.server import server_config
from embedded.demo import seed_open_database
from embedded.gateway.server import Guest, running
from embedded.mongod import Mongod
from embedded.ports import free_port
from embedded.processes import until
from models.interaction import Interaction
from security.credential_encryption import Vault
from tests.api.support import mobile, reasons
from tests.iris import Iris, demo_settings, open_database
from tests.plain_http import plain_client

OUT, STATUS, CUSTOM = (
    "INTERACTION_OUT_CREATED_EVT",
    "INTERACTION_STATUSCHANGED_EVT",
    "INTERACTION_CUSTOMSTATUSCHANGED_EVT",
)


@dataclass(frozen=True)
class Event:
    """One event as a browser receives it."""

    id: str
    name: str
    data: dict[str, Any]


class Stream:
    """Reader of events, as WHATWG HTML §9.2.6 defines it.

    Attributes:
        cursor: the last event id.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.cursor = ""
        self._lines = response.aiter_lines()

    async def begun(self) -> str:
        """Wait for the start of the stream, and return its event id."""
        async for line in self._lines:
            if line.startswith("id: "):
                self.cursor = line.removeprefix("id: ")
            if not line:
                return self.cursor
        raise AssertionError("it ended")

    async def __aiter__(self) -> AsyncIterator[Event]:
        fields: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            self.cursor = fields.get("id", self.cursor)
            if "data" in fields:
                yield Event(self.cursor, fields["event"], json.loads(fields["data"]))
            fields = {}

    async def take(self, number: int) -> list[Event]:
        found: list[Event] = []
        async with asyncio.timeout(60):
            async for event in self:
                found.append(event)
                if len(found) == number:
                    return found
        raise AssertionError(f"it ended after {len(found)} events")


@asynccontextmanager
async def reading(
    http: httpx2.AsyncClient, url: str = "/v1/events", cursor: str = "", **filters: str
) -> AsyncGenerator[Stream]:
    headers = {"Last-Event-ID": cursor} if cursor else {}
    async with http.stream("GET", url, params=filters, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        stream = Stream(response)
        await stream.begun()
        yield stream


@pytest.fixture
async def integration_id(iris: Iris) -> str:
    return await iris.sandbox(iris.gateway_url)


async def send(iris: Iris, integration_id: str) -> str:
    return (await iris.send("sms", mobile(), integrationId=integration_id))["id"]


async def test_all_events_of_an_interaction_are_streamed_as_a_webhook_delivers_them(
    iris: Iris, integration_id: str
) -> None:
    async with reading(iris.http, integrationId=integration_id) as stream:
        interaction_id = await send(iris, integration_id)
        seen = await stream.take(5)
    assert [one.name for one in seen][:3] == [OUT, STATUS, STATUS]
    last = await iris.read(interaction_id)
    for position, event in enumerate(seen):
        assert event.data.keys() == {"Event", "Created", "Payload"}
        assert event.data["Event"] == event.name
        assert event.data["Payload"]["auditTrail"]["history"] == last["auditTrail"]["history"][: position + 1]
    assert seen[-1].data["Payload"]["status"] == "COMPLETED"


async def test_a_reader_that_comes_again_misses_nothing_also_at_another_process(
    iris: Iris, integration_id: str
) -> None:
    async with reading(iris.http, integrationId=integration_id, event=OUT) as stream:
        first = await send(iris, integration_id)
        await stream.take(1)
        cursor = stream.cursor
    missed = await send(iris, integration_id)
    async with (
        open_database(iris.settings),  # an application closes it when it stops
        running(create_app(iris.settings)) as url,
        reading(iris.http, f"{url}/v1/events", cursor, integrationId=integration_id, event=OUT) as stream,
    ):
        second = await send(iris, integration_id)
        seen = [one.data["Payload"]["id"] for one in await stream.take(2)]
    assert first not in seen
    assert seen == [missed, second]


async def test_a_tenant_sees_only_its_own(iris: Iris, integration_id: str, stranger: httpx2.AsyncClient) -> None:
    async with reading(stranger) as strange, reading(iris.http, integrationId=integration_id) as ours:
        await send(iris, integration_id)
        await ours.take(5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(strange.take(1), 1.5)


async def test_only_the_events_that_are_asked_for_are_seen(iris: Iris, integration_id: str) -> None:
    async with reading(iris.http, integrationId=integration_id, event=CUSTOM) as stream:
        await send(iris, integration_id)
        assert [one.name for one in await stream.take(1)] == [CUSTOM]
    refused = await iris.http.get("/v1/events", params={"event": "ALL"})
    assert reasons(refused, 422)[0][1] == "not_allowed"


class FailingMongod(Mongod):
    """MongoDB server with fail points."""

    @override
    def command(self) -> Sequence[str]:
        return [*super().command(), "--setParameter", "enableTestCommands=1"]


async def test_an_expired_event_id_is_gone(iris: Iris, server_directory: Path) -> None:
    """The server discards operations only after a minute, so that a fail point simulates it."""
    async with FailingMongod(server_directory / "forgetful", free_port(), server_directory / "forgetful.log") as mongod:
        settings = iris.settings.model_copy(update={"mongodb_uri": SecretStr(mongod.uri)})
        async with open_database(settings), running(create_app(settings)) as url:
            demo = await seed_open_database(Vault(settings.vault_keys()), demo_settings(iris.gateway_url))
            headers = {"Authorization": f"Bearer {demo.api_key}"}
            async with plain_client(headers=headers, timeout=30) as http:
                async with reading(http, f"{url}/v1/events") as stream:
                    cursor = stream.cursor
                await Interaction.collection().database.client.admin.command(
                    {
                        "configureFailPoint": "failCommand",
                        "mode": {"times": 1},
                        "data": {"failCommands": ["aggregate"], "errorCode": 286},
                    }
                )
                response = await http.get(f"{url}/v1/events", headers={"Last-Event-ID": cursor})
                assert reasons(response, 410) == [("Last-Event-ID", "events_expired")]


@pytest.mark.parametrize("cursor", ["x", "82", "00" * 20, "FF" * 30, "<script>"])
async def test_an_invalid_event_id_is_refused(iris: Iris, cursor: str) -> None:
    response = await iris.http.get("/v1/events", headers={"Last-Event-ID": cursor})
    assert reasons(response, 422) == [("Last-Event-ID", "bad_event_id")]


async def test_open_streams_are_limited(iris: Iris) -> None:
    settings = iris.settings.model_copy(update={"max_concurrent_streams": 1})
    async with open_database(settings), running(create_app(settings)) as url:
        async with reading(iris.http, f"{url}/v1/events"):
            assert reasons(await iris.http.get(f"{url}/v1/events"), 503) == [("", "overloaded")]

        async def is_free() -> bool:
            async with iris.http.stream("GET", f"{url}/v1/events") as response:
                return response.status_code == 200

        await asyncio.wait_for(until(is_free), 60)


async def test_a_server_that_stops_ends_its_streams(iris: Iris) -> None:
    async with open_database(iris.settings):
        port = free_port()
        server = Guest(server_config(create_app(iris.settings), "127.0.0.1", port))
        serving = asyncio.create_task(server.serve())

        async def has_started() -> bool:
            return server.started

        await asyncio.wait_for(until(has_started), 60)
        async with reading(iris.http, f"http://127.0.0.1:{port}/v1/events") as stream:
            server.should_exit = True
            with pytest.raises(AssertionError, match="it ended"):
                await asyncio.wait_for(stream.take(1), 5)
        await asyncio.wait_for(serving, 5)
