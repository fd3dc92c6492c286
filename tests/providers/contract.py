"""Fake providers as parameters of the contract of every provider, and what its tests have in common."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from domain.events import ProviderEvent
from domain.outcomes import Outcome
from providers.base import (
    AnyProvider,
    Webhook,
)
from tests.providers.fake_provider import REFERENCE, Delivery, FakeProvider
from tests.providers.fake_providers import FAKE_PROVIDERS


def each(name: str, of: Callable[[type[FakeProvider]], Iterable[Any]]) -> pytest.MarkDecorator:
    """Parametrise with every fake provider and each of its values."""
    cases = [
        pytest.param(fake_provider, case, id=f"{fake_provider.label()}-{case}")
        for fake_provider in FAKE_PROVIDERS
        for case in of(fake_provider)
    ]
    return pytest.mark.parametrize(("fake_provider", name), cases, indirect=["fake_provider"])


def those(condition: Callable[[type[FakeProvider]], bool]) -> pytest.MarkDecorator:
    """Fake providers that satisfy a condition."""
    cases = [
        pytest.param(fake_provider, id=fake_provider.label())
        for fake_provider in FAKE_PROVIDERS
        if condition(fake_provider)
    ]
    return pytest.mark.parametrize("fake_provider", cases, indirect=True)


every = those(lambda _: True)
with_receipts = those(lambda fake_provider: bool(fake_provider.status_map))


@functools.cache
def idle(fake_provider: type[FakeProvider]) -> FakeProvider:
    """Fake provider that is never started: for operations without network."""
    return fake_provider()


async def deliver(provider: AnyProvider, fake_provider: FakeProvider, reference: str = REFERENCE) -> Delivery:
    await provider.send(replace(fake_provider.outbound(), reference=reference))
    return fake_provider.deliveries[-1]


async def receipt(provider: AnyProvider, fake_provider: FakeProvider) -> Webhook:
    """Signed webhook about a message that was just sent."""
    return fake_provider.receipt(await deliver(provider, fake_provider), next(iter(fake_provider.status_map)))


def the_event(provider: AnyProvider, webhook: Webhook) -> ProviderEvent:
    """The single event of a receipt."""
    (event,) = provider.parse(webhook)
    assert isinstance(event, ProviderEvent)
    return event


def assert_shows_no_secret(fake_provider: FakeProvider, *results: Outcome | Exception | object) -> None:
    shown = "".join(f"{thing!r} {thing!s}" for thing in results)
    assert not [secret for secret in fake_provider.secrets() if secret in shown]
