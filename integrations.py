"""Integrations brought to life: found in a tenant, described without secrets, opened at their provider."""

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
from security.at_rest import UnsealableError, Vault
from security.outbound_guard import AddressGuard
from timed_cache import TimedCache


def channel_id(channel: Channel) -> str:
    """The id of a channel, which its name gives."""
    return derived_id("channel", channel)


def provider_id(channel: Channel, provider: str) -> str:
    """The id of a provider on a channel, which their names give."""
    return derived_id("provider", channel, provider)


def describe(integration: Integration) -> IntegrationReference:
    """What may be shown of an integration."""
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
    """Everything that is wrong with an integration's settings, by its field, such as `configuration.sender`."""
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
    """What an integration's provider can do on its channel; None if there is no such provider or channel of it."""
    provider = PROVIDERS.get(integration.provider)
    return provider.capabilities(integration.channel, integration.configuration) if provider else None


_LOG = logging.getLogger("iris.integrations")

_REOPEN_WAIT: Final = 1.0
"""Seconds until the change stream is opened again after it broke."""


class Integrations:
    """TTL cache of integrations; one that is disabled or deleted is not cached, so that nothing is refused by it.

    Within `following`, what another process changes is not used from the cache any more. The TTL bounds how old an
    entry can be while the change stream is broken.
    """

    def __init__(self, kept: timedelta) -> None:
        """Cache each for this long."""
        self._cache: TimedCache[Integration] = TimedCache(kept)
        # Longer than the entries: a read that was under way during a change may cache what it found before.
        self._versions: TimedCache[int] = TimedCache(2 * kept)

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
        """The integration with this id, of whatever tenant, also if it is deleted; None if there is none.

        Args:
            integration_id: its id.
            version: the version that the caller knows of; an older one in the cache is read anew.
        """
        cached = self._cache.kept(integration_id)
        if cached is not None and cached.version >= max(version, self._versions.kept(integration_id) or 0):
            return cached
        found = await Integration.find_one({"_id": integration_id})
        if found is not None and found.enabled and found.deleted is None:
            self._cache.keep(integration_id, found)
        else:
            self.forget(integration_id)
        return found

    async def of_tenant(self, integration_id: str, tenant: str, version: int = 0) -> Integration | None:
        """The tenant's integration with this id, as `find` finds it; None if it has none, or deleted it."""
        found = await self.find(integration_id, version)
        return found if found is not None and found.tenant == tenant and found.deleted is None else None

    async def read(self, integration_id: str, tenant: str) -> Integration | None:
        """As `of_tenant`, from the database: as it is at this moment."""
        self.forget(integration_id)
        return await self.of_tenant(integration_id, tenant)

    def forget(self, integration_id: str) -> None:
        """Find it anew, because it was changed."""
        self._cache.forget(integration_id)

    def _note(self, change: Mapping[str, Any]) -> None:
        integration_id, version = Integration.changed_version(change)
        self._versions.keep(integration_id, version)
        self.forget(integration_id)

    async def _follow(self) -> None:
        while True:
            try:
                async with await Integration.watch() as changes:
                    # What changed before is in no event.
                    self._cache.clear()
                    while changes.alive:
                        # `async for` would have the client's timeout for all the time in which nothing changes.
                        change = await changes.try_next()
                        if change is not None:
                            self._note(change)
            except PyMongoError as error:
                _LOG.warning("changes of integrations are noticed late: %s", type(error).__name__)
            await asyncio.sleep(_REOPEN_WAIT)


class UnopenableError(MisconfiguredError):
    """Credentials that no encryption key of this process opens."""


MOST_OPEN: Final = 1_000
"""Providers that are kept open; the longest unused are forgotten."""


@dataclass(frozen=True, slots=True)
class ProviderOpener:
    """Opens providers for integrations, with their credentials.

    A provider stays open as long as its integration stays the same, and with it what it remembers, such as tokens.

    Attributes:
        vault: opens the credentials.
        http: the client that each provider sends with, by its name.
        guard: judges the addresses that they connect to without it.
        public_url: where providers reach us from outside.
    """

    vault: Vault
    http: Mapping[str, httpx2.AsyncClient]
    public_url: str
    guard: AddressGuard
    _open: OrderedDict[tuple[str, str], AnyProvider] = field(default_factory=OrderedDict, init=False, repr=False)

    def open(self, integration: Integration) -> AnyProvider:
        """The provider of an integration, ready to send and to verify.

        Raises:
            UnopenableError: if no key opens the credentials.
            MisconfiguredError: if configuration or credentials do not fit the provider.
        """
        settled = (integration.id, f"{integration.configuration}{integration.credentials}")
        provider = self._open.get(settled)
        if provider is None:
            provider = self._open[settled] = self.open_anew(integration)
        self._open.move_to_end(settled)
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return provider

    def open_anew(self, integration: Integration) -> AnyProvider:
        """As `open`, remembering nothing, such as a token that was given for credentials that are good no longer.

        Raises:
            UnopenableError: if no key opens the credentials.
            MisconfiguredError: if configuration or credentials do not fit the provider.
        """
        provider = PROVIDERS.get(integration.provider)
        if provider is None:
            raise MisconfiguredError(f"there is no provider {integration.provider}")
        try:
            credentials = self.vault.open(integration.credentials)
        except UnsealableError as error:
            raise UnopenableError(str(error)) from error
        return provider.open(integration.configuration, credentials, self.http[provider.name], self.guard)

    def callback_url(self, integration: Integration) -> str:
        """Where the provider of an integration tells us its news."""
        return f"{self.public_url.rstrip('/')}/webhooks/{integration.provider}/{integration.id}"
