"""Search in Twilio's list for a send whose outcome is unknown."""

import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.outcomes import Accepted, OutcomeUnknown
from domain.payloads import parse_payload
from providers.base import Outbound, TransientError
from providers.twilio import Twilio
from providers.twilio.find_sent import MAX_PAGES
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.twilio import (
    ACCOUNT,
    SENDER,
    TOKEN,
    FakeTwilio,
    TwilioSms,
    TwilioWhatsApp,
    complain,
)
from tests.providers.loopback import HTTP_LOSSES, json_answer
from tests.providers.twilio import vendor as vendor_twilio
from tests.providers.twilio.recordings import CREDENTIALS, SERVICE, recorded

SINCE: Final = NOW - timedelta(seconds=5)


@pytest.fixture(params=[TwilioSms, TwilioWhatsApp], ids=lambda fake_provider: fake_provider.label())
async def fake_provider(request: pytest.FixtureRequest) -> AsyncIterator[FakeTwilio]:
    async with request.param() as listening:
        yield listening


@pytest.fixture
def twilio(fake_provider: FakeTwilio, http: httpx2.AsyncClient) -> Twilio:
    return Twilio.open(fake_provider.configuration(), fake_provider.credentials(), http)


def answered_with(**fields: JsonValue) -> httpx2.MockTransport:
    """Twilio whose only message is the recorded one, except for some fields."""
    page = json.loads(recorded("messages.json"))
    page["messages"][0] |= fields
    return httpx2.MockTransport(lambda _: httpx2.Response(200, json=page))


def hola() -> Outbound:
    """Text and recipient of the recorded message."""
    fake_provider = TwilioSms()
    return replace(
        fake_provider.outbound(), payload=parse_payload(fake_provider.channel, {"Type": "simple-text", "Text": "Hola"})
    )


async def outcome_of(finding: Awaitable[Accepted | None]) -> Accepted | str | None:
    """Result of the search, or its error."""
    try:
        return await finding
    except TransientError as error:
        return error.code


class TestFinding:
    async def test_a_message_whose_answer_was_lost_is_found(self, fake_provider: FakeTwilio, twilio: Twilio) -> None:
        fake_provider.take_and_lose_answer()
        assert isinstance(await twilio.send(fake_provider.outbound()), OutcomeUnknown)
        assert await twilio.find_sent(fake_provider.outbound(), SINCE) == Accepted(
            provider_message_id=fake_provider.deliveries[0].provider_message_id, provider_status="queued"
        )

    async def test_one_that_was_never_taken_is_not(self, fake_provider: FakeTwilio, twilio: Twilio) -> None:
        assert await twilio.find_sent(fake_provider.outbound(), SINCE) is None

    async def test_nor_is_one_of_two_that_are_alike(self, fake_provider: FakeTwilio, twilio: Twilio) -> None:
        for reference in ("1", "2"):
            await twilio.send(replace(fake_provider.outbound(), reference=reference))
        assert await twilio.find_sent(fake_provider.outbound(), SINCE) is None

    async def test_all_pages_are_read(self, fake_provider: FakeTwilio, twilio: Twilio) -> None:
        await twilio.send(fake_provider.outbound())
        fake_provider.sent += [
            {**fake_provider.sent[0], "sid": f"SM{number}", "body": "Otra cosa"} for number in range(3)
        ]
        fake_provider.sent.reverse()
        fake_provider.page_size = 1
        found = await twilio.find_sent(fake_provider.outbound(), SINCE)
        assert found is not None
        assert found.provider_message_id == fake_provider.deliveries[0].provider_message_id

    async def test_two_that_are_alike_are_noticed_on_different_pages(
        self, fake_provider: FakeTwilio, twilio: Twilio
    ) -> None:
        fake_provider.page_size = 1
        for reference in ("1", "2"):
            await twilio.send(replace(fake_provider.outbound(), reference=reference))
        assert await twilio.find_sent(fake_provider.outbound(), SINCE) is None

    async def test_when_there_are_too_many_pages_nothing_is_sure(
        self, fake_provider: FakeTwilio, twilio: Twilio
    ) -> None:
        await twilio.send(fake_provider.outbound())
        fake_provider.sent += [
            {**fake_provider.sent[0], "sid": f"SM{number}", "body": "x"} for number in range(MAX_PAGES)
        ]
        fake_provider.page_size = 1
        assert await twilio.find_sent(fake_provider.outbound(), SINCE) is None
        assert len(fake_provider.requests) == 1 + MAX_PAGES

    @pytest.mark.parametrize(
        "raw",
        [
            {"Type": "media", "Url": "https://obramat.example/a.jpg", "MediaType": "image", "Caption": "Su factura"},
            {"Type": "template", "Name": f"HX{'0' * 32}"},
        ],
        ids=lambda raw: raw["Type"],
    )
    async def test_media_and_templates_are_not_even_looked_for(
        self, raw: dict[str, JsonValue], http: httpx2.AsyncClient
    ) -> None:
        async with TwilioWhatsApp() as fake_provider:
            message = replace(fake_provider.outbound(), payload=parse_payload(fake_provider.channel, raw))
            fake_provider.take_and_lose_answer()
            await fake_provider.open(http).send(message)
            assert await fake_provider.open(http).find_sent(message, SINCE) is None
            assert len(fake_provider.requests) == 1


class TestComparing:
    async def find(self, transport: httpx2.AsyncBaseTransport, since: datetime, **configuration: JsonValue) -> bool:
        async with httpx2.AsyncClient(transport=transport) as http:
            twilio = Twilio.open({"sender": SENDER} | configuration, CREDENTIALS, http)
            return await twilio.find_sent(hola(), since) is not None

    async def test_the_recorded_message_is_found(self) -> None:
        assert await self.find(answered_with(), NOW)

    @pytest.mark.parametrize(
        "fields",
        [
            {"to": "+34638766069"},
            {"to": "whatsapp:+34638766068"},
            {"from": "+15005550007"},
            {"from": None},
            {"body": "hola"},
            {"body": None},
            {"num_media": "1"},
            {"direction": "inbound"},
            {"date_created": "Tue, 21 Jul 2026 10:29:59 +0000"},
            {"date_created": "Tue, 21 Jul 2026 12:29:59 +0200"},
            {"date_created": "Tue, 21 Jul 2026 10:29:59 -0000"},
        ],
        ids=str,
    )
    async def test_one_that_differs_is_not(self, fields: dict[str, JsonValue]) -> None:
        assert not await self.find(answered_with(**fields), NOW)

    async def test_it_was_created_in_the_second_of_the_attempt_or_later(self) -> None:
        created = datetime(2026, 7, 21, 10, 30, 1, tzinfo=UTC)
        assert await self.find(answered_with(), created + timedelta(milliseconds=999))
        assert not await self.find(answered_with(), created + timedelta(seconds=1))

    async def test_the_messaging_service_is_compared_where_it_picks_the_sender(self) -> None:
        service: dict[str, JsonValue] = {"sender": None, "messagingServiceSid": SERVICE}
        assert await self.find(answered_with(**{"from": "+34600000000"}), NOW, **service)
        assert not await self.find(answered_with(messaging_service_sid=f"MG{'d' * 32}"), NOW, **service)

    async def test_and_where_it_is_given_with_a_sender(self) -> None:
        assert await self.find(answered_with(), NOW, messagingServiceSid=SERVICE)
        assert not await self.find(answered_with(messaging_service_sid=None), NOW, messagingServiceSid=SERVICE)

    async def test_a_message_that_failed_was_taken_all_the_same(self) -> None:
        assert await self.find(answered_with(status="undelivered"), NOW)


class TestAsking:
    async def test_the_question_is_the_one_that_the_official_library_asks(
        self, fake_provider: FakeTwilio, twilio: Twilio
    ) -> None:
        await twilio.find_sent(fake_provider.outbound(), SINCE)
        capture = vendor_twilio.Capture()
        vendor_twilio.messages(ACCOUNT, TOKEN, capture).page(
            to=f"{fake_provider.scheme}+34638766068",
            from_=f"{fake_provider.scheme}{SENDER}",
            date_sent_after="2026-07-21",
            page_size=100,
        )
        request = fake_provider.requests[-1]
        target = urlsplit(request.target)
        assert (request.method, f"https://api.twilio.com{target.path}") == (capture.method, capture.url)
        assert dict(parse_qsl(target.query)) == {name: str(value) for name, value in capture.params.items()}

    async def test_the_day_is_that_of_utc(self, fake_provider: FakeTwilio, twilio: Twilio) -> None:
        madrid = datetime.fromisoformat("2026-07-21T01:30:00+02:00")
        await twilio.find_sent(fake_provider.outbound(), madrid)
        assert ("DateSent>", "2026-07-20") in parse_qsl(urlsplit(fake_provider.requests[-1].target).query)

    @pytest.mark.parametrize("address", ["https://evil.example/x?Page=1", "//evil.example?Page=1", "@evil?Page=1"])
    async def test_the_credentials_go_nowhere_but_to_the_configured_address(self, address: str) -> None:
        asked: list[httpx2.URL] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            asked.append(request.url)
            page: dict[str, Any] = {"messages": [], "next_page_uri": address if len(asked) == 1 else None}
            return httpx2.Response(200, json=page)

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            await Twilio.open({"sender": SENDER}, CREDENTIALS, http).find_sent(hola(), NOW)
        assert [(url.host, url.path) for url in asked] == [
            ("api.twilio.com", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
        ] * 2


class TestFailing:
    @pytest.mark.parametrize("loss", HTTP_LOSSES)
    async def test_whatever_becomes_of_the_answer_it_may_be_asked_again(
        self, loss: str, fake_provider: FakeTwilio, impatient: httpx2.AsyncClient
    ) -> None:
        twilio = Twilio.open(fake_provider.configuration(), fake_provider.credentials(), impatient)
        fake_provider.lose_answer(loss)
        with pytest.raises(TransientError) as caught:
            await twilio.find_sent(fake_provider.outbound(), SINCE)
        assert not [secret for secret in fake_provider.secrets() if secret in f"{caught.value!r}"]

    @pytest.mark.parametrize("code", ["20003", "20404", "20429", "20500"])
    async def test_a_refused_search_may_be_repeated(self, code: str, fake_provider: FakeTwilio, twilio: Twilio) -> None:
        fake_provider.answer_always(complain(code, retry_after="7"))
        with pytest.raises(TransientError) as caught:
            await twilio.find_sent(fake_provider.outbound(), SINCE)
        assert caught.value.retry_after == timedelta(seconds=7)

    async def test_a_search_over_a_refused_connection_may_be_repeated(self, http: httpx2.AsyncClient) -> None:
        unreachable = TwilioSms()
        with pytest.raises(TransientError, match="unreachable"):
            await unreachable.open(http).find_sent(unreachable.outbound(), SINCE)

    @pytest.mark.parametrize("name", ["sid", "status", "direction", "to", "date_created"])
    @settings(deadline=None, max_examples=20)
    @given(
        value=st.none()
        | st.integers()
        | st.text(alphabet="0123456789:+- JanMo,")
        | st.just("Tue, 99 Jul 99999999999 10:30:00 +9999")
    )
    async def test_a_list_of_another_form_is_no_answer(self, name: str, value: JsonValue) -> None:
        async with httpx2.AsyncClient(transport=answered_with(**{name: value})) as http:
            twilio = Twilio.open({"sender": SENDER}, CREDENTIALS, http)
            found = await outcome_of(twilio.find_sent(hola(), NOW))
        assert found in {None, "unreadable"} or name in {"sid", "status", "date_created"}

    async def test_a_page_without_end_does_not_end_us(self, fake_provider: FakeTwilio, twilio: Twilio) -> None:
        fake_provider.answer_always(json_answer(200, {"messages": [], "next_page_uri": "/x?Page=1"}))
        assert await twilio.find_sent(fake_provider.outbound(), SINCE) is None
        assert len(fake_provider.requests) == MAX_PAGES
