"""Fake providers, found by the provider's name, so that a provider without one fails a test."""

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Final

from providers import PROVIDERS
from tests.providers.fake_provider import FakeProvider


def _fake_providers_of(provider: str) -> Sequence[type[FakeProvider]]:
    module = f"{__name__}.{provider}"
    return importlib.import_module(module).FAKE_PROVIDERS if importlib.util.find_spec(module) else ()


FAKE_PROVIDERS: Final = tuple(fake_provider for provider in PROVIDERS for fake_provider in _fake_providers_of(provider))
