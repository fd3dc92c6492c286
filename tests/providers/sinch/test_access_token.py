"""Sinch's access tokens: cached, renewed, shared, and never a cause of an unknown outcome."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

import httpx2
import pytest

from domain.outcomes import Accepted, FailureClass, Rejected
from providers.base import AnyProvider, TransientError
from providers.sinch.access_token import AccessToken, Tokens
from tests.providers.fake_providers.sinch import BASIC, MESSAGES, TOKENS, SinchSms
from tests.providers.loopback import HTTP_LOSSES, Reply, json_answer, page

SENDERS: Final = 8
NOT_AT_THE_MOMENT: Final[dict[str, Reply]] = {
    **{name: reply for name, reply in HTTP_LOSSES.items() if reply},
    "an error of its own": json_answer(500, {"error": "server_error"}),
    "a wait": json_answer(429, {"error": "slow_down"}, retry_after="5"),
    "a token that no header carries": json_answer(200, {"access_token": "a\r\nb", "expires_in": 1}),
    "an empty token": json_answer(200, {"access_token": "", "expires_in": 1}),
    "a life of no length": json_answer(200, {"access_token": "a", "expires_in": "long"}),
}


@pytest.fixture
async def fake_provider() -> AsyncIterator[SinchSms]:
    async with SinchSms() as listening:
        yield listening


@pytest.fixture
def sinch(fake_provider: SinchSms, http: httpx2.AsyncClient) -> AnyProvider:
    return fake_provider.open(http)


def asked(fake_provider: SinchSms) -> int:
    """Number of requests for a token."""
    return [request.target for request in fake_provider.requests].count(TOKENS)


class TestTokens:
    async def test_one_token_serves_many_messages(self, fake_provider: SinchSms, sinch: AnyProvider) -> None:
        for _ in range(3):
            await sinch.send(fake_provider.outbound())
        assert [request.target for request in fake_provider.requests] == [TOKENS, *[f"{MESSAGES}:send"] * 3]

    async def test_those_who_send_at_once_share_one_token(self, fake_provider: SinchSms, sinch: AnyProvider) -> None:
        outbounds = [replace(fake_provider.outbound(), reference=str(number)) for number in range(SENDERS)]
        outcomes = await asyncio.gather(*(sinch.send(outbound) for outbound in outbounds))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert (asked(fake_provider), len(fake_provider.deliveries)) == (1, SENDERS)

    @pytest.mark.parametrize(("expires_in", "expected"), [(0, 3), (1, 1), (61, 1), (3600, 1)])
    async def test_a_token_is_renewed_shortly_before_its_end(
        self, fake_provider: SinchSms, sinch: AnyProvider, expires_in: int, expected: int
    ) -> None:
        fake_provider.expires_in = expires_in
        for _ in range(3):
            assert isinstance(await sinch.send(fake_provider.outbound()), Accepted)
        assert asked(fake_provider) == expected

    async def test_a_token_that_expired_is_renewed_and_the_message_sent_once(
        self, fake_provider: SinchSms, sinch: AnyProvider
    ) -> None:
        await sinch.send(fake_provider.outbound())
        fake_provider.revoked = {"made.up.access-token-1"}
        assert isinstance(await sinch.send(fake_provider.outbound()), Accepted)
        assert (asked(fake_provider), len(fake_provider.deliveries)) == (2, 2)

    async def test_those_whose_token_expired_at_once_share_the_next_one(
        self, fake_provider: SinchSms, sinch: AnyProvider
    ) -> None:
        await sinch.send(fake_provider.outbound())
        fake_provider.revoked = {"made.up.access-token-1"}
        outcomes = await asyncio.gather(*(sinch.send(fake_provider.outbound()) for _ in range(SENDERS)))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert asked(fake_provider) == 2

    async def test_a_late_refusal_of_an_expired_token_uses_its_replacement(
        self, fake_provider: SinchSms, http: httpx2.AsyncClient
    ) -> None:
        tokens = Tokens(http, f"{fake_provider.address}{TOKENS}", f"Basic {BASIC}")
        expired = await tokens.get()
        assert isinstance(expired, AccessToken)
        fresh = await tokens.get_another(expired)
        assert fresh is not expired
        assert await tokens.get_another(expired) is fresh
        assert asked(fake_provider) == 2

    async def test_it_is_renewed_only_once(self, fake_provider: SinchSms, sinch: AnyProvider) -> None:
        fake_provider.revoked = {f"made.up.access-token-{number}" for number in range(9)}
        outcome = await sinch.send(fake_provider.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("UNAUTHENTICATED", FailureClass.CONFIGURATION)
        assert (asked(fake_provider), fake_provider.attempts) == (2, 2)

    async def test_a_refusal_of_the_token_in_another_form_renews_it_too(
        self, fake_provider: SinchSms, sinch: AnyProvider
    ) -> None:
        fake_provider.refuse("http_401")
        outcome = await sinch.send(fake_provider.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.failure, asked(fake_provider)) == (FailureClass.CONFIGURATION, 2)


class TestNoToken:
    @pytest.mark.parametrize("name", NOT_AT_THE_MOMENT)
    async def test_without_a_token_at_the_moment_the_message_was_surely_not_sent(
        self, fake_provider: SinchSms, sinch: AnyProvider, name: str
    ) -> None:
        fake_provider.token_reply = NOT_AT_THE_MOMENT[name]
        with pytest.raises(TransientError) as caught:
            await sinch.send(fake_provider.outbound())
        assert caught.value.retry_after == (timedelta(seconds=5) if name == "a wait" else None)
        assert (fake_provider.attempts, asked(fake_provider)) == (0, 1)

    async def test_nor_is_it_when_the_server_of_tokens_says_nothing(
        self, fake_provider: SinchSms, impatient: httpx2.AsyncClient
    ) -> None:
        fake_provider.token_reply = None
        with pytest.raises(TransientError, match="unreachable"):
            await fake_provider.open(impatient).send(fake_provider.outbound())
        assert fake_provider.attempts == 0

    @pytest.mark.parametrize(
        ("reply", "code"),
        [
            (json_answer(401, {"error": "invalid_client", "error_description": "Unknown key"}), "invalid_client"),
            (json_answer(400, {}), "no_access_token"),
            (json_answer(400, {"error": {"code": 400}}), "no_access_token"),
            (page(403), "no_access_token"),
            (page(307), "no_access_token"),
        ],
    )
    async def test_a_key_that_is_refused_refuses_the_message_for_the_configuration(
        self, fake_provider: SinchSms, sinch: AnyProvider, reply: bytes, code: str
    ) -> None:
        fake_provider.token_reply = reply
        outcome = await sinch.send(fake_provider.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure, fake_provider.attempts) == (code, FailureClass.CONFIGURATION, 0)

    async def test_a_failure_is_not_cached(self, fake_provider: SinchSms, sinch: AnyProvider) -> None:
        fake_provider.token_reply = page(503)
        with pytest.raises(TransientError):
            await sinch.send(fake_provider.outbound())
        fake_provider.token_reply = b""
        assert isinstance(await sinch.send(fake_provider.outbound()), Accepted)

    async def test_those_who_wait_at_once_share_a_failure(self, fake_provider: SinchSms, sinch: AnyProvider) -> None:
        fake_provider.token_reply = page(503)
        outcomes = await asyncio.gather(
            *(sinch.send(fake_provider.outbound()) for _ in range(SENDERS)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [TransientError] * SENDERS
        assert asked(fake_provider) == 1

    async def test_a_cancelled_waiter_does_not_block_others(self, fake_provider: SinchSms, sinch: AnyProvider) -> None:
        fake_provider.token_reply = None
        impatient = asyncio.create_task(sinch.send(fake_provider.outbound()))
        patient = asyncio.create_task(sinch.send(fake_provider.outbound()))
        await fake_provider.asked_for_token.wait()
        fake_provider.token_reply = b""
        impatient.cancel()
        assert isinstance(await patient, Accepted)
        assert asked(fake_provider) == 2
