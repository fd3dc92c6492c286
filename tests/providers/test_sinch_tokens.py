"""Sinch's access tokens: kept, renewed, shared, and never a reason to doubt whether a message was sent."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

import httpx2
import pytest

from domain.outcomes import Accepted, FailureClass, Rejected
from providers.base import AnyProvider, TransientError
from providers.sinch.tokens import AccessToken, Tokens
from tests.plain_http import plain_client
from tests.providers.far_ends.sinch import BASIC, MESSAGES, TOKENS, SinchSms
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


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with plain_client(timeout=30) as client:
        yield client


@pytest.fixture
async def far_end() -> AsyncIterator[SinchSms]:
    async with SinchSms() as listening:
        yield listening


@pytest.fixture
def sinch(far_end: SinchSms, http: httpx2.AsyncClient) -> AnyProvider:
    return far_end.open(http)


def asked(far_end: SinchSms) -> int:
    """How often a token was asked for."""
    return [request.target for request in far_end.requests].count(TOKENS)


class TestTokens:
    async def test_one_token_serves_many_messages(self, far_end: SinchSms, sinch: AnyProvider) -> None:
        for _ in range(3):
            await sinch.send(far_end.outbound())
        assert [request.target for request in far_end.requests] == [TOKENS, *[f"{MESSAGES}:send"] * 3]

    async def test_those_who_send_at_once_share_one_token(self, far_end: SinchSms, sinch: AnyProvider) -> None:
        outbounds = [replace(far_end.outbound(), reference=str(number)) for number in range(SENDERS)]
        outcomes = await asyncio.gather(*(sinch.send(outbound) for outbound in outbounds))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert (asked(far_end), len(far_end.deliveries)) == (1, SENDERS)

    @pytest.mark.parametrize(("expires_in", "expected"), [(0, 3), (1, 1), (61, 1), (3600, 1)])
    async def test_a_token_is_renewed_shortly_before_its_end(
        self, far_end: SinchSms, sinch: AnyProvider, expires_in: int, expected: int
    ) -> None:
        far_end.expires_in = expires_in
        for _ in range(3):
            assert isinstance(await sinch.send(far_end.outbound()), Accepted)
        assert asked(far_end) == expected

    async def test_a_token_that_expired_is_renewed_and_the_message_sent_once(
        self, far_end: SinchSms, sinch: AnyProvider
    ) -> None:
        await sinch.send(far_end.outbound())
        far_end.revoked = {"made.up.access-token-1"}
        assert isinstance(await sinch.send(far_end.outbound()), Accepted)
        assert (asked(far_end), len(far_end.deliveries)) == (2, 2)

    async def test_those_whose_token_expired_at_once_share_the_next_one(
        self, far_end: SinchSms, sinch: AnyProvider
    ) -> None:
        await sinch.send(far_end.outbound())
        far_end.revoked = {"made.up.access-token-1"}
        outcomes = await asyncio.gather(*(sinch.send(far_end.outbound()) for _ in range(SENDERS)))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert asked(far_end) == 2

    async def test_who_hears_late_that_a_token_expired_takes_the_one_that_replaced_it(
        self, far_end: SinchSms, http: httpx2.AsyncClient
    ) -> None:
        tokens = Tokens(http, f"{far_end.address}{TOKENS}", f"Basic {BASIC}")
        expired = await tokens.get()
        assert isinstance(expired, AccessToken)
        fresh = await tokens.get_another(expired)
        assert fresh is not expired
        assert await tokens.get_another(expired) is fresh
        assert asked(far_end) == 2

    async def test_it_is_renewed_only_once(self, far_end: SinchSms, sinch: AnyProvider) -> None:
        far_end.revoked = {f"made.up.access-token-{number}" for number in range(9)}
        outcome = await sinch.send(far_end.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("UNAUTHENTICATED", FailureClass.CONFIGURATION)
        assert (asked(far_end), far_end.attempts) == (2, 2)

    async def test_a_refusal_of_the_token_in_another_form_renews_it_too(
        self, far_end: SinchSms, sinch: AnyProvider
    ) -> None:
        far_end.refuse("http_401")
        outcome = await sinch.send(far_end.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.failure, asked(far_end)) == (FailureClass.CONFIGURATION, 2)


class TestNoToken:
    @pytest.mark.parametrize("name", NOT_AT_THE_MOMENT)
    async def test_without_a_token_at_the_moment_the_message_was_surely_not_sent(
        self, far_end: SinchSms, sinch: AnyProvider, name: str
    ) -> None:
        far_end.token_reply = NOT_AT_THE_MOMENT[name]
        with pytest.raises(TransientError) as caught:
            await sinch.send(far_end.outbound())
        assert caught.value.retry_after == (timedelta(seconds=5) if name == "a wait" else None)
        assert (far_end.attempts, asked(far_end)) == (0, 1)

    async def test_nor_is_it_when_the_server_of_tokens_says_nothing(
        self, far_end: SinchSms, impatient: httpx2.AsyncClient
    ) -> None:
        far_end.token_reply = None
        with pytest.raises(TransientError, match="unreachable"):
            await far_end.open(impatient).send(far_end.outbound())
        assert far_end.attempts == 0

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
        self, far_end: SinchSms, sinch: AnyProvider, reply: bytes, code: str
    ) -> None:
        far_end.token_reply = reply
        outcome = await sinch.send(far_end.outbound())
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure, far_end.attempts) == (code, FailureClass.CONFIGURATION, 0)

    async def test_a_failure_is_not_kept(self, far_end: SinchSms, sinch: AnyProvider) -> None:
        far_end.token_reply = page(503)
        with pytest.raises(TransientError):
            await sinch.send(far_end.outbound())
        far_end.token_reply = b""
        assert isinstance(await sinch.send(far_end.outbound()), Accepted)

    async def test_those_who_wait_at_once_share_a_failure(self, far_end: SinchSms, sinch: AnyProvider) -> None:
        far_end.token_reply = page(503)
        outcomes = await asyncio.gather(
            *(sinch.send(far_end.outbound()) for _ in range(SENDERS)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [TransientError] * SENDERS
        assert asked(far_end) == 1

    async def test_who_gives_up_waiting_holds_nobody_up(self, far_end: SinchSms, sinch: AnyProvider) -> None:
        far_end.token_reply = None
        impatient = asyncio.create_task(sinch.send(far_end.outbound()))
        patient = asyncio.create_task(sinch.send(far_end.outbound()))
        await far_end.asked_for_token.wait()
        far_end.token_reply = b""
        impatient.cancel()
        assert isinstance(await patient, Accepted)
        assert asked(far_end) == 2
