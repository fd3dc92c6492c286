"""What every provider does, on every channel it has: the seam's contract (`docs/decisions/0004-provider-seam.md`).

A provider joins by its far end (`tests/providers/far_end.py`); the first test fails until it has one.
"""

import functools
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx2
import pytest

from bootstrap import http_client
from domain.channels import Channel
from domain.events import ProviderEvent
from domain.outcomes import Accepted, FailureClass, Outcome, Rejected, Unanswered
from domain.payloads import PAYLOADS
from domain.status import Milestone
from providers import PROVIDERS
from providers.base import (
    NOTHING_INSIDE,
    AnyProvider,
    Check,
    MisconfiguredError,
    TransientError,
    UnverifiedError,
    Webhook,
)
from providers.redaction import HIDDEN
from security.outbound_guard import ForbiddenAddressError
from tests.plain_http import plain_client
from tests.providers.far_end import NOW, REFERENCE, Delivery, FarEnd, with_another_body
from tests.providers.far_ends import FAR_ENDS
from tests.providers.loopback import HttpFarEnd, json_answer, page


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with plain_client(timeout=30) as client:
        yield client


@pytest.fixture
async def far_end(request: pytest.FixtureRequest) -> AsyncIterator[FarEnd]:
    async with request.param() as listening:
        yield listening


@pytest.fixture
def provider(far_end: FarEnd, http: httpx2.AsyncClient) -> AnyProvider:
    return far_end.open(http)


def each(name: str, of: Callable[[type[FarEnd]], Iterable[Any]]) -> pytest.MarkDecorator:
    """Every far end with each of what it has."""
    cases = [
        pytest.param(far_end, case, id=f"{far_end.label()}-{case}") for far_end in FAR_ENDS for case in of(far_end)
    ]
    return pytest.mark.parametrize(("far_end", name), cases, indirect=["far_end"])


def those(condition: Callable[[type[FarEnd]], bool]) -> pytest.MarkDecorator:
    """The far ends of which something is true."""
    cases = [pytest.param(far_end, id=far_end.label()) for far_end in FAR_ENDS if condition(far_end)]
    return pytest.mark.parametrize("far_end", cases, indirect=True)


every = those(lambda _: True)
telling = those(lambda far_end: bool(far_end.words))


class BrokenError(Exception):
    """What our own code raises where it is broken."""


def breaking(like: object) -> Any:  # noqa: ANN401 - it passes for whatever it is like
    """An object that passes for one of the same class, of which nothing can be used."""

    class Breaking:
        @property
        def __class__(self) -> Any:  # noqa: ANN401  # pyright: ignore[reportIncompatibleMethodOverride] - for `isinstance`
            return type(like)

        def __getattr__(self, name: str) -> object:
            raise BrokenError(name)

    return Breaking()


@functools.cache
def idle(far_end: type[FarEnd]) -> FarEnd:
    """A far end that is never entered: for what needs no network."""
    return far_end()


async def deliver(provider: AnyProvider, far_end: FarEnd, reference: str = REFERENCE) -> Delivery:
    await provider.send(replace(far_end.outbound(), reference=reference))
    return far_end.deliveries[-1]


async def receipt(provider: AnyProvider, far_end: FarEnd) -> Webhook:
    """A signed webhook about a message that was just sent."""
    return far_end.receipt(await deliver(provider, far_end), next(iter(far_end.words)))


def the_event(provider: AnyProvider, webhook: Webhook) -> ProviderEvent:
    """The one event that a receipt tells."""
    (event,) = provider.parse(webhook)
    assert isinstance(event, ProviderEvent)
    return event


class TestRegistry:
    def test_every_provider_has_a_far_end_on_each_of_its_channels(self) -> None:
        assert sorted((far_end.provider.name, far_end.channel) for far_end in FAR_ENDS) == sorted(
            (name, channel) for name, provider in PROVIDERS.items() for channel in provider.channels
        )

    @pytest.mark.parametrize("name", PROVIDERS)
    def test_a_provider_is_registered_under_its_own_name_in_lower_case(self, name: str) -> None:
        assert PROVIDERS[name].name == name == name.lower()

    @pytest.mark.parametrize("name", PROVIDERS)
    def test_a_provider_sends_payloads_that_its_channels_have(self, name: str) -> None:
        for channel, capabilities in PROVIDERS[name].channels.items():
            assert capabilities.payload_types
            assert capabilities.payload_types <= PAYLOADS[Channel(channel)].keys()

    @pytest.mark.parametrize("far_end", FAR_ENDS, ids=lambda far_end: far_end.label())
    def test_a_provider_says_that_it_tells_what_it_tells(self, far_end: type[FarEnd]) -> None:
        capabilities = far_end.provider.channels[far_end.channel]
        told = set(far_end.words.values())
        assert (capabilities.reports_delivery, capabilities.reports_reads) == (
            Milestone.DELIVERED in told,
            Milestone.READ in told,
        )


class TestSettings:
    @each("field", lambda far_end: far_end.bad_configurations)
    def test_a_wrong_configuration_is_named_by_its_field(
        self, far_end: FarEnd, field: str, http: httpx2.AsyncClient
    ) -> None:
        configuration = far_end.configuration() | dict(far_end.bad_configurations[field])
        with pytest.raises(MisconfiguredError, match=field) as caught:
            far_end.provider.open(configuration, far_end.credentials(), http)
        assert_tells_no_secret(far_end, caught.value)

    @each("field", lambda far_end: far_end.bad_credentials)
    def test_wrong_credentials_are_named_by_their_field_and_not_shown(
        self, far_end: FarEnd, field: str, http: httpx2.AsyncClient
    ) -> None:
        wrong = dict(far_end.bad_credentials[field])
        with pytest.raises(MisconfiguredError, match=field) as caught:
            far_end.open(http, **wrong)
        assert_tells_no_secret(far_end, caught.value)
        assert not [
            value for value in wrong.values() if isinstance(value, str) and value and value in str(caught.value)
        ]

    @every
    def test_a_provider_shows_no_secret_of_its_own(self, far_end: FarEnd, provider: AnyProvider) -> None:
        assert_tells_no_secret(far_end, provider, *vars(provider).values())


class TestSending:
    @every
    async def test_the_message_reaches_the_far_end_as_it_was_given_with_our_reference(
        self, far_end: FarEnd, provider: AnyProvider
    ) -> None:
        outcome = await provider.send(far_end.outbound())
        (delivery,) = far_end.deliveries
        assert isinstance(outcome, Accepted)
        assert outcome.provider_message_id == delivery.provider_message_id
        assert (delivery.destinations, delivery.text, delivery.reference) == (
            far_end.destinations,
            far_end.payload.displayed_text(),
            REFERENCE,
        )
        assert far_end.attempts == 1

    @every
    async def test_the_word_of_an_acceptance_is_in_lower_case(self, far_end: FarEnd, provider: AnyProvider) -> None:
        outcome = await provider.send(far_end.outbound())
        assert isinstance(outcome, Accepted)
        assert outcome.word == outcome.word.lower() != ""

    @every
    async def test_two_messages_are_two_deliveries(self, far_end: FarEnd, provider: AnyProvider) -> None:
        outcomes = [await provider.send(replace(far_end.outbound(), reference=reference)) for reference in ("1", "2")]
        ids = [outcome.provider_message_id for outcome in outcomes if isinstance(outcome, Accepted)]
        assert len(set(ids)) == 2
        assert [delivery.reference for delivery in far_end.deliveries] == ["1", "2"]

    @those(lambda far_end: far_end.provider.channels[far_end.channel].idempotent_send)
    async def test_a_message_sent_again_to_an_idempotent_provider_is_one_delivery(
        self, far_end: FarEnd, provider: AnyProvider
    ) -> None:
        first, second = [await provider.send(far_end.outbound()) for _ in range(2)]
        assert first == second
        assert len(far_end.deliveries) == 1

    @every
    async def test_somebody_whom_the_far_end_does_not_know_is_refused_for_the_configuration(
        self, far_end: FarEnd, http: httpx2.AsyncClient
    ) -> None:
        credentials, code = far_end.stranger
        outcome = await far_end.open(http, **dict(credentials)).send(far_end.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == (code, FailureClass.CONFIGURATION)
        assert far_end.deliveries == []

    @each("code", lambda far_end: far_end.refusals)
    async def test_a_refusal_is_a_rejection_with_its_code_and_class(
        self, far_end: FarEnd, provider: AnyProvider, code: str
    ) -> None:
        far_end.refuse(code)
        outcome = await provider.send(far_end.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == (code, far_end.refusals[code])
        assert far_end.attempts == 1
        assert_tells_no_secret(far_end, outcome)

    @every
    async def test_a_refusal_that_quotes_what_the_far_end_was_told_is_told_without_our_secrets(
        self, far_end: FarEnd, provider: AnyProvider
    ) -> None:
        far_end.quote(next(iter(far_end.refusals)))
        outcome = await provider.send(far_end.outbound())
        assert isinstance(outcome, Rejected)
        assert HIDDEN in outcome.detail
        assert_tells_no_secret(far_end, outcome)

    @each("code", lambda far_end: far_end.throttles)
    async def test_a_message_that_was_surely_not_taken_may_be_sent_again_when_the_far_end_asks(
        self, far_end: FarEnd, provider: AnyProvider, code: str
    ) -> None:
        far_end.throttle(code)
        with pytest.raises(TransientError) as caught:
            await provider.send(far_end.outbound())
        wait = far_end.throttles[code]
        assert (caught.value.code, caught.value.retry_after) == (
            code,
            None if wait is None else timedelta(seconds=wait),
        )
        assert far_end.attempts == 1
        assert_tells_no_secret(far_end, caught.value)

    @pytest.mark.parametrize("far_end", FAR_ENDS, ids=lambda far_end: far_end.label())
    async def test_a_message_that_meets_a_refused_connection_may_be_sent_again(
        self, far_end: type[FarEnd], http: httpx2.AsyncClient
    ) -> None:
        unreachable = far_end()
        with pytest.raises(TransientError) as caught:
            await unreachable.open(http).send(unreachable.outbound())
        assert caught.value.code == "unreachable"
        assert_tells_no_secret(unreachable, caught.value)

    @every
    async def test_a_far_end_inside_our_network_is_not_connected_to_unless_that_is_allowed(
        self, far_end: FarEnd
    ) -> None:
        async with http_client(NOTHING_INSIDE) as guarded:
            provider = far_end.provider.open(far_end.configuration(), far_end.credentials(), guarded)
            with pytest.raises(ForbiddenAddressError):
                await provider.send(far_end.outbound())
        assert far_end.attempts == 0

    @every
    async def test_a_message_that_our_own_code_cannot_compose_is_not_sent_and_its_preparing_fails(
        self, far_end: FarEnd, provider: AnyProvider
    ) -> None:
        """Nothing left us, so that it is never an answer that was lost: the send fails before its attempt."""
        with pytest.raises(BrokenError):
            await provider.prepare(replace(far_end.outbound(), payload=breaking(far_end.payload)))
        assert far_end.attempts == 0

    @every
    async def test_nor_is_one_for_which_our_own_code_cannot_use_the_credentials(
        self, far_end: FarEnd, provider: AnyProvider
    ) -> None:
        for name in vars(provider).keys() & {"_credentials", "_token", "_tokens"}:
            vars(provider)[name] = breaking(vars(provider)[name])
        with pytest.raises(BrokenError):
            await provider.prepare(far_end.outbound())
        assert far_end.attempts == 0

    @each("loss", lambda far_end: far_end.losses)
    async def test_a_message_whose_answer_is_lost_is_unanswered_and_not_sent_again(
        self, far_end: FarEnd, impatient: httpx2.AsyncClient, loss: str
    ) -> None:
        far_end.lose_answer(loss)
        outcome = await far_end.open(impatient).send(far_end.outbound())
        assert isinstance(outcome, Unanswered)
        assert outcome.detail
        assert far_end.attempts == 1
        assert_tells_no_secret(far_end, outcome)

    @every
    async def test_no_secret_is_written_where_a_proxy_logs(self, far_end: FarEnd, provider: AnyProvider) -> None:
        await provider.send(far_end.outbound())
        assert not [line for line in far_end.overheard for secret in far_end.secrets() if secret in line]


class TestChecking:
    @every
    async def test_good_credentials_are_found_good_and_nothing_is_sent(
        self, far_end: FarEnd, http: httpx2.AsyncClient
    ) -> None:
        assert await far_end.open(http, **dict(far_end.checked_by)).check() == Check(ok=True)
        assert far_end.deliveries == []
        assert not [line for line in far_end.overheard for secret in far_end.secrets() if secret in line]

    @each("word", lambda far_end: far_end.suspects)
    async def test_credentials_that_are_not_good_are_found_so_with_the_reason(
        self, far_end: FarEnd, http: httpx2.AsyncClient, word: str
    ) -> None:
        checked = await far_end.open(http, **{**far_end.checked_by, **far_end.suspects[word]}).check()
        assert checked.ok is False
        reasons = [checked.reason] if isinstance(checked.reason, str) else checked.reason.values()
        assert all(word in reason for reason in reasons)
        assert_tells_no_secret(far_end, checked)

    @those(lambda far_end: issubclass(far_end, HttpFarEnd))
    @pytest.mark.parametrize(
        "reply", [page(HTTPStatus.BAD_GATEWAY), json_answer(HTTPStatus.OK, [])], ids=["a gateway's error", "a list"]
    )
    async def test_an_answer_that_says_neither_tells_nothing_of_the_credentials(
        self, far_end: HttpFarEnd, http: httpx2.AsyncClient, reply: bytes
    ) -> None:
        far_end.answer_always(reply)
        with pytest.raises(TransientError) as caught:
            await far_end.open(http, **dict(far_end.checked_by)).check()
        assert_tells_no_secret(far_end, caught.value)

    @pytest.mark.parametrize("far_end", FAR_ENDS, ids=lambda far_end: far_end.label())
    async def test_nor_does_a_refused_connection(self, far_end: type[FarEnd], http: httpx2.AsyncClient) -> None:
        unreachable = far_end()
        with pytest.raises(TransientError, match="unreachable"):
            await unreachable.open(http, **dict(unreachable.checked_by)).check()

    @every
    async def test_a_far_end_inside_our_network_is_not_asked_unless_that_is_allowed(self, far_end: FarEnd) -> None:
        async with http_client(NOTHING_INSIDE) as guarded:
            credentials = {**far_end.credentials(), **far_end.checked_by}
            with pytest.raises(ForbiddenAddressError):
                await far_end.provider.open(far_end.configuration(), credentials, guarded).check()
        assert far_end.attempts == 0


class TestVerifying:
    @telling
    async def test_a_webhook_that_the_far_end_signed_is_verified(self, far_end: FarEnd, provider: AnyProvider) -> None:
        provider.verify(await receipt(provider, far_end))

    @each("forgery", lambda far_end: far_end.forgeries)
    async def test_a_forged_webhook_is_not(self, far_end: FarEnd, provider: AnyProvider, forgery: str) -> None:
        forged = far_end.forgeries[forgery](await receipt(provider, far_end))
        with pytest.raises(UnverifiedError) as caught:
            provider.verify(forged)
        assert_tells_no_secret(far_end, caught.value)

    @telling
    async def test_a_webhook_signed_by_somebody_else_is_not(self, far_end: FarEnd, provider: AnyProvider) -> None:
        forged = far_end.sign(await receipt(provider, far_end), "another secret")
        with pytest.raises(UnverifiedError):
            provider.verify(forged)

    @those(lambda far_end: far_end.secretless is not None)
    async def test_an_empty_secret_verifies_nothing_not_even_what_it_signed(
        self, far_end: FarEnd, provider: AnyProvider, http: httpx2.AsyncClient
    ) -> None:
        signed_with_nothing = far_end.sign(await receipt(provider, far_end), "")
        with pytest.raises((MisconfiguredError, UnverifiedError)):
            far_end.open(http, **dict(far_end.secretless or {})).verify(signed_with_nothing)

    @those(lambda far_end: bool(far_end.words))
    def test_a_provider_that_tells_is_tested_without_signature_with_another_body_and_without_a_secret(
        self, far_end: FarEnd
    ) -> None:
        assert far_end.forgeries.keys() >= {"unsigned", "another body"}
        assert far_end.forgeries["another body"] is with_another_body
        assert far_end.secretless is not None
        assert bool(far_end.unknown_words) is not far_end.kinds_are_words


class TestReading:
    @each("word", lambda far_end: far_end.words)
    async def test_a_receipt_tells_its_word_and_milestone_of_the_message_that_was_sent(
        self, far_end: FarEnd, provider: AnyProvider, word: str
    ) -> None:
        delivery = await deliver(provider, far_end)
        event = the_event(provider, far_end.receipt(delivery, word))
        assert (event.word, event.milestone) == (word.lower(), far_end.words[word])
        assert far_end.finds(event, delivery)
        assert event.destination in {None, *far_end.destinations}
        assert (event.failure is not None) == (event.milestone is Milestone.FAILED)

    @each("word", lambda far_end: far_end.unknown_words)
    async def test_a_word_that_nobody_knows_is_recorded_and_means_nothing(
        self, far_end: FarEnd, provider: AnyProvider, word: str
    ) -> None:
        event = the_event(provider, far_end.receipt(await deliver(provider, far_end), word))
        assert (event.word, event.milestone, event.reference) == (word.lower(), Milestone.NONE, REFERENCE)

    @telling
    async def test_the_same_news_told_again_has_the_same_key(self, far_end: FarEnd, provider: AnyProvider) -> None:
        first = await receipt(provider, far_end)
        again = replace(first, received_at=NOW + timedelta(minutes=1))
        assert provider.parse(first) == provider.parse(again)

    @telling
    async def test_other_news_has_another_key(self, far_end: FarEnd, provider: AnyProvider) -> None:
        deliveries = [await deliver(provider, far_end, reference) for reference in ("1", "2")]
        keys = [
            the_event(provider, far_end.receipt(delivery, word)).key
            for delivery in deliveries
            for word in (*far_end.words, *far_end.unknown_words)
        ]
        assert len(set(keys)) == len(keys)


def assert_tells_no_secret(far_end: FarEnd, *told: Outcome | Exception | object) -> None:
    shown = "".join(f"{thing!r} {thing!s}" for thing in told)
    assert not [secret for secret in far_end.secrets() if secret in shown]
