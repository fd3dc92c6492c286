"""Lines: integrations of the demo's tenant, each with its fake provider and the simulator of the vendor's webhooks."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from secrets import randbelow
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from domain.channels import Channel
from domain.clock import utc_now
from domain.destinations import KIND_OF_CHANNEL, DestinationKind
from domain.identifiers import new_id
from embedded.demo import CHANNELS
from embedded.processes import until
from models.integration import Integration
from models.interaction import Interaction
from providers.base import Webhook
from security.credential_encryption import Vault
from settings import Settings
from tests.iris import Iris, calling
from tests.product.fake_providers import FaultyProvider
from tests.product.inbound_simulators import InboundSimulator, simulator_of
from tests.providers.fake_provider import Delivery

SHORT_NAMES: Final = {channel: name for name, channel in CHANNELS.items()}


def somebody(channel: Channel) -> str:
    """A unique destination."""
    number = randbelow(90_000_000) + 10_000_000
    return {
        DestinationKind.PHONE_NUMBER: f"346{number}",
        DestinationKind.EMAIL: f"ana.{number}@example.com",
        DestinationKind.PAGE_SCOPED_ID: f"40000000{number}",
    }[KIND_OF_CHANNEL[channel]]


@dataclass(frozen=True)
class Line:
    """One integration and its fake provider.

    Attributes:
        vendor: HTTP client of the vendor, without an API key.
    """

    iris: Iris
    fake_provider: FaultyProvider
    integration_id: str
    vendor: httpx2.AsyncClient

    @property
    def channel(self) -> Channel:
        return self.fake_provider.channel

    @property
    def simulator(self) -> InboundSimulator:
        return simulator_of(self.fake_provider)

    @property
    def url(self) -> str:
        public_url = self.iris.settings.public_url
        return f"{public_url}/webhooks/{self.fake_provider.provider.name}/{self.integration_id}"

    def somebody(self) -> str:
        return somebody(self.channel)

    async def admitted(self, to: str | None = None, **changes: object) -> str:
        """Send through the API; return the interaction's id."""
        settled = {"integrationId": self.integration_id} | changes
        sent = await self.iris.send(SHORT_NAMES[self.channel], to or self.somebody(), **settled)
        return sent["id"]

    async def sent(self, to: str | None = None, **changes: object) -> str:
        """Send and wait until the provider has the message; return the interaction's id."""
        interaction_id = await self.admitted(to, **changes)
        await self.iris.until_status(interaction_id, "SENT")
        return interaction_id

    def delivery(self, interaction_id: str) -> Delivery:
        """The only message that the fake provider accepted for an interaction."""
        (delivery,) = [one for one in self.fake_provider.deliveries if one.reference == interaction_id]
        return delivery

    def receipt(self, interaction_id: str, word: str, destination: str | None = None) -> Webhook:
        """The vendor's status webhook about an interaction or its recipient, with the current time."""
        delivery = self.delivery(interaction_id)
        about = replace(delivery, destinations=(destination,)) if destination else delivery
        receipt = self.fake_provider.receipt(about, word)
        url = receipt.url if receipt.url.startswith(self.url) else self.url
        return self.simulator.today(replace(receipt, url=url))

    def webhook(self, body: bytes) -> Webhook:
        """A signed webhook of the vendor."""
        return self.simulator.sign(Webhook(self.url, {"content-type": self.simulator.content_type}, body, utc_now()))

    async def post(self, webhook: Webhook, to: str = "") -> httpx2.Response:
        """Post a webhook to the API, or to another one at `to`, and return the response."""
        address = urlsplit(webhook.url)
        path = f"{address.path}?{address.query}" if address.query else address.path
        return await self.vendor.post(f"{to}{path}", content=webhook.body, headers=dict(webhook.headers))

    async def post_accepted(self, webhook: Webhook) -> None:
        """Post a webhook, asserting that it is accepted."""
        response = await self.post(webhook)
        assert (response.status_code, response.content) == (200, b""), response.text

    async def send_receipt(self, interaction_id: str, word: str, destination: str | None = None) -> None:
        await self.post_accepted(self.receipt(interaction_id, word, destination))

    async def received(self, interaction_id: str, number: int) -> dict[str, Any]:
        """Wait until the interaction has recorded this number of events."""
        return await self.iris.until(interaction_id, lambda seen: len(seen["auditTrail"]["providerEvents"]) >= number)

    async def receive_message(self, sender: str, text: str, message_id: str | None = None) -> dict[str, Any]:
        """Receive a message from an end user; return its interaction."""
        message_id = message_id or new_id()
        await self.post_accepted(self.webhook(self.simulator.text(sender, text, message_id)))
        return await self.came_in(message_id)

    async def came_in(self, message_id: str) -> dict[str, Any]:
        """The only interaction that a message became."""

        async def is_there() -> bool:
            return bool(await self.messages_in(message_id))

        await asyncio.wait_for(until(is_there), 60)
        (interaction,) = await self.messages_in(message_id)
        return await self.iris.read(interaction.id)

    async def messages_in(self, message_id: str) -> list[Interaction]:
        """Interactions that a message became, by the vendor's id of it."""
        return await Interaction.find(
            {
                "integration.integration_id": self.integration_id,
                "direction": "in",
                "metadata.providerMessageId": {"$regex": message_id},
            }
        ).to_list()


@asynccontextmanager
async def line(iris: Iris, fake_provider_type: type[FaultyProvider]) -> AsyncGenerator[Line]:
    """Create an integration of the demo's tenant and start its fake provider."""
    async with (
        fake_provider_type() as fake_provider,
        calling(iris.settings.public_url) as vendor,
    ):
        integration = Integration(
            tenant=iris.demo.tenant,
            name=f"{fake_provider.label()}-{new_id()}",
            channel=fake_provider.channel,
            provider=fake_provider.provider.name,
            configuration=fake_provider.configuration(),
            credentials=Vault(iris.settings.vault_keys()).encrypt(fake_provider.credentials()),
        )
        await integration.insert()
        yield Line(iris, fake_provider, integration.id, vendor)


def environment_of(settings: Settings) -> dict[str, str]:
    """Environment with which another process is part of the same product."""
    return {
        **os.environ,
        "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "IRIS_MONGODB_DATABASE": settings.mongodb_database,
        "TEMPORAL_ADDRESS": settings.temporal_address,
        "IRIS_TASK_QUEUE": settings.task_queue,
        "IRIS_PUBLIC_URL": settings.public_url,
    }
