"""Sending through the sandbox's real gateway (`docs/providers/sandbox.md`)."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from domain.channels import Channel
from domain.identifiers import new_id
from domain.outcomes import FailureClass, OutcomeUnknown, Rejected
from domain.payloads import PAYLOADS, parse_payload
from embedded.gateway import create_gateway, running
from embedded.gateway.recipients import recipients_of
from providers import PROVIDERS
from providers.base import MisconfiguredError, Outbound, TransientError
from providers.sandbox import Sandbox
from tests.embedded.gateway.caller import settings
from tests.plain_http import plain_client
from tests.providers.sandbox.sends import CREDENTIALS, UNUSED, accepted, offline, opened, to_phone


@pytest.fixture(scope="module")
async def gateway_url() -> AsyncIterator[str]:
    async with running(create_gateway(settings())) as url:
        yield url


@pytest.fixture
def sandbox(http: httpx2.AsyncClient, gateway_url: str) -> Sandbox:
    return opened(http, gateway_url)


async def test_a_message_that_the_gateway_takes_is_accepted_with_its_id(sandbox: Sandbox) -> None:
    outcome = accepted(await sandbox.send(to_phone("01")))
    assert outcome.provider_message_id.startswith("sbx_")
    assert outcome.provider_status == "queued"


async def test_the_gateway_receives_every_payload_type_as_typed(sandbox: Sandbox) -> None:
    email = parse_payload(Channel.EMAIL, {"Type": "email", "Subject": "s", "Body": "b", "IsHtml": True})
    to = (recipients_of("01")[1], "ana@example.org")
    outbound = Outbound(new_id(), Channel.EMAIL, to, email, "http://127.0.0.1:1/callbacks")
    accepted(await sandbox.send(outbound))


async def test_a_repeated_send_has_the_same_id(sandbox: Sandbox) -> None:
    outbound = to_phone("10")
    first, second = accepted(await sandbox.send(outbound)), accepted(await sandbox.send(outbound))
    assert first.provider_message_id == second.provider_message_id


async def test_a_refused_recipient_rejects_the_message(sandbox: Sandbox) -> None:
    outcome = await sandbox.send(to_phone("03"))
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.failure) == ("recipient_refused", FailureClass.DESTINATION)


async def test_a_wrong_token_rejects_the_message_as_a_matter_of_configuration(
    http: httpx2.AsyncClient, gateway_url: str
) -> None:
    outcome = await opened(http, gateway_url, token="wrong").send(to_phone("01"))
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.failure) == ("unauthenticated", FailureClass.CONFIGURATION)


async def test_a_throttled_message_may_be_sent_again_and_is_then_taken(sandbox: Sandbox) -> None:
    outbound = to_phone("05")
    for _ in range(2):
        with pytest.raises(TransientError) as error:
            await sandbox.send(outbound)
        assert (error.value.code, error.value.retry_after) == ("throttled", timedelta(seconds=1))
    accepted(await sandbox.send(outbound))


async def test_a_lost_answer_is_unanswered_and_its_repetition_is_accepted(sandbox: Sandbox) -> None:
    outbound = to_phone("06")
    assert isinstance(await sandbox.send(outbound), OutcomeUnknown)
    accepted(await sandbox.send(outbound))


async def test_an_answer_that_comes_too_late_is_unanswered(gateway_url: str) -> None:
    async with plain_client(timeout=httpx2.Timeout(10, read=0.1)) as impatient:
        assert isinstance(await opened(impatient, gateway_url).send(to_phone("11")), OutcomeUnknown)


async def test_a_gateway_that_does_not_listen_certainly_accepted_nothing(http: httpx2.AsyncClient) -> None:
    with pytest.raises(TransientError, match="unreachable"):
        await opened(http, "http://127.0.0.1:1").send(to_phone("01"))


def test_every_payload_of_every_channel_is_sent() -> None:
    assert {channel: can.payload_types for channel, can in Sandbox.channels.items()} == {
        channel: frozenset(payloads) for channel, payloads in PAYLOADS.items()
    }


@pytest.mark.parametrize("url", ["", "127.0.0.1:8090", "ftp://127.0.0.1/"])
def test_a_base_url_that_is_none_is_a_misconfiguration(url: str) -> None:
    with pytest.raises(MisconfiguredError, match="baseUrl"):
        Sandbox.open({"baseUrl": url}, CREDENTIALS, UNUSED)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ñ"])
def test_a_token_that_no_header_can_carry_is_a_misconfiguration_that_does_not_show_it(token: str) -> None:
    with pytest.raises(MisconfiguredError, match="token") as error:
        offline(token=token)
    assert not token or token not in str(error.value)


@pytest.mark.parametrize("channel", [channel for channel in Channel if channel is not Channel.EMAIL])
def test_a_text_that_the_sandbox_takes_is_taken_by_a_provider_of_the_channel(channel: Channel) -> None:
    limit = Sandbox.channels[channel].max_text_length
    assert limit is not None
    others = [provider.channels[channel] for provider in PROVIDERS.values() if channel in provider.channels]
    limits = [able.max_text_length for able in others if able is not Sandbox.channels[channel]]
    assert limit <= max(other for other in limits if other is not None)
