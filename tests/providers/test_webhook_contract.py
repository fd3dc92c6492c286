"""Contract of every provider that sends webhooks: verifying and reading them, on every channel."""

from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from domain.status import Milestone
from providers.base import (
    AnyProvider,
    MisconfiguredError,
    UnverifiedError,
)
from tests.providers.contract import (
    assert_shows_no_secret,
    deliver,
    each,
    receipt,
    the_event,
    those,
    with_receipts,
)
from tests.providers.fake_provider import NOW, REFERENCE, FakeProvider, with_another_body


class TestVerifying:
    @with_receipts
    async def test_a_webhook_that_the_provider_signed_is_verified(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        provider.verify(await receipt(provider, fake_provider))

    @each("forgery", lambda fake_provider: fake_provider.forgeries)
    async def test_a_forged_webhook_is_not(
        self, fake_provider: FakeProvider, provider: AnyProvider, forgery: str
    ) -> None:
        forged = fake_provider.forgeries[forgery](await receipt(provider, fake_provider))
        with pytest.raises(UnverifiedError) as caught:
            provider.verify(forged)
        assert_shows_no_secret(fake_provider, caught.value)

    @with_receipts
    async def test_a_webhook_signed_by_somebody_else_is_not(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        forged = fake_provider.sign(await receipt(provider, fake_provider), "another secret")
        with pytest.raises(UnverifiedError):
            provider.verify(forged)

    @those(lambda fake_provider: fake_provider.secretless is not None)
    async def test_an_empty_secret_verifies_nothing_not_even_what_it_signed(
        self, fake_provider: FakeProvider, provider: AnyProvider, http: httpx2.AsyncClient
    ) -> None:
        signed_with_nothing = fake_provider.sign(await receipt(provider, fake_provider), "")
        with pytest.raises((MisconfiguredError, UnverifiedError)):
            fake_provider.open(http, **dict(fake_provider.secretless or {})).verify(signed_with_nothing)

    @those(lambda fake_provider: bool(fake_provider.status_map))
    def test_a_provider_with_receipts_is_tested_without_signature_with_another_body_and_without_a_secret(
        self, fake_provider: FakeProvider
    ) -> None:
        assert fake_provider.forgeries.keys() >= {"unsigned", "another body"}
        assert fake_provider.forgeries["another body"] is with_another_body
        assert fake_provider.secretless is not None
        assert bool(fake_provider.unknown_statuses) is not fake_provider.kinds_are_statuses


class TestReading:
    @each("word", lambda fake_provider: fake_provider.status_map)
    async def test_a_receipt_has_the_status_and_milestone_of_the_message_that_was_sent(
        self, fake_provider: FakeProvider, provider: AnyProvider, word: str
    ) -> None:
        delivery = await deliver(provider, fake_provider)
        event = the_event(provider, fake_provider.receipt(delivery, word))
        assert (event.provider_status, event.milestone) == (word.lower(), fake_provider.status_map[word])
        assert fake_provider.finds(event, delivery)
        assert event.destination in {None, *fake_provider.destinations}
        assert (event.failure is not None) == (event.milestone is Milestone.FAILED)

    @each("word", lambda fake_provider: fake_provider.unknown_statuses)
    async def test_an_unknown_status_is_recorded_and_not_applied(
        self, fake_provider: FakeProvider, provider: AnyProvider, word: str
    ) -> None:
        event = the_event(provider, fake_provider.receipt(await deliver(provider, fake_provider), word))
        assert (event.provider_status, event.milestone, event.reference) == (word.lower(), Milestone.NONE, REFERENCE)

    @with_receipts
    async def test_a_repeated_event_has_the_same_key(self, fake_provider: FakeProvider, provider: AnyProvider) -> None:
        first = await receipt(provider, fake_provider)
        again = replace(first, received_at=NOW + timedelta(minutes=1))
        assert provider.parse(first) == provider.parse(again)

    @with_receipts
    async def test_another_event_has_another_key(self, fake_provider: FakeProvider, provider: AnyProvider) -> None:
        deliveries = [await deliver(provider, fake_provider, reference) for reference in ("1", "2")]
        keys = [
            the_event(provider, fake_provider.receipt(delivery, word)).key
            for delivery in deliveries
            for word in (*fake_provider.status_map, *fake_provider.unknown_statuses)
        ]
        assert len(set(keys)) == len(keys)
