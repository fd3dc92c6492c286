"""An event stream ends with its reader's key, session or account, in every process of the API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx2
import pytest
from pymongo import monitoring
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from api.app import create_app
from domain.access import Operation, Role
from domain.clock import utc_now
from embedded.gateway.server import running
from models.access import Account, ApiKey, Session
from security.credential_encryption import hash_secret
from tests.api.account_factories import Person, Town
from tests.iris import Iris, calling, open_database
from tests.notifications.test_events import reading

SOON = 5.0


class Lookups(CommandListener):
    """Counts the database's lookups of a key."""

    def __init__(self, key_hash: str) -> None:
        self._key_hash = key_hash
        self.counted = 0

    def started(self, event: CommandStartedEvent) -> None:
        self.counted += event.command_name == "find" and self._key_hash in str(event.command)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@pytest.fixture(scope="module")
async def elsewhere(iris: Iris) -> AsyncIterator[str]:
    """Run another process of the API, which is not notified of changes by the first."""
    lookups = {"lookup_cache_ttl": timedelta(seconds=0.2), "token_lifetime": timedelta(seconds=1)}
    settings = iris.settings.model_copy(update=lookups)
    async with open_database(iris.settings), running(create_app(settings)) as url:
        yield url


async def is_cut(http: httpx2.AsyncClient, url: str, end: Callable[[], Awaitable[object]]) -> None:
    """Check that an open stream ends soon after an action, and cannot be opened again."""
    async with reading(http, f"{url}/v1/events") as stream:
        await end()
        with pytest.raises(AssertionError, match="it ended"):
            await asyncio.wait_for(stream.take(1), SOON)
    assert (await http.get(f"{url}/v1/events")).status_code in {401, 403}


def change_of_key(person: Person, **changes: object) -> Callable[[], Awaitable[object]]:
    async def change() -> None:
        await ApiKey.collection().update_one({"account_id": person.account.id}, {"$set": changes})

    return change


async def test_a_stream_ends_with_its_key(elsewhere: str, town: Town) -> None:
    revoked, expired, limited = [await town.person(Role.READER) for _ in range(3)]
    soon = utc_now() + timedelta(seconds=0.5)
    await asyncio.gather(
        is_cut(revoked.http, elsewhere, change_of_key(revoked, revoked=utc_now())),
        is_cut(expired.http, elsewhere, change_of_key(expired, expires=soon)),
        is_cut(limited.http, elsewhere, change_of_key(limited, scopes=[Operation.USERS_READ])),
    )


async def test_a_stream_ends_with_its_account(elsewhere: str, town: Town) -> None:
    reader = await town.person(Role.READER)

    async def disable() -> None:
        await Account.collection().update_one({"_id": reader.account.id}, {"$set": {"disabled": True}})

    await is_cut(reader.http, elsewhere, disable)


async def test_a_stream_ends_with_its_session(elsewhere: str, town: Town) -> None:
    reader = await town.person(Role.READER)
    http = town.calling((await reader.session())["accessToken"])

    async def log_out() -> None:
        assert await Session.find({"account_id": reader.account.id}).delete_many() is not None

    await is_cut(http, elsewhere, log_out)


async def test_a_stream_ends_with_its_token(elsewhere: str, town: Town) -> None:
    reader = await town.person(Role.READER)
    async with calling(elsewhere) as nobody:
        tokens = (await nobody.post("/v1/sessions", json=reader.login)).json()["payload"]
    await is_cut(town.calling(tokens["accessToken"]), elsewhere, lambda: asyncio.sleep(0))


async def test_an_event_of_a_stream_costs_no_lookup_of_its_reader(iris: Iris) -> None:
    lookups = Lookups(hash_secret(iris.demo.api_key))
    monitoring.register(lookups)
    integration_id = await iris.sandbox(iris.gateway_url)
    settings = iris.settings.model_copy(update={"lookup_cache_ttl": timedelta(minutes=1)})
    async with (
        open_database(settings),
        running(create_app(settings)) as url,
        reading(iris.http, f"{url}/v1/events", integrationId=integration_id) as stream,
    ):
        before = lookups.counted
        assert before > 0
        body = iris.request("sms", "34600000001", integrationId=integration_id)
        assert (await iris.http.post(f"{url}/v1/interactions", json=body)).status_code == 200
        await stream.take(5)
        assert lookups.counted == before
