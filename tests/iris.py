"""The whole product in the tests' own process, on real servers: API, worker and sandbox gateway over real HTTP."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, Final

import httpx2
import pytest
from pydantic import SecretStr
from pymongo.asynchronous.database import AsyncDatabase
from temporalio.client import Client

from api.app import create_app
from bootstrap import bind_documents, connect_temporal, http_clients, mongodb
from domain.channels import Channel
from domain.clock import to_wire, utc_now
from domain.events import ReceivedEvent
from domain.identifiers import new_id
from embedded.demo import Demo, DemoSettings, seed_open_database
from embedded.gateway.app import create_gateway
from embedded.gateway.server import running
from embedded.gateway.settings import Account, GatewaySettings
from embedded.ports import free_port
from embedded.processes import until
from integrations.provider_factory import ProviderFactory
from models.integration import Integration
from models.interaction import Interaction
from queries.correlation import InteractionRef
from security.credential_encryption import Vault, new_api_key
from settings import Settings
from temporal.interactions import signal_events, workflow_id
from tests.plain_http import plain_client
from tests.served import serving
from worker import create_worker
from workflows.interaction import InteractionWorkflow

PASSWORD = "correct horse battery staple"

SANDBOX = Account.model_validate({"token": f"sandbox-token-{new_id()}", "signing_secret": f"sandbox-secret-{new_id()}"})
"""The demo's account at the gateway."""


def demo_settings(sandbox_url: str, tenant: str = "demo") -> DemoSettings:
    """A demo with generated secrets, through a gateway."""
    return DemoSettings(
        demo_tenant=tenant,
        demo_api_key=SecretStr(new_api_key()),
        demo_password=SecretStr(PASSWORD),
        sandbox_url=sandbox_url,
        sandbox_accounts=(SANDBOX,),
    )


@dataclass(frozen=True)
class Iris:
    """The running product, from the outside."""

    settings: Settings
    temporal: Client
    http: httpx2.AsyncClient
    gateway: httpx2.AsyncClient
    demo: Demo
    gateway_url: str

    def request(self, channel: str, destination: str, **changes: object) -> dict[str, Any]:
        """Request body of a send through a channel of the demo."""
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

    async def send(self, channel: str, destination: str, **changes: object) -> dict[str, Any]:
        """Send, asserting admission; return the interaction of the response."""
        response = await self.post(self.request(channel, destination, **changes))
        assert response.status_code == 200, response.text
        return response.json()["payload"]

    async def read(self, interaction_id: str) -> dict[str, Any]:
        response = await self.http.get(f"/v1/interactions/{interaction_id}")
        assert response.status_code == 200, response.text
        return response.json()["payload"]

    async def until(
        self, interaction_id: str, condition: Callable[[dict[str, Any]], bool], seconds: float = 60
    ) -> dict[str, Any]:
        """Wait until the interaction fulfils a condition, and return it."""
        seen: dict[str, Any] = {}

        async def is_fulfilled() -> bool:
            nonlocal seen
            response = await self.http.get(f"/v1/interactions/{interaction_id}")
            assert response.status_code == 200, response.text
            seen = response.json()["payload"]
            return condition(seen)

        try:
            await asyncio.wait_for(until(is_fulfilled), seconds)
        except TimeoutError:
            pytest.fail(f"{interaction_id} did not come to that within {seconds} s; last seen: {seen}")
        return seen

    async def until_status(self, interaction_id: str, status: str, custom: str | None = None) -> dict[str, Any]:
        """Wait until the interaction has a status, and return it."""
        return await self.until(
            interaction_id, lambda seen: seen["status"] == status and (custom is None or seen["customStatus"] == custom)
        )

    async def ended(self, interaction_id: str, seconds: float = 60) -> None:
        """Wait until the interaction's workflow has ended."""
        handle = self.temporal.get_workflow_handle_for(InteractionWorkflow.run, workflow_id(interaction_id))
        await asyncio.wait_for(handle.result(), seconds)

    async def twilio(self, base_url: str) -> str:
        """Create an SMS integration of the demo's tenant through Twilio, or its fake at `base_url`; return its id.

        Twilio does not recognise a repeated send, so its messages are sent at most once.
        """
        vault = Vault(self.settings.vault_keys())
        integration = Integration(
            tenant=self.demo.tenant,
            name=f"Twilio-{new_id()}",
            channel=Channel.SMS,
            provider="twilio",
            configuration={"sender": "+15005550006", "baseUrl": base_url},
            credentials=vault.encrypt({"accountSid": f"AC{'0' * 32}", "authToken": "0" * 32}),
        )
        await integration.insert()
        return integration.id

    async def sandbox(self, base_url: str) -> str:
        """Create an SMS integration of the demo's tenant through the sandbox at `base_url`; return its id."""
        token, secret = SANDBOX.token.get_secret_value(), SANDBOX.signing_secret.get_secret_value()
        integration = Integration(
            tenant=self.demo.tenant,
            name=f"Sandbox-{new_id()}",
            channel=Channel.SMS,
            provider="sandbox",
            configuration={"baseUrl": base_url},
            credentials=Vault(self.settings.vault_keys()).encrypt({"token": token, "signingSecret": secret}),
        )
        await integration.insert()
        return integration.id

    async def receive(self, interaction_id: str, status: str, **changes: object) -> httpx2.Response:
        """Post a callback as the gateway would, and return the response."""
        interaction = await self.read(interaction_id)
        report: dict[str, object] = {
            "id": f"sbx_{interaction_id}",
            "reference": interaction_id,
            "channel": interaction["integration"]["integrationTypeName"],
            "to": [destination["value"] for destination in interaction["destinations"]],
            "status": status,
            "timestamp": to_wire(utc_now()),
            "sequence": 1,
        }
        body = json.dumps(report | changes).encode()
        path = f"/webhooks/sandbox/{interaction['integration']['integrationId']}"
        return await self.http.post(path, content=body, headers=signed(body, SANDBOX.signing_secret.get_secret_value()))

    async def signal_events(self, interaction_id: str, *events: ReceivedEvent) -> None:
        """Signal events to an interaction, as the API does with a webhook's; a workflow that has ended is continued."""
        interaction = await Interaction.get(interaction_id)
        assert interaction is not None
        await signal_events(self.temporal, self.settings, InteractionRef.of(interaction), events)

    async def taken_by_gateway(self, interaction_id: str) -> list[dict[str, Any]]:
        """Messages that the gateway accepted for an interaction, by its own ledger."""
        response = await self.gateway.get("/v1/messages", params={"reference": interaction_id})
        assert response.status_code == 200, response.text
        return response.json()["messages"]


def fresh_settings(
    mongodb_uri: str, temporal_address: str, database: str, public_url: str, **changes: object
) -> Settings:
    """Settings of a new product on these servers."""
    values: dict[str, Any] = {
        "mongodb_uri": mongodb_uri,
        "mongodb_database": database,
        "temporal_address": temporal_address,
        "task_queue": f"iris-{database}",
        "public_url": public_url,
        "receipt_window": timedelta(hours=72),
        "erasure_grace_period": timedelta(seconds=1),
    }
    return Settings.model_validate(values | changes)


def signed(body: bytes, secret: str) -> dict[str, str]:
    """Headers with the gateway's signature of a callback at the current time (`docs/providers/sandbox.md`)."""
    timestamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Sandbox-Timestamp": timestamp, "X-Sandbox-Signature": f"v1={signature}"}


_bound: list[AsyncDatabase[dict[str, Any]]] = []


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[AsyncDatabase[dict[str, Any]]]:
    """Bind the documents to a database inside the block, and restore their binding afterwards.

    Beanie binds documents once per process, in which the products of several tests may be nested.
    """
    async with mongodb(settings) as client:
        ours = client[settings.mongodb_database]
        _bound.append(ours)
        try:
            yield ours
        finally:
            # By identity: two clients of one server are equal.
            _bound[:] = [other for other in _bound if other is not ours]
            if _bound:
                await bind_documents(_bound[-1])


@asynccontextmanager
async def running_worker(client: Client, settings: Settings) -> AsyncGenerator[None]:
    """Run a worker until the end of the block."""
    guard = settings.address_guard()
    async with (
        http_clients(guard, settings.max_concurrent_sends_per_provider) as provider_http,
        create_worker(
            client, settings, ProviderFactory(Vault(settings.vault_keys()), provider_http, settings.public_url, guard)
        ),
    ):
        yield


LOOPBACK_NETWORK: Final = ip_network("127.0.0.0/8")
"""Address of the tests' clients: a trusted proxy, so that they can choose a request's network."""


@asynccontextmanager
async def running_iris(
    mongodb_uri: str, temporal_address: str, database: str, **changes: object
) -> AsyncGenerator[Iris]:
    """Run the product until the end of the block; `changes` are settings."""
    gateway_settings = GatewaySettings(accounts=(SANDBOX,), callback_delay=timedelta(milliseconds=50))
    port = free_port()
    settings = fresh_settings(mongodb_uri, temporal_address, database, f"http://127.0.0.1:{port}", **changes)
    client = await connect_temporal(settings)
    async with running(create_gateway(gateway_settings)) as gateway_url, open_database(settings):
        # Before the API starts, which binds the documents again.
        demo = await seed_open_database(Vault(settings.vault_keys()), demo_settings(gateway_url))
        async with (
            running_worker(client, settings),
            serving(create_app(settings), LOOPBACK_NETWORK, port=port) as url,
            calling(gateway_url, SANDBOX.token.get_secret_value()) as gateway,
            calling(url, demo.api_key) as http,
        ):
            yield Iris(settings, client, http, gateway, demo, gateway_url)


def calling(url: str, token: str | None = None) -> httpx2.AsyncClient:
    """A client of the API or of a gateway, with a caller's key."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return plain_client(base_url=url, headers=headers, timeout=30)
