"""Search at Sinch for a message whose answer was lost (`docs/providers/sinch.md`)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from pydantic import JsonValue

from domain.outcomes import Accepted
from providers.base import TransientError
from providers.sinch import Sinch
from providers.sinch.responses import find_reference
from tests.providers.fake_provider import NOW, REFERENCE
from tests.providers.fake_providers.sinch import APP, MESSAGES, FakeSinch, SinchRcs, SinchSms, SinchWhatsApp
from tests.providers.sinch.recordings import recorded


@pytest.fixture(params=[SinchRcs, SinchWhatsApp, SinchSms], ids=lambda fake_provider: fake_provider.channel)
async def fake_provider(request: pytest.FixtureRequest) -> AsyncIterator[FakeSinch]:
    async with request.param() as listening:
        yield listening


@pytest.fixture
async def rcs() -> AsyncIterator[SinchRcs]:
    async with SinchRcs() as listening:
        yield listening


def opened(fake_provider: FakeSinch, http: httpx2.AsyncClient) -> Sinch:
    return Sinch.open(fake_provider.configuration(), fake_provider.credentials(), http)


class TestFindingWhatWasSent:
    async def test_a_message_is_found_by_our_reference(
        self, fake_provider: FakeSinch, http: httpx2.AsyncClient
    ) -> None:
        sinch = opened(fake_provider, http)
        outcomes = [
            await sinch.send(replace(fake_provider.outbound(), reference=each)) for each in ("1", REFERENCE, "2")
        ]
        assert await sinch.find_sent(fake_provider.outbound(), NOW) == outcomes[1]

    async def test_so_is_one_of_an_app_that_only_dispatches(self, rcs: SinchRcs, http: httpx2.AsyncClient) -> None:
        rcs.kept_in = "DISPATCH_SOURCE"
        sinch = opened(rcs, http)
        assert await sinch.send(rcs.outbound()) == await sinch.find_sent(rcs.outbound(), NOW)

    async def test_a_message_of_others_to_the_same_person_does_not_match(
        self, rcs: SinchRcs, http: httpx2.AsyncClient
    ) -> None:
        sinch = opened(rcs, http)
        await sinch.send(replace(rcs.outbound(), reference="another"))
        assert await sinch.find_sent(rcs.outbound(), NOW) is None

    async def test_it_is_asked_as_documented(self, rcs: SinchRcs, http: httpx2.AsyncClient) -> None:
        since = datetime(2026, 7, 21, 12, 30, tzinfo=UTC)
        await opened(rcs, http).find_sent(rcs.outbound(), since)
        lists = [request for request in rcs.requests if request.method == "GET"]
        assert [urlsplit(request.target).path for request in lists] == [MESSAGES, MESSAGES]
        asked = [dict(parse_qsl(urlsplit(request.target).query)) for request in lists]
        assert asked == [
            {
                "app_id": APP,
                "channel": "RCS",
                "channel_identity": "34638766068",
                "direction": "TO_CONTACT",
                "start_time": "2026-07-21T12:25:00Z",
                "view": "WITH_METADATA",
                "messages_source": source,
                "page_size": "1000",
            }
            for source in ("CONVERSATION_SOURCE", "DISPATCH_SOURCE")
        ]

    @pytest.mark.parametrize(
        "loss", ["a success without an id", "a success with another form", "a success that is no JSON"]
    )
    async def test_an_answer_of_another_form_finds_nothing(
        self, rcs: SinchRcs, http: httpx2.AsyncClient, loss: str
    ) -> None:
        rcs.lose_answer(loss)
        assert await opened(rcs, http).find_sent(rcs.outbound(), NOW) is None

    @pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "http_403"])
    async def test_nor_does_a_refusal(self, rcs: SinchRcs, http: httpx2.AsyncClient, code: str) -> None:
        rcs.refuse(code)
        assert await opened(rcs, http).find_sent(rcs.outbound(), NOW) is None

    async def test_nor_does_a_refused_key(self, rcs: SinchRcs, http: httpx2.AsyncClient) -> None:
        assert await rcs.open(http, keySecret="another").find_sent(rcs.outbound(), NOW) is None

    @pytest.mark.parametrize(
        "loss",
        ["closed without an answer", "half an answer", "not HTTP", "a gateway's error", "a proxy that is too busy"],
    )
    async def test_when_sinch_cannot_be_asked_it_is_asked_again(
        self, rcs: SinchRcs, http: httpx2.AsyncClient, loss: str
    ) -> None:
        rcs.lose_answer(loss)
        with pytest.raises(TransientError):
            await opened(rcs, http).find_sent(rcs.outbound(), NOW)

    async def test_and_when_it_is_too_busy_after_the_wait_it_asks_for(
        self, rcs: SinchRcs, http: httpx2.AsyncClient
    ) -> None:
        rcs.throttle("RESOURCE_EXHAUSTED")
        with pytest.raises(TransientError) as caught:
            await opened(rcs, http).find_sent(rcs.outbound(), NOW)
        assert caught.value.retry_after == timedelta(seconds=7)

    async def test_a_token_that_expired_is_renewed(self, rcs: SinchRcs, http: httpx2.AsyncClient) -> None:
        sinch = opened(rcs, http)
        sent = await sinch.send(rcs.outbound())
        rcs.revoked = {"made.up.access-token-1"}
        assert await sinch.find_sent(rcs.outbound(), NOW) == sent
        assert rcs.tokens == 2

    def test_the_official_list_is_read(self) -> None:
        page = recorded("official/MessagesListResponse-page-0")
        assert find_reference(page, '{"operator":"310150"}') == Accepted(provider_message_id="Fake ID")
        assert find_reference(page, REFERENCE) is None

    @pytest.mark.parametrize(
        "page",
        [
            None,
            [],
            {"messages": None},
            {"messages": {}},
            {"messages": [None]},
            {"messages": [{"metadata": REFERENCE}]},
            {"messages": [{"id": "1", "metadata": {"reference": REFERENCE}}]},
            {"messages": [{"id": "1", "metadata": f"{REFERENCE} "}]},
            {"messages": [{"id": "1", "correlation_id": REFERENCE}]},
        ],
        ids=str,
    )
    def test_only_exactly_our_reference_in_the_metadata_is_a_match(self, page: JsonValue) -> None:
        assert find_reference(page, REFERENCE) is None
