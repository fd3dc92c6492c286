"""`python -m bench.fairness`: wait of a small tenant's messages beside a tenant that sends a hundred times as many."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Final

import httpx2
import typer
import uvloop
from rich.console import Console
from typing_extensions import override

from bench.deployment import deployed
from bench.limited_provider import LimitedProvider
from bootstrap import mongodb
from domain.identifiers import new_id
from embedded.gateway import running
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from models.access import Account, ApiKey, Tenant
from models.integration import Integration
from security.credential_encryption import hash_secret, new_api_key
from settings import Settings

OUT: Final = Console(width=160, highlight=False)
RATIO: Final = 100
AT_ONCE: Final = 48
"""Concurrent requests of the large tenant."""


class FairServer(TemporalServer):
    """A Temporal server that serves the backlog of a task queue tenant by tenant."""

    @override
    def command(self) -> Sequence[str]:
        return [*super().command(), "--dynamic-config-value", "matching.enableFairness=true"]


def main(messages: Annotated[int, typer.Option(min=20, help="Messages of the small tenant.")] = 30) -> None:
    """Measure from call to provider, idle and beside the large tenant, with the server's fairness off and on."""
    for server in (TemporalServer, FairServer):
        idle, loaded = uvloop.run(_measure(server, messages))
        name = "on" if server is FairServer else "off"
        OUT.print(
            f"fairness {name}: idle p50 {median(idle):.3f} s, p95 {_p95(idle):.3f} s; beside {RATIO} times as many "
            f"p50 {median(loaded):.3f} s, p95 {_p95(loaded):.3f} s; {_p95(loaded) / _p95(idle):.1f} times idle"
        )


async def _measure(server: type[TemporalServer], messages: int) -> tuple[list[float], list[float]]:
    provider = LimitedProvider(rate=1e6, capacity=1e6)
    with tempfile.TemporaryDirectory(prefix="iris-bench-") as directory:
        async with running(provider.app()) as url, open_stage(server, Path(directory), url) as (large, small):
            await _waits(provider, small, 5)
            idle = await _waits(provider, small, messages)
            flood = asyncio.create_task(large.flood(messages * RATIO))
            await until(lambda: _are_there(provider, messages + 50))
            loaded = await _waits(provider, small, messages)
            flood.cancel()
            await asyncio.gather(flood, return_exceptions=True)
    return idle, loaded


class Caller:
    """Caller of one tenant."""

    def __init__(self, http: httpx2.AsyncClient, api_key: str, integration_id: str) -> None:
        """Call with a key, and send through an integration."""
        self._http = http
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._integration_id = integration_id

    async def send(self) -> str:
        """Send a message; returns its id, empty if it is refused for too many calls."""
        body = {
            "payLoad": {"Type": "simple-text", "Text": "Hola"},
            "integrationId": self._integration_id,
            "processId": None,
            "Destinations": [f"346{int(new_id(), 16) % 10**8:08d}"],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        }
        response = await self._http.post("/v1/interactions", json=body, headers=self._headers)
        return response.json()["payload"]["id"] if response.is_success else ""

    async def flood(self, messages: int) -> None:
        """Send messages as fast as the API takes them."""
        left = iter(range(messages))

        async def caller() -> None:
            for _ in left:
                await self.send()

        await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def _waits(provider: LimitedProvider, caller: Caller, messages: int) -> list[float]:
    """Send messages one after the other, and return the seconds until the provider had each."""
    waits: list[float] = []
    for _ in range(messages):
        began = time.monotonic()
        reference = await caller.send()
        while not reference:
            await asyncio.sleep(0.2)
            reference = await caller.send()
        arrived = await _arrival(provider, reference)
        waits.append(arrived - began)
        await asyncio.sleep(0.1)
    return waits


async def _arrival(provider: LimitedProvider, reference: str) -> float:
    async def is_there() -> bool:
        return reference in {arrival.reference for arrival in provider.arrivals[-5_000:]}

    await until(is_there)
    return next(arrival.at for arrival in reversed(provider.arrivals) if arrival.reference == reference)


async def _are_there(provider: LimitedProvider, messages: int) -> bool:
    return len(provider.arrivals) >= messages


def _p95(waits: Sequence[float]) -> float:
    return quantiles(waits, n=20)[18]


@asynccontextmanager
async def open_stage(
    server: type[TemporalServer], directory: Path, provider_url: str
) -> AsyncGenerator[tuple[Caller, Caller]]:
    """Start Iris with one worker; yields the callers of a large and of a small tenant."""
    async with AsyncExitStack() as stack:
        iris = await stack.enter_async_context(deployed(directory, provider_url, server))
        small_key, small_integration = await _small_tenant(iris.settings, iris.demo.integrations["sms"])
        for program in (iris.worker(), iris.api):
            await stack.enter_async_context(program)
        client = httpx2.AsyncClient(base_url=iris.url, trust_env=False, timeout=60)
        http = await stack.enter_async_context(client)
        large = Caller(http, iris.demo.api_key, iris.demo.integrations["sms"])
        yield large, Caller(http, small_key, small_integration)


async def _small_tenant(settings: Settings, like: str) -> tuple[str, str]:
    """Create another tenant with an integration like the given one; returns its key and the integration."""
    tenant, account_id, integration_id, key = "small", new_id(), new_id(), new_api_key()
    async with mongodb(settings):
        await Tenant(name=tenant).insert()
        await Account(id=account_id, tenant=tenant, email="small@example.com", password_hash="!").insert()  # noqa: S106 - no password
        await ApiKey(tenant=tenant, account_id=account_id, name="bench", key_hash=hash_secret(key)).insert()
        integration = await Integration.get(like)
        assert integration is not None  # noqa: S101 - it was seeded
        await integration.model_copy(update={"id": integration_id, "tenant": tenant}).insert()
    return key, integration_id


if __name__ == "__main__":
    typer.run(main)
