"""Public reference of an integration, and the capabilities of its provider."""

from domain.channels import Channel
from domain.identifiers import derived_id
from domain.interaction import IntegrationReference
from models.integration import Integration
from providers import PROVIDERS
from providers.base import Capabilities


def channel_id(channel: Channel) -> str:
    """The id of a channel, derived from its name."""
    return derived_id("channel", channel)


def provider_id(channel: Channel, provider: str) -> str:
    """The id of a provider on a channel, derived from their names."""
    return derived_id("provider", channel, provider)


def to_reference(integration: Integration) -> IntegrationReference:
    """The public reference of an integration, without secrets."""
    provider = PROVIDERS.get(integration.provider)
    return IntegrationReference(
        integration_id=integration.id,
        integration_name=integration.name,
        channel=integration.channel,
        channel_id=channel_id(integration.channel),
        provider=integration.provider,
        provider_id=provider_id(integration.channel, integration.provider),
        provider_title=provider.title if provider else integration.provider,
        version=integration.version,
    )


def capabilities(integration: Integration) -> Capabilities | None:
    """Capabilities of an integration's provider on its channel; None if the provider or channel does not exist."""
    provider = PROVIDERS.get(integration.provider)
    return provider.capabilities(integration.channel, integration.configuration) if provider else None
