"""A change to an integration applies from the next send on, although API and worker have cached it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect, NetworkTimeout

from domain.identifiers import new_id
from embedded.processes import until
from integrations.cache import Integrations
from models.integration import Changes, Integration
from tests.api.support import mobile, reasons
from tests.iris import SANDBOX, Iris


@pytest.fixture
async def integration_id(iris: Iris) -> str:
    """An integration that the API and the worker have cached."""
    integration_id = await iris.sandbox(iris.gateway_url)
    sent = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(sent["id"], "COMPLETED")
    return integration_id


async def change(iris: Iris, integration_id: str, **changes: object) -> None:
    response = await iris.http.patch(f"/v1/integrations/{integration_id}", json=changes)
    assert response.status_code == 200, response.text


async def test_one_that_is_enabled_again_sends_at_once(iris: Iris, integration_id: str) -> None:
    body = iris.request("sms", mobile(), integrationId=integration_id)
    for _ in range(2):
        await change(iris, integration_id, enabled=False)
        assert reasons(await iris.post(body), 409) == [("integrationId", "integration_disabled")]
        await change(iris, integration_id, enabled=True)
        assert (await iris.post(body)).status_code == 200


async def test_an_integration_enabled_by_another_process_is_not_refused(iris: Iris, integration_id: str) -> None:
    """Neither the API nor the worker is notified: nothing is refused because of a cached value."""
    body = iris.request("sms", mobile(), integrationId=integration_id)
    await change(iris, integration_id, enabled=False)
    assert (await iris.post(body)).status_code == 409
    integration = await Integration.get(integration_id)
    assert integration is not None
    await integration.change({"enabled": True})
    assert (await iris.post(body)).status_code == 200


async def test_changed_credentials_are_used_by_the_next_send(iris: Iris, integration_id: str) -> None:
    await change(iris, integration_id, credentials={"token": "wrong"})
    refused = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(refused["id"], "PROVIDER_SENDING_ERROR")
    await change(iris, integration_id, credentials={"token": SANDBOX.token.get_secret_value()})
    taken = await iris.send("sms", mobile(), integrationId=integration_id)
    await iris.until_status(taken["id"], "COMPLETED")


async def test_an_integration_changed_by_another_process_is_not_used_from_the_cache(iris: Iris) -> None:
    """The cache would keep it for an hour; a process that follows no changes reads it again."""
    following, other = Integrations(timedelta(hours=1)), Integrations(timedelta(hours=1))
    integration_id = await iris.sandbox(iris.gateway_url)
    async with following.following():
        cached = [await one.find(integration_id) for one in (following, other)]
        assert cached[0] is not None
        await cached[0].change({"enabled": False})

        async def is_noticed() -> bool:
            found = await following.find(integration_id)
            return found is not None and not found.enabled

        await asyncio.wait_for(until(is_noticed), 10)
        kept = await other.find(integration_id)
        assert kept is not None
        assert kept.enabled


async def test_an_integration_disabled_by_another_process_refuses_at_once(iris: Iris, integration_id: str) -> None:
    integration = await Integration.get(integration_id)
    assert integration is not None
    body = iris.request("sms", mobile(), integrationId=integration_id)
    for is_enabled, status in ((False, 409), (True, 200)):
        await Integration.collection().update_one(
            {"_id": integration_id}, {"$set": {"enabled": is_enabled}, "$inc": {"version": 1}}
        )

        async def is_so(status: int = status) -> bool:
            return (await iris.post(body)).status_code == status

        # Less than the cache's five seconds.
        await asyncio.wait_for(until(is_so), iris.settings.lookup_cache_ttl.total_seconds() - 1)


async def test_the_change_stream_is_opened_again_after_it_broke(iris: Iris, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, watch = asyncio.Event(), Integration.watch

    async def broken() -> Changes:
        if not opened.is_set():
            opened.set()
            raise AutoReconnect
        return await watch()

    monkeypatch.setattr(Integration, "watch", broken)
    following = Integrations(timedelta(hours=1))
    integration_id = await iris.sandbox(iris.gateway_url)
    async with following.following():
        found = await following.find(integration_id)
        assert found is not None
        await found.change({"name": new_id()})

        async def is_noticed() -> bool:
            seen = await following.find(integration_id)
            return seen is not None and seen.version > found.version

        await asyncio.wait_for(until(is_noticed), 10)


async def test_following_ends_also_where_the_driver_answers_the_end_with_an_error(
    iris: Iris, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = asyncio.Event()
    assert iris, "the documents are bound"

    class Silent:
        alive = True

        async def try_next(self) -> None:
            watched.set()
            await asyncio.Event().wait()

    @asynccontextmanager
    async def silent() -> AsyncGenerator[Silent]:
        try:
            yield Silent()
        except asyncio.CancelledError as error:
            raise NetworkTimeout from error

    async def watch() -> object:
        return silent()

    monkeypatch.setattr(Integration, "watch", watch)
    async with asyncio.timeout(10), Integrations(timedelta(hours=1)).following():
        await watched.wait()


async def test_a_change_stream_stays_open_while_nothing_changes(
    iris: Iris, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    uri, name = iris.settings.mongodb_uri.get_secret_value(), f"{iris.settings.mongodb_database}_silent"
    async with AsyncMongoClient[dict[str, Any]](uri, timeoutMS=2_000) as client:
        monkeypatch.setattr(Integration, "collection", lambda: client[name]["integrations"])
        async with Integrations(timedelta(hours=1)).following():
            await asyncio.sleep(4)  # twice what each request to the database may take
    assert "changes of integrations are noticed late" not in caplog.text
