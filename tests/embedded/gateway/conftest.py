from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest

from domain.identifiers import new_id
from embedded.gateway import create_gateway, running
from tests.embedded.gateway.caller import Caller, Desk, settings
from tests.embedded.gateway.receiver import Receiver
from tests.plain_http import plain_client


@pytest.fixture(scope="package")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with plain_client(timeout=10) as client:
        yield client


@pytest.fixture(scope="package")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture(scope="package")
async def gateway_url() -> AsyncIterator[str]:
    async with running(create_gateway(settings())) as url:
        yield url


@pytest.fixture
async def desk(http: httpx2.AsyncClient, receiver: Receiver) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        yield Desk(stack, http, receiver)


@pytest.fixture
def caller(desk: Desk, gateway_url: str) -> Caller:
    return desk.at(gateway_url)


@pytest.fixture
def reference() -> str:
    return new_id()
