"""The providers by name: adding one adds a line."""

from collections.abc import Mapping
from typing import Final

from providers.base import AnyProvider
from providers.sandbox import Sandbox
from providers.smtp import Smtp
from providers.twilio import Twilio

PROVIDERS: Final[Mapping[str, type[AnyProvider]]] = {
    provider.name: provider for provider in (Sandbox, Smtp, Twilio)
}
