"""The whole product in the tests' own process, on real servers: API, worker and sandbox gateway over real HTTP."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from api.app import create_app
from api.engine import workflow_id
from bootstrap import connect_temporal, http_client, mongodb, register_search_attributes
from domain.identifiers import new_id
from embedded.demo import Demo, DemoSecrets, seed_demo
from embedded.gateway.server import running as running_gateway
from embedded.gateway.settings import Account, GatewaySettings
from integrations import ProviderOpener
from security import Vault, new_api_key
from settings import Settings
from worker import create_worker
from workflows.interaction import InteractionWorkflow

SECRETS = DemoSecrets(
    api_key=new_api_key(),
    password="correct horse battery staple",
    sandbox_token="sandbox-token-" + new_id(),
    sandbox_signing_secret="sandbox-secret-" + new_id(),
)


class _Guest(uvicorn.Server):
    """A server in a process that is not its own, and whose signals it leaves alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncGenerator[None]:
    """An application served over real HTTP from this process."""
    server = _Guest(uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=2))
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


@dataclass(frozen=True)
class Iris:
    """The running product, as its users see it."""

    settings: Settings
    temporal: Client
    http: httpx2.AsyncClient
    gateway: httpx2.AsyncClient
    demo: Demo

    def request(self, channel: str, destination: str, **changes: Any) -> dict[str, Any]:
        """The body of a send through a channel of the demo."""
        payload: dict[str, Any] = {"Type": "simple-text", "Text": "Su cita es mañana a las 10:00"}
        if channel == "rcs":
            payload["Type"] = "text-message-rcs"
        if channel == "email":
            payload = {"Type": "email", "Subject": "Su cita", "Body": "Mañana a las 10:00"}
        body = {
            "payLoad": payload,
            "integrationId": self.demo.integrations[channel],
            "processId": None,
            "Destinations": [destination],
            "AutoCreateUser": True,
            "AutoCreateProcess": True,
        }
        return body | changes

    async def post(self, body: dict[str, Any], **headers: str) -> httpx2.Response:
        return await self.http.post("/v1/interactions", json=body, headers=headers)

    async def send(self, channel: str, destination: str, **changes: Any) -> dict[str, Any]:
        """Send, expecting it to be admitted; the interaction as answered."""
        response = await self.post(self.request(channel, destination, **changes))
        assert response.status_code == 200, response.text
        return response.json()["payload"]

    async def read(self, interaction_id: str) -> dict[str, Any]:
        response = await self.http.get(f"/v1/interactions/{interaction_id}")
        assert response.status_code == 200, response.text
        return response.json()["payload"]

    async def until(
        self, interaction_id: str, condition: Callable[[dict[str, Any]], bool], seconds: float = 20
    ) -> dict[str, Any]:
        """The interaction once it fulfils a condition."""
        async with asyncio.timeout(seconds):
            while not condition(seen := await self.read(interaction_id)):
                await asyncio.sleep(0.05)
        return seen

    async def until_status(self, interaction_id: str, status: str, custom: str | None = None) -> dict[str, Any]:
        """The interaction once it has come to a status."""
        return await self.until(
            interaction_id, lambda seen: seen["status"] == status and (custom is None or seen["customStatus"] == custom)
        )

    async def ended(self, interaction_id: str, seconds: float = 20) -> None:
        """Wait until the interaction's workflow has ended."""
        handle = self.temporal.get_workflow_handle_for(InteractionWorkflow.run, workflow_id(interaction_id))
        await asyncio.wait_for(handle.result(), seconds)

    async def taken_by_gateway(self, interaction_id: str) -> list[dict[str, Any]]:
        """The messages that the gateway took for an interaction, by its own ledger."""
        response = await self.gateway.get("/v1/messages", params={"reference": interaction_id})
        assert response.status_code == 200, response.text
        return response.json()["messages"]


def fresh_settings(mongodb_uri: str, temporal_address: str, database: str, public_url: str, **changes: Any) -> Settings:
    """Settings of a product of its own on these servers."""
    values: dict[str, Any] = {
        "mongodb_uri": mongodb_uri,
        "mongodb_database": database,
        "temporal_address": temporal_address,
        "task_queue": f"iris-{database}",
        "public_url": public_url,
        "workflow_sandbox": True,
        "receipt_window": timedelta(hours=72),
    }
    return Settings(**(values | changes))


@asynccontextmanager
async def running_iris(mongodb_uri: str, temporal_address: str, database: str) -> AsyncGenerator[Iris]:
    """The product, running until the end of the block."""
    account = Account.model_validate(
        {"token": SECRETS.sandbox_token, "signing_secret": SECRETS.sandbox_signing_secret}
    )
    gateway_settings = GatewaySettings(accounts=(account,), callback_delay=timedelta(milliseconds=50))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = fresh_settings(mongodb_uri, temporal_address, database, url)
        keys = settings.encryption_keys.get_secret_value().split(",")
        client = await connect_temporal(settings)
        await register_search_attributes(client)
        async with (
            running_gateway(gateway_settings) as gateway_url,
            mongodb(settings),
            http_client() as provider_http,
            create_worker(client, settings, ProviderOpener(Vault(keys), provider_http, url)),
            serving(create_app(settings), listener),
            httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {SECRETS.api_key}"}) as http,
            httpx2.AsyncClient(
                base_url=gateway_url, headers={"Authorization": f"Bearer {SECRETS.sandbox_token}"}
            ) as gateway,
        ):
            demo = await seed_demo(Vault(keys), gateway_url, SECRETS)
            yield Iris(settings, client, http, gateway, demo)
