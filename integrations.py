"""Integration cache, and creation of providers from integrations."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx2
from pydantic import JsonValue, ValidationError
from pymongo.errors import PyMongoError

from domain.channels import Channel
from domain.identifiers import derived_id
from domain.interaction import IntegrationReference
from domain.problems import Problem, problems_of_validation
from models.integration import Integration
from providers import PROVIDERS
from providers.base import AnyProvider, Capabilities, MisconfiguredError, ProviderSettings
from security.credential_encryption import DecryptionError, Vault
from security.ssrf_guard import AddressGuard
from ttl_cache import TtlCache


def channel_id(channel: Channel) -> str:
    """The id of a channel, derived from its name."""
    return derived_id("channel", channel)


def provider_id(channel: Channel, provider: str) -> str:
    """The id of a provider on a channel, derived from their names."""
    return derived_id("provider", channel, provider)


def describe(integration: Integration) -> IntegrationReference:
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


def problems_of_settings(
    provider: type[AnyProvider], configuration: Mapping[str, JsonValue], credentials: Mapping[str, JsonValue]
) -> list[Problem]:
    """All problems of an integration's settings, by field, such as `configuration.sender`."""
    return [
        *_problems("configuration", provider.configuration_type, configuration),
        *_problems("credentials", provider.credentials_type, credentials),
    ]


def _problems(prefix: str, settings: type[ProviderSettings], values: Mapping[str, JsonValue]) -> list[Problem]:
    try:
        settings.model_validate_json(json.dumps(values), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        return problems_of_validation(error.errors(include_input=False), prefix, settings)
    return []


def capabilities(integration: Integration) -> Capabilities | None:
    """Capabilities of an integration's provider on its channel; None if the provider or channel does not exist."""
    provider = PROVIDERS.get(integration.provider)
    return provider.capabilities(integration.channel, integration.configuration) if provider else None


_LOG = logging.getLogger("iris.integrations")

_REOPEN_WAIT: Final = 1.0
"""Seconds until a broken change stream is reopened."""


class Integrations:
    """TTL cache of integrations; disabled or deleted ones are not cached, so that no request is refused by stale data.

    Within `following`, changes by other processes invalidate entries. The TTL bounds the age of an entry while the
    change stream is broken.
    """

    def __init__(self, ttl: timedelta) -> None:
        """Cache each integration for `ttl`."""
        self._cache: TtlCache[Integration] = TtlCache(ttl)
        # Longer than the entries: a read during a change may cache the old version.
        self._versions: TtlCache[int] = TtlCache(2 * ttl)

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[None]:
        """Follow the changes of other processes until the end of the block."""
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            # The driver may answer a cancellation with an error of its own, such as a timeout of what it cleans up.
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_REOPEN_WAIT)

    async def find(self, integration_id: str, version: int = 0) -> Integration | None:
        """Find an integration of any tenant, also a deleted one; None if there is none.

        Args:
            integration_id: its id.
            version: the version that the caller knows of; an older cached one is reloaded.
        """
        cached = self._cache.get(integration_id)
        if cached is not None and cached.version >= max(version, self._versions.get(integration_id) or 0):
            return cached
        found = await Integration.find_one({"_id": integration_id})
        if found is not None and found.enabled and found.deleted is None:
            self._cache.set(integration_id, found)
        else:
            self.invalidate(integration_id)
        return found

    async def of_tenant(self, integration_id: str, tenant: str, version: int = 0) -> Integration | None:
        """Like `find`, for an integration of a tenant; None if it does not exist or is deleted."""
        found = await self.find(integration_id, version)
        return found if found is not None and found.tenant == tenant and found.deleted is None else None

    async def read(self, integration_id: str, tenant: str) -> Integration | None:
        """Like `of_tenant`, bypassing the cache."""
        self.invalidate(integration_id)
        return await self.of_tenant(integration_id, tenant)

    def invalidate(self, integration_id: str) -> None:
        """Remove an integration from the cache after a change."""
        self._cache.invalidate(integration_id)

    def _apply(self, change: Mapping[str, Any]) -> None:
        integration_id, version = Integration.changed_version(change)
        self._versions.set(integration_id, version)
        self.invalidate(integration_id)

    async def _follow(self) -> None:
        while True:
            try:
                async with await Integration.watch() as changes:
                    # Earlier changes are in no event.
                    self._cache.clear()
                    while changes.alive:
                        # `async for` would have the client's timeout for all the time in which nothing changes.
                        change = await changes.try_next()
                        if change is not None:
                            self._apply(change)
            except PyMongoError as error:
                _LOG.warning("changes of integrations are noticed late: %s", type(error).__name__)
            await asyncio.sleep(_REOPEN_WAIT)


class UnopenableError(MisconfiguredError):
    """Credentials that no encryption key of this process decrypts."""


MAX_CACHED_PROVIDERS: Final = 1_000
"""Maximum number of cached providers; the least recently used are evicted."""


@dataclass(frozen=True, slots=True)
class ProviderFactory:
    """Creates providers for integrations, with their credentials.

    A provider and its state, such as access tokens, are cached until its integration changes.

    Attributes:
        vault: decrypts the credentials.
        http: HTTP client by provider name.
        guard: checks the addresses of connections without that client.
        public_url: the public base URL for providers' webhooks.
    """

    vault: Vault
    http: Mapping[str, httpx2.AsyncClient]
    public_url: str
    guard: AddressGuard
    _open: OrderedDict[tuple[str, str], AnyProvider] = field(default_factory=OrderedDict, init=False, repr=False)

    def open(self, integration: Integration) -> AnyProvider:
        """The provider of an integration, ready to send messages and verify webhooks.

        Raises:
            UnopenableError: if no key opens the credentials.
            MisconfiguredError: if configuration or credentials do not fit the provider.
        """
        settled = (integration.id, f"{integration.configuration}{integration.credentials}")
        provider = self._open.get(settled)
        if provider is None:
            provider = self._open[settled] = self.create_uncached(integration)
        self._open.move_to_end(settled)
        if len(self._open) > MAX_CACHED_PROVIDERS:
            self._open.popitem(last=False)
        return provider

    def create_uncached(self, integration: Integration) -> AnyProvider:
        """Like `open`, without cached state, such as a token from credentials that are no longer valid.

        Raises:
            UnopenableError: if no key opens the credentials.
            MisconfiguredError: if configuration or credentials do not fit the provider.
        """
        provider = PROVIDERS.get(integration.provider)
        if provider is None:
            raise MisconfiguredError(f"there is no provider {integration.provider}")
        try:
            credentials = self.vault.decrypt(integration.credentials)
        except DecryptionError as error:
            raise UnopenableError(str(error)) from error
        return provider.open(integration.configuration, credentials, self.http[provider.name], self.guard)

    def callback_url(self, integration: Integration) -> str:
        """The URL that the provider of an integration sends its webhooks to."""
        return f"{self.public_url.rstrip('/')}/webhooks/{integration.provider}/{integration.id}"
