"""Integrations brought to life: found in a tenant, described without secrets, opened at their provider."""

from dataclasses import dataclass

import httpx2

from domain.identifiers import derived_id
from domain.interaction import IntegrationReference
from models.integration import Integration
from providers import PROVIDERS
from providers.base import AnyProvider, Capabilities, MisconfiguredError
from security import UnsealableError, Vault


def describe(integration: Integration) -> IntegrationReference:
    """What may be shown of an integration. The ids of channels and providers are derived from their names."""
    provider = PROVIDERS[integration.provider]
    return IntegrationReference(
        integration_id=integration.id,
        integration_name=integration.name,
        channel=integration.channel,
        channel_id=derived_id("channel", integration.channel),
        provider=provider.name,
        provider_id=derived_id("provider", integration.channel, provider.name),
        provider_title=provider.title,
    )


def capabilities(integration: Integration) -> Capabilities:
    """What an integration's provider can do on its channel."""
    return PROVIDERS[integration.provider].channels[integration.channel]


@dataclass(frozen=True, slots=True)
class ProviderOpener:
    """Opens providers for integrations, with their credentials.

    Attributes:
        vault: opens the credentials.
        http: the client that providers send with.
        public_url: where providers reach us from outside.
    """

    vault: Vault
    http: httpx2.AsyncClient
    public_url: str

    def open(self, integration: Integration) -> AnyProvider:
        """The provider of an integration, ready to send and to verify.

        Raises:
            MisconfiguredError: if configuration or credentials do not fit the provider.
        """
        try:
            credentials = self.vault.open(integration.credentials)
        except UnsealableError as error:
            raise MisconfiguredError(str(error)) from error
        return PROVIDERS[integration.provider].open(integration.configuration, credentials, self.http)

    def callback_url(self, integration: Integration) -> str:
        """Where the provider of an integration tells us its news."""
        return f"{self.public_url.rstrip('/')}/webhooks/{integration.provider}/{integration.id}"
