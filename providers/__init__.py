"""The providers by name: adding one adds a line."""

from collections.abc import Mapping
from typing import Any, Final

from providers.base import Provider
from providers.sandbox import Sandbox
from providers.smtp import Smtp
from providers.twilio import Twilio

PROVIDERS: Final[Mapping[str, type[Provider[Any, Any]]]] = {
    provider.name: provider for provider in (Sandbox, Smtp, Twilio)
}
