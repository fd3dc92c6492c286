"""Fixtures of the activity tests: an open database, a tenant for each test, and a real sandbox gateway."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from temporalio.client import Client

from activities.erasing import MongoErasures
from activities.interfaces import EraseSignal
from bootstrap import connect_temporal, http_client
from domain.identifiers import new_id
from embedded.gateway import Account, GatewaySettings, create_gateway, running
from embedded.temporal_server import TemporalServer
from models.strategy_run import StrategyRun
from queries.correlation import InteractionRef
from security.ssrf_guard import PRIVATE, AddressGuard
from settings import Settings
from tests.activities.conversation import show
from tests.activities.factories import CONSENTS, SIGNING_SECRET, TOKEN, World
from tests.iris import open_database


@pytest.fixture(scope="session", autouse=True)
async def database(mongodb_uri: str, database_name: str) -> AsyncIterator[None]:
    """Open the database that the documents are bound to.

    It is that of the whole product (`tests.iris`), because a process binds documents to one database.
    """
    values = {"mongodb_uri": mongodb_uri, "mongodb_database": database_name}
    async with open_database(Settings.model_validate(values)):
        yield


@pytest.fixture(scope="session")
async def gateway_url() -> AsyncIterator[str]:
    account = Account.model_validate({"token": TOKEN, "signing_secret": SIGNING_SECRET})
    async with running(create_gateway(GatewaySettings(accounts=(account,), slow_response_delay=timedelta()))) as url:
        yield url


@pytest.fixture(scope="session")
async def provider_http() -> AsyncIterator[httpx2.AsyncClient]:
    async with http_client(AddressGuard(PRIVATE)) as http:
        yield http


@pytest.fixture
def world(gateway_url: str) -> World:
    """Create a tenant of this test only."""
    return World(tenant=f"tenant-{new_id()}", gateway_url=gateway_url)


@pytest.fixture(scope="session")
async def temporal(temporal_server: TemporalServer) -> Client:
    """Connect to a Temporal server without workers."""
    return await connect_temporal(Settings.model_validate({"temporal_address": temporal_server.address}))


async def signal_nothing(interaction: InteractionRef, erasing: EraseSignal) -> None:
    """Signal no workflow: no message is held in these tests."""


async def signal_no_run(run: StrategyRun) -> None:
    """Signal no workflow: no strategy runs in these tests."""


@pytest.fixture
def erasures(temporal: Client) -> MongoErasures:
    return MongoErasures(temporal, show, CONSENTS, signal_nothing, signal_no_run)
