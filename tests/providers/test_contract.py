"""Contract of every provider, on every channel it has (`docs/decisions/0004-provider-seam.md`).

A provider joins by its fake provider (`tests/providers/fake_provider.py`); the first test fails until it has one.
"""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx2
import pytest

from bootstrap import http_client
from domain.channels import Channel
from domain.outcomes import Accepted, FailureClass, OutcomeUnknown, Rejected
from domain.payloads import PAYLOADS
from domain.status import Milestone
from providers import PROVIDERS
from providers.base import (
    NOTHING_INSIDE,
    AnyProvider,
    Check,
    MisconfiguredError,
    TransientError,
)
from providers.redaction import HIDDEN
from security.ssrf_guard import ForbiddenAddressError
from tests.providers.contract import (
    assert_shows_no_secret,
    each,
    every,
    those,
)
from tests.providers.fake_provider import REFERENCE, FakeProvider
from tests.providers.fake_providers import FAKE_PROVIDERS
from tests.providers.loopback import HttpFakeProvider, json_answer, page


class BrokenError(Exception):
    """Error of a broken part of our own code."""


def breaking(like: object) -> Any:  # noqa: ANN401 - it passes for whatever it is like
    """Object of the same class whose every use fails."""

    class Breaking:
        @property
        def __class__(self) -> Any:  # noqa: ANN401  # pyright: ignore[reportIncompatibleMethodOverride] - for `isinstance`
            return type(like)

        def __getattr__(self, name: str) -> object:
            raise BrokenError(name)

    return Breaking()


class TestRegistry:
    def test_every_provider_has_a_fake_provider_on_each_of_its_channels(self) -> None:
        assert sorted(
            (fake_provider.provider.name, fake_provider.channel) for fake_provider in FAKE_PROVIDERS
        ) == sorted((name, channel) for name, provider in PROVIDERS.items() for channel in provider.channels)

    @pytest.mark.parametrize("name", PROVIDERS)
    def test_a_provider_is_registered_under_its_own_name_in_lower_case(self, name: str) -> None:
        assert PROVIDERS[name].name == name == name.lower()

    @pytest.mark.parametrize("name", PROVIDERS)
    def test_a_provider_sends_payloads_that_its_channels_have(self, name: str) -> None:
        for channel, capabilities in PROVIDERS[name].channels.items():
            assert capabilities.payload_types
            assert capabilities.payload_types <= PAYLOADS[Channel(channel)].keys()

    @pytest.mark.parametrize("fake_provider", FAKE_PROVIDERS, ids=lambda fake_provider: fake_provider.label())
    def test_the_declared_receipts_are_those_that_a_provider_sends(self, fake_provider: type[FakeProvider]) -> None:
        capabilities = fake_provider.provider.channels[fake_provider.channel]
        reported = set(fake_provider.status_map.values())
        assert (capabilities.reports_delivery, capabilities.reports_reads) == (
            Milestone.DELIVERED in reported,
            Milestone.READ in reported,
        )


class TestSettings:
    @each("field", lambda fake_provider: fake_provider.bad_configurations)
    def test_a_wrong_configuration_is_named_by_its_field(
        self, fake_provider: FakeProvider, field: str, http: httpx2.AsyncClient
    ) -> None:
        configuration = fake_provider.configuration() | dict(fake_provider.bad_configurations[field])
        with pytest.raises(MisconfiguredError, match=field) as caught:
            fake_provider.provider.open(configuration, fake_provider.credentials(), http)
        assert_shows_no_secret(fake_provider, caught.value)

    @each("field", lambda fake_provider: fake_provider.bad_credentials)
    def test_wrong_credentials_are_named_by_their_field_and_not_shown(
        self, fake_provider: FakeProvider, field: str, http: httpx2.AsyncClient
    ) -> None:
        wrong = dict(fake_provider.bad_credentials[field])
        with pytest.raises(MisconfiguredError, match=field) as caught:
            fake_provider.open(http, **wrong)
        assert_shows_no_secret(fake_provider, caught.value)
        assert not [
            value for value in wrong.values() if isinstance(value, str) and value and value in str(caught.value)
        ]

    @every
    def test_a_provider_shows_no_secret_of_its_own(self, fake_provider: FakeProvider, provider: AnyProvider) -> None:
        assert_shows_no_secret(fake_provider, provider, *vars(provider).values())


class TestSending:
    @every
    async def test_the_message_reaches_the_provider_unchanged_with_our_reference(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        outcome = await provider.send(fake_provider.outbound())
        (delivery,) = fake_provider.deliveries
        assert isinstance(outcome, Accepted)
        assert outcome.provider_message_id == delivery.provider_message_id
        assert (delivery.destinations, delivery.text, delivery.reference) == (
            fake_provider.destinations,
            fake_provider.payload.displayed_text(),
            REFERENCE,
        )
        assert fake_provider.attempts == 1

    @every
    async def test_the_status_of_an_acceptance_is_in_lower_case(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        outcome = await provider.send(fake_provider.outbound())
        assert isinstance(outcome, Accepted)
        assert outcome.provider_status == outcome.provider_status.lower() != ""

    @every
    async def test_two_messages_are_two_deliveries(self, fake_provider: FakeProvider, provider: AnyProvider) -> None:
        outcomes = [
            await provider.send(replace(fake_provider.outbound(), reference=reference)) for reference in ("1", "2")
        ]
        ids = [outcome.provider_message_id for outcome in outcomes if isinstance(outcome, Accepted)]
        assert len(set(ids)) == 2
        assert [delivery.reference for delivery in fake_provider.deliveries] == ["1", "2"]

    @those(lambda fake_provider: fake_provider.provider.channels[fake_provider.channel].idempotent_send)
    async def test_a_message_sent_again_to_an_idempotent_provider_is_one_delivery(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        first, second = [await provider.send(fake_provider.outbound()) for _ in range(2)]
        assert first == second
        assert len(fake_provider.deliveries) == 1

    @every
    async def test_unknown_credentials_are_refused_for_the_configuration(
        self, fake_provider: FakeProvider, http: httpx2.AsyncClient
    ) -> None:
        credentials, code = fake_provider.unknown_credentials
        outcome = await fake_provider.open(http, **dict(credentials)).send(fake_provider.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == (code, FailureClass.CONFIGURATION)
        assert fake_provider.deliveries == []

    @each("code", lambda fake_provider: fake_provider.refusals)
    async def test_a_refusal_is_a_rejection_with_its_code_and_class(
        self, fake_provider: FakeProvider, provider: AnyProvider, code: str
    ) -> None:
        fake_provider.refuse(code)
        outcome = await provider.send(fake_provider.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == (code, fake_provider.refusals[code])
        assert fake_provider.attempts == 1
        assert_shows_no_secret(fake_provider, outcome)

    @every
    async def test_a_refusal_that_quotes_our_request_is_reported_without_our_secrets(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        fake_provider.quote(next(iter(fake_provider.refusals)))
        outcome = await provider.send(fake_provider.outbound())
        assert isinstance(outcome, Rejected)
        assert HIDDEN in outcome.detail
        assert_shows_no_secret(fake_provider, outcome)

    @each("code", lambda fake_provider: fake_provider.throttles)
    async def test_a_message_that_was_certainly_not_accepted_may_be_sent_again_after_the_wait_asked_for(
        self, fake_provider: FakeProvider, provider: AnyProvider, code: str
    ) -> None:
        fake_provider.throttle(code)
        with pytest.raises(TransientError) as caught:
            await provider.send(fake_provider.outbound())
        wait = fake_provider.throttles[code]
        assert (caught.value.code, caught.value.retry_after) == (
            code,
            None if wait is None else timedelta(seconds=wait),
        )
        assert fake_provider.attempts == 1
        assert_shows_no_secret(fake_provider, caught.value)

    @pytest.mark.parametrize("fake_provider", FAKE_PROVIDERS, ids=lambda fake_provider: fake_provider.label())
    async def test_a_message_that_meets_a_refused_connection_may_be_sent_again(
        self, fake_provider: type[FakeProvider], http: httpx2.AsyncClient
    ) -> None:
        unreachable = fake_provider()
        with pytest.raises(TransientError) as caught:
            await unreachable.open(http).send(unreachable.outbound())
        assert caught.value.code == "unreachable"
        assert_shows_no_secret(unreachable, caught.value)

    @every
    async def test_a_provider_inside_our_network_is_not_connected_to_unless_that_is_allowed(
        self, fake_provider: FakeProvider
    ) -> None:
        async with http_client(NOTHING_INSIDE) as guarded:
            provider = fake_provider.provider.open(fake_provider.configuration(), fake_provider.credentials(), guarded)
            with pytest.raises(ForbiddenAddressError):
                await provider.send(fake_provider.outbound())
        assert fake_provider.attempts == 0

    @every
    async def test_a_message_that_our_own_code_cannot_compose_is_not_sent_and_its_preparing_fails(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        """Nothing was sent, so the outcome is never unknown: the send fails before its attempt."""
        with pytest.raises(BrokenError):
            await provider.prepare(replace(fake_provider.outbound(), payload=breaking(fake_provider.payload)))
        assert fake_provider.attempts == 0

    @every
    async def test_nor_is_one_for_which_our_own_code_cannot_use_the_credentials(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        for name in vars(provider).keys() & {"_credentials", "_token", "_tokens"}:
            vars(provider)[name] = breaking(vars(provider)[name])
        with pytest.raises(BrokenError):
            await provider.prepare(fake_provider.outbound())
        assert fake_provider.attempts == 0

    @each("loss", lambda fake_provider: fake_provider.losses)
    async def test_a_message_whose_answer_is_lost_is_unanswered_and_not_sent_again(
        self, fake_provider: FakeProvider, impatient: httpx2.AsyncClient, loss: str
    ) -> None:
        fake_provider.lose_answer(loss)
        outcome = await fake_provider.open(impatient).send(fake_provider.outbound())
        assert isinstance(outcome, OutcomeUnknown)
        assert outcome.detail
        assert fake_provider.attempts == 1
        assert_shows_no_secret(fake_provider, outcome)

    @every
    async def test_no_secret_is_written_where_a_proxy_logs(
        self, fake_provider: FakeProvider, provider: AnyProvider
    ) -> None:
        await provider.send(fake_provider.outbound())
        assert not [line for line in fake_provider.wire_log for secret in fake_provider.secrets() if secret in line]


class TestChecking:
    @every
    async def test_good_credentials_are_found_good_and_nothing_is_sent(
        self, fake_provider: FakeProvider, http: httpx2.AsyncClient
    ) -> None:
        assert await fake_provider.open(http, **dict(fake_provider.check_credentials)).check() == Check(ok=True)
        assert fake_provider.deliveries == []
        assert not [line for line in fake_provider.wire_log for secret in fake_provider.secrets() if secret in line]

    @each("word", lambda fake_provider: fake_provider.invalid_credentials)
    async def test_credentials_that_are_not_good_are_found_so_with_the_reason(
        self, fake_provider: FakeProvider, http: httpx2.AsyncClient, word: str
    ) -> None:
        checked = await fake_provider.open(
            http, **{**fake_provider.check_credentials, **fake_provider.invalid_credentials[word]}
        ).check()
        assert checked.ok is False
        reasons = [checked.reason] if isinstance(checked.reason, str) else checked.reason.values()
        assert all(word in reason for reason in reasons)
        assert_shows_no_secret(fake_provider, checked)

    @those(lambda fake_provider: issubclass(fake_provider, HttpFakeProvider))
    @pytest.mark.parametrize(
        "reply", [page(HTTPStatus.BAD_GATEWAY), json_answer(HTTPStatus.OK, [])], ids=["a gateway's error", "a list"]
    )
    async def test_an_inconclusive_answer_leaves_the_credentials_unchecked(
        self, fake_provider: HttpFakeProvider, http: httpx2.AsyncClient, reply: bytes
    ) -> None:
        fake_provider.answer_always(reply)
        with pytest.raises(TransientError) as caught:
            await fake_provider.open(http, **dict(fake_provider.check_credentials)).check()
        assert_shows_no_secret(fake_provider, caught.value)

    @pytest.mark.parametrize("fake_provider", FAKE_PROVIDERS, ids=lambda fake_provider: fake_provider.label())
    async def test_a_refused_connection_leaves_the_credentials_unchecked(
        self, fake_provider: type[FakeProvider], http: httpx2.AsyncClient
    ) -> None:
        unreachable = fake_provider()
        with pytest.raises(TransientError, match="unreachable"):
            await unreachable.open(http, **dict(unreachable.check_credentials)).check()

    @every
    async def test_a_provider_inside_our_network_is_not_asked_unless_that_is_allowed(
        self, fake_provider: FakeProvider
    ) -> None:
        async with http_client(NOTHING_INSIDE) as guarded:
            credentials = {**fake_provider.credentials(), **fake_provider.check_credentials}
            with pytest.raises(ForbiddenAddressError):
                await fake_provider.provider.open(fake_provider.configuration(), credentials, guarded).check()
        assert fake_provider.attempts == 0
