"""Registry of the providers by name; a new provider adds a line."""

from collections.abc import Mapping
from typing import Final

from providers.base import AnyProvider
from providers.meta import Meta
from providers.sandbox import Sandbox
from providers.sinch import Sinch
from providers.smtp import Smtp
from providers.twilio import Twilio
from providers.vonage import Vonage

PROVIDERS: Final[Mapping[str, type[AnyProvider]]] = {
    provider.name: provider for provider in (Meta, Sandbox, Sinch, Smtp, Twilio, Vonage)
}
