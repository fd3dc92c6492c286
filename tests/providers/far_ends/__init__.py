"""The far ends of the providers: found by the provider's name, so that a provider without one is noticed."""

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Final

from providers import PROVIDERS
from tests.providers.far_end import FarEnd


def _far_ends_of(provider: str) -> Sequence[type[FarEnd]]:
    module = f"{__name__}.{provider}"
    return importlib.import_module(module).FAR_ENDS if importlib.util.find_spec(module) else ()


FAR_ENDS: Final = tuple(far_end for provider in PROVIDERS for far_end in _far_ends_of(provider))
