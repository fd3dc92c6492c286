"""Environment: the whole product as separate processes, with a proxy before each that others connect to."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx2
from pymongo import AsyncMongoClient
from temporalio.client import Client
from typing_extensions import override

from bench.faults.tcp_proxy import TcpProxy
from bootstrap import connect_temporal
from domain.identifiers import derived_id
from embedded.demo import Demo, DemoSettings, seed
from embedded.iris_processes import WebProgram, WorkerProgram, is_well
from embedded.mongod import Mongod
from embedded.ports import LOOPBACK, free_port
from embedded.processes import Server, ServerError, until
from embedded.secret_environment import secret_environment
from embedded.temporal_server import TemporalServer
from settings import Settings

AT_MOST_ONCE: Final = ("sms", "whatsapp")
"""Channels with an integration, besides the demo's, whose messages may not be sent again."""

RATE: Final = 1.0
"""Messages per second of the integration with a throttle."""


class TenantEndpoint(Server):
    """The tenant's endpoint that receives all events: `bench.faults.endpoint` as a process.

    Attributes:
        port: its port on the loopback interface.
        secrets: the file of signing secrets, by integration.
        ledger: the file that it writes.
    """

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__("endpoint", directory / "endpoint.log")
        self.port = port
        self.secrets = directory / "endpoint-secrets.json"
        self.ledger = directory / "endpoint.jsonl"

    @override
    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "bench.faults.endpoint", str(self.port), str(self.secrets), str(self.ledger)]

    @override
    async def serving(self) -> None:
        await until(lambda: asyncio.to_thread(is_well, self.port, "/"))


@dataclass
class Part:
    """A process of the product that faults are injected into; it is restarted whenever it ends.

    Attributes:
        own_deaths: number of times that it ended without being killed.
    """

    name: str
    server: Server
    own_deaths: int = 0
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def killed(self, seconds: float) -> None:
        """Kill it (-9) and restart it after a delay."""
        async with self._starting:
            await self.server.kill()
            await asyncio.sleep(seconds)
            await self._revive()

    async def paused(self, seconds: float) -> None:
        """Pause it for a duration."""
        if (pid := self.server.pid) is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)

    async def keep_alive(self) -> None:
        """Restart it whenever it ends by itself; never returns."""
        while True:
            await self.server.ended()
            async with self._starting:
                if self.server.pid is None:
                    self.own_deaths += 1
                    await self._revive()

    async def _revive(self) -> None:
        while self.server.pid is None:
            # It cannot start while a dependency is down; then it is tried again.
            with suppress(ServerError):
                await self.server.start()


@dataclass(frozen=True)
class Stage:
    """The running product, in front of and behind its proxies.

    Attributes:
        parts: by name.
        proxies: proxies, by the name of their target.
        api_url: the API without a proxy.
        sandbox_url: the gateway without a proxy.
        database: MongoDB without a proxy.
        temporal: Temporal without a proxy.
        at_most_once: integrations whose messages may not be sent again, by channel.
        throttled: another such integration, for SMS, that keeps to `RATE`.
        endpoint_ledger: the file in which the tenant's endpoint records its deliveries.
    """

    parts: Mapping[str, Part]
    proxies: Mapping[str, TcpProxy]
    api_url: str
    sandbox_url: str
    sandbox_token: str
    settings: Settings
    database: Any
    temporal: Client
    demo: Demo
    at_most_once: Mapping[str, str]
    throttled: str
    endpoint_ledger: Path


@asynccontextmanager
async def open_stage(directory: Path, random: Random, receipt_window: timedelta) -> AsyncGenerator[Stage]:
    """Start and seed everything; stop it after the block."""
    mongod = Mongod(directory / "mongodb", free_port(), directory / "mongodb.log")
    temporal = TemporalServer(free_port(), directory / "temporal.log", database=directory / "temporal.db")
    api_port, sandbox_port, endpoint_port = free_port(), free_port(), free_port()
    mongodb_port = int(mongod.uri.partition("/?")[0].rpartition(":")[2])
    proxies = {
        "mongodb": TcpProxy(free_port(), mongodb_port, random),
        "temporal": TcpProxy(free_port(), int(temporal.address.rpartition(":")[2]), random),
        "sandbox": TcpProxy(free_port(), sandbox_port, random),
        "api": TcpProxy(free_port(), api_port, random, may_lie=False),
        "endpoint": TcpProxy(free_port(), endpoint_port, random, may_lie=False),
    }
    environment = _environment(directory, proxies, receipt_window)
    endpoint = TenantEndpoint(directory, endpoint_port)
    servers: dict[str, Server] = {
        "mongodb": mongod,
        "temporal": temporal,
        "sandbox": WebProgram("sandbox", directory / "sandbox.log", environment, sandbox_port, "/health"),
        "worker-1": WorkerProgram(directory / "worker-1.log", environment, temporal),
        "worker-2": WorkerProgram(directory / "worker-2.log", environment, temporal),
        "api": WebProgram("api", directory / "api.log", environment, api_port, "/health/ready"),
        "endpoint": endpoint,
    }
    async with AsyncExitStack() as stack:
        for line in proxies.values():
            await line.open()
            stack.push_async_callback(line.end)
        for server in (mongod, temporal):
            await stack.enter_async_context(server)
        os.environ.update(environment)
        settings, demo_settings = Settings(), DemoSettings()  # pyright: ignore[reportCallIssue] - from the environment
        demo = await seed(settings, demo_settings)
        client = await stack.enter_async_context(AsyncMongoClient[dict[str, Any]](mongod.uri, tz_aware=True))
        database = client[settings.mongodb_database]
        at_most_once = {channel: await _at_most_once(database, demo, channel) for channel in AT_MOST_ONCE}
        throttled = await _at_most_once(database, demo, "sms", throttle={"rate": RATE, "unit": "message", "burst": 1})
        for name, server in servers.items():
            if name not in {"mongodb", "temporal", "endpoint"}:
                await stack.enter_async_context(server)
        api_url, endpoint_url = (f"http://{LOOPBACK}:{port}" for port in (api_port, proxies["endpoint"].port))
        integrations = [*demo.integrations.values(), *at_most_once.values(), throttled]
        endpoint.secrets.write_text(json.dumps(await _subscribed(api_url, demo.api_key, endpoint_url, integrations)))
        await stack.enter_async_context(endpoint)
        yield Stage(
            parts={name: Part(name, server) for name, server in servers.items()},
            proxies=proxies,
            api_url=api_url,
            sandbox_url=f"http://{LOOPBACK}:{sandbox_port}",
            sandbox_token=demo_settings.sandbox_accounts[0].token.get_secret_value(),
            settings=settings,
            database=database,
            temporal=await connect_temporal(settings.model_copy(update={"temporal_address": temporal.address})),
            demo=demo,
            at_most_once=at_most_once,
            throttled=throttled,
            endpoint_ledger=endpoint.ledger,
        )


def _environment(directory: Path, proxies: Mapping[str, TcpProxy], receipt_window: timedelta) -> dict[str, str]:
    url = {name: f"http://{LOOPBACK}:{line.port}" for name, line in proxies.items()}
    return {
        **os.environ,
        **secret_environment(directory / "secrets.json"),
        # Directly, because the members of a replica set are known by addresses without a proxy.
        "MONGODB_URI": f"mongodb://{LOOPBACK}:{proxies['mongodb'].port}/?directConnection=true",
        "TEMPORAL_ADDRESS": f"{LOOPBACK}:{proxies['temporal'].port}",
        "IRIS_PUBLIC_URL": url["api"],
        "IRIS_RECEIPT_WINDOW": str(receipt_window.total_seconds()),
        # Longer than a process is paused, and short, so that merges and erasures end within the run.
        "IRIS_ERASURE_GRACE_PERIOD": "20",
        "IRIS_SANDBOX_URL": url["sandbox"],
        "IRIS_SANDBOX_LEDGER": str(directory / "sandbox.db"),
        "IRIS_SANDBOX_CALLBACK_TIMEOUT": "5",
        "IRIS_SANDBOX_MAX_RETRY_DELAY": "3",
        # Shorter than a pause, so that received deliveries may count as failed.
        "IRIS_NOTIFICATION_TIMEOUT": "10",
        "IRIS_LOG_LEVEL": "WARNING",
    }


async def _subscribed(api_url: str, api_key: str, endpoint_url: str, integrations: Sequence[str]) -> dict[str, str]:
    """Subscribe to all events of each integration, and return the signing secrets."""
    headers = {"Authorization": f"Bearer {api_key}"}
    secrets: dict[str, str] = {}
    async with httpx2.AsyncClient(base_url=api_url, headers=headers, timeout=30, trust_env=False) as api:
        for integration_id in integrations:
            asked = {"Url": f"{endpoint_url}/{integration_id}", "Subscriptions": ["*"]}
            response = await api.put(f"/v1/integrations/{integration_id}/webhook", json=asked)
            secrets[integration_id] = response.raise_for_status().json()["payload"]["secret"]
    return secrets


async def _at_most_once(database: Any, demo: Demo, channel: str, **changes: object) -> str:  # noqa: ANN401 - the driver's own generics
    """Create an integration like the demo's for a channel, but without repeated sends; return its id."""
    template = await database.integrations.find_one({"_id": demo.integrations[channel]})
    name = "-".join(("once", channel, *changes))
    made = derived_id("at-most-once", name)
    configuration = {**template["configuration"], "recognisesRepetitions": False}
    await database.integrations.insert_one(
        {**template, "_id": made, "name": name, "configuration": configuration, **changes}
    )
    return made
