"""Creation of providers from the settings of integrations, and the problems of such settings."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx2
from pydantic import JsonValue, ValidationError

from domain.problems import Problem, problems_of_validation
from models.integration import Integration
from providers import PROVIDERS
from providers.base import AnyProvider, MisconfiguredError
from providers.provider_settings import ProviderSettings
from security.credential_encryption import DecryptionError, Vault
from security.ssrf_guard import AddressGuard


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


class UndecryptableCredentialsError(MisconfiguredError):
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
            UndecryptableCredentialsError: if no key opens the credentials.
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
            UndecryptableCredentialsError: if no key opens the credentials.
            MisconfiguredError: if configuration or credentials do not fit the provider.
        """
        provider = PROVIDERS.get(integration.provider)
        if provider is None:
            raise MisconfiguredError(f"there is no provider {integration.provider}")
        try:
            credentials = self.vault.decrypt(integration.credentials)
        except DecryptionError as error:
            raise UndecryptableCredentialsError(str(error)) from error
        return provider.open(integration.configuration, credentials, self.http[provider.name], self.guard)

    def callback_url(self, integration: Integration) -> str:
        """The URL that the provider of an integration sends its webhooks to."""
        return f"{self.public_url.rstrip('/')}/webhooks/{integration.provider}/{integration.id}"
