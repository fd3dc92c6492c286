"""Sending through Vonage, beyond the contract of every provider (`docs/providers/vonage.md`).

The recorded requests are those of its own library; the recorded answers are composed from its documentation.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Final

import httpx2
import jwt
import pytest
from pydantic import JsonValue, TypeAdapter

from domain.channels import Channel
from domain.outcomes import Accepted, FailureClass, Outcome, Rejected
from domain.payloads import parse_payload
from providers.base import Check, MisconfiguredError, Outbound, TransientError
from providers.http import Ambiguity, classify_response
from providers.vonage import Vonage, access_token
from providers.vonage.adapter import RESPONSE_MAPPING
from providers.vonage.error_codes import FAILURES, MEANINGS, UNCERTAIN
from tests.providers.fake_provider import REFERENCE
from tests.providers.fake_providers.vonage import (
    API_KEY,
    API_SECRET,
    APPLICATION,
    BASIC,
    PRIVATE_KEY,
    PUBLIC_KEY,
    SIGNATURE_SECRET,
    VonageMessages,
    VonageSms,
    complain,
)
from tests.providers.loopback import HttpRequest, Reply
from tests.providers.vonage.recordings import CALLBACK_URL, Case, every, recorded

CREDENTIALS: Final[dict[str, JsonValue]] = {
    "apiKey": API_KEY,
    "apiSecret": API_SECRET,
    "signatureSecret": SIGNATURE_SECRET,
}
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())


@pytest.fixture
async def fake_provider() -> AsyncIterator[VonageMessages]:
    async with VonageSms() as listening:
        yield listening


class TestChecking:
    async def test_an_account_that_sends_without_an_application_is_asked_for_its_applications(
        self, fake_provider: VonageMessages, http: httpx2.AsyncClient
    ) -> None:
        assert await fake_provider.open(http, **BASIC).check() == Check(ok=True)
        refused = await fake_provider.open(http, **{**BASIC, "apiSecret": "another"}).check()
        assert isinstance(refused.reason, str)
        assert (refused.ok, refused.reason.partition(":")[0]) == (False, "unauthorized")

    async def test_an_application_cannot_be_checked_without_the_accounts_secret(
        self, fake_provider: VonageMessages, http: httpx2.AsyncClient
    ) -> None:
        checked = await fake_provider.open(http).check()
        assert checked.ok is None
        assert "apiSecret" in str(checked.reason)
        assert fake_provider.requests == []


def outbound(channel: Channel, payload: Mapping[str, JsonValue], destination: str = "34638766068") -> Outbound:
    return Outbound(REFERENCE, channel, (destination,), parse_payload(channel, payload), CALLBACK_URL)


class TestRequest:
    @every("requests")
    async def test_the_body_is_the_one_that_the_official_library_makes(
        self, fake_provider: VonageMessages, http: httpx2.AsyncClient, case: Case
    ) -> None:
        vonage = Vonage.open(
            {**case["configuration"], "baseUrl": fake_provider.address}, fake_provider.credentials(), http
        )
        await vonage.send(outbound(Channel(case["channel"]), case["payload"], case["body"]["to"]))
        assert json.loads(fake_provider.requests[-1].body) == case["body"]

    def test_a_request_is_recorded_for_every_payload_that_is_sent(self) -> None:
        assert {(case["channel"], case["payload"]["Type"]) for case in recorded("requests")} == {
            (channel, payload_type)
            for channel, capabilities in Vonage.channels.items()
            for payload_type in capabilities.payload_types
        }

    @pytest.mark.parametrize("base_url", ["https://api.nexmo.com", "https://api-eu.nexmo.com/"])
    async def test_the_address_is_vonages_own_unless_another_is_configured(self, base_url: str) -> None:
        asked: list[httpx2.Request] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            asked.append(request)
            return httpx2.Response(202, json={"message_uuid": "1"})

        other: dict[str, JsonValue] = {} if base_url == "https://api.nexmo.com" else {"baseUrl": base_url}
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            await Vonage.open({"sender": "Iris", **other}, CREDENTIALS, http).send(VonageSms().outbound())
        assert str(asked[0].url) == f"{base_url.rstrip('/')}/v1/messages"

    @pytest.mark.parametrize(
        ("channel", "payload", "field"),
        [
            (Channel.RCS, {"Type": "media-rcs", "Url": "https://a.example/a.mp3", "MediaType": "audio"}, "MediaType"),
            (
                Channel.RCS,
                {"Type": "media-rcs", "Url": "https://a.example/a", "MediaType": "image", "Caption": "Mire"},
                "Caption",
            ),
            (Channel.RCS, {"Type": "card-rcs", "Title": "Taladro", "Description": "En oferta"}, "ImageUrl"),
            (Channel.RCS, {"Type": "card-rcs", "Title": "Taladro", "ImageUrl": "https://a.example/a"}, "Description"),
            (Channel.MESSENGER, {"Type": "card", "Title": "Taladro"}, "card"),
            (
                Channel.MESSENGER,
                {"Type": "quick-replies", "Text": "¿Viene?", "Replies": [{"Title": "Sí"}]},
                "quick-replies",
            ),
        ],
    )
    async def test_fields_that_the_channel_cannot_carry_are_refused_before_the_send(
        self,
        fake_provider: VonageMessages,
        http: httpx2.AsyncClient,
        channel: Channel,
        payload: Mapping[str, JsonValue],
        field: str,
    ) -> None:
        outcome = await fake_provider.open(http).send(outbound(channel, payload))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("not_carried", FailureClass.CONTENT)
        assert field in outcome.detail
        assert fake_provider.requests == []


class TestAuthorization:
    def bearers(self, fake_provider: VonageMessages) -> list[str]:
        return [request.headers["authorization"].removeprefix("Bearer ") for request in fake_provider.requests]

    async def test_an_application_signs_what_the_official_library_signs(
        self, fake_provider: VonageMessages, http: httpx2.AsyncClient
    ) -> None:
        assert isinstance(await fake_provider.open(http).send(fake_provider.outbound()), Accepted)
        (bearer,) = self.bearers(fake_provider)
        assert jwt.get_unverified_header(bearer) == {"alg": "RS256", "typ": "JWT"}
        claims = jwt.decode(bearer, PUBLIC_KEY, algorithms=["RS256"])
        assert claims.keys() == {"application_id", "iat", "jti", "exp"}
        assert (claims["application_id"], claims["exp"] - claims["iat"]) == (APPLICATION, 15 * 60)

    async def test_a_token_serves_until_it_is_about_to_expire(
        self, fake_provider: VonageMessages, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vonage = fake_provider.open(http)
        start = access_token.utc_now()
        for minutes in (0, 13, 14):
            moment = start + timedelta(minutes=minutes)
            monkeypatch.setattr(access_token, "utc_now", lambda moment=moment: moment)
            await vonage.send(fake_provider.outbound())
        first, second, third = self.bearers(fake_provider)
        assert first == second != third

    async def test_an_expired_token_is_replaced_and_the_message_sent_once_more(self, http: httpx2.AsyncClient) -> None:
        async with Forgetful(times=1) as fake_provider:
            assert isinstance(await fake_provider.open(http).send(fake_provider.outbound()), Accepted)
            first, second = self.bearers(fake_provider)
            assert first != second
            assert len(fake_provider.deliveries) == 1

    async def test_but_not_for_ever(self, http: httpx2.AsyncClient) -> None:
        async with Forgetful(times=9) as fake_provider:
            outcome = await fake_provider.open(http).send(fake_provider.outbound())
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.failure) == ("jwt-expired", FailureClass.CONFIGURATION)
            assert len(fake_provider.requests) == 2

    async def test_an_account_without_an_application_sends_with_its_own_secret(
        self, fake_provider: VonageMessages, http: httpx2.AsyncClient
    ) -> None:
        assert isinstance(await fake_provider.open(http, **BASIC).send(fake_provider.outbound()), Accepted)
        assert fake_provider.requests[-1].headers["authorization"] == "Basic YWJjZDEyMzQ6bWFkZV91cF9hcGlfc2VjcmV0"

    async def test_and_sends_once_even_after_an_expired_token_error(self, http: httpx2.AsyncClient) -> None:
        async with Forgetful(times=9) as fake_provider:
            assert isinstance(await fake_provider.open(http, **BASIC).send(fake_provider.outbound()), Rejected)
            assert len(fake_provider.requests) == 1


class Forgetful(VonageSms):
    """Fake provider that treats tokens as expired a number of times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def take(self, request: HttpRequest) -> bytes:
        return complain("jwt-expired") if len(self.requests) <= self.times else await super().take(request)


class TestConfiguration:
    @pytest.mark.parametrize("sender", ["ObraMat", "Obra Mat", "34911000000", "106540352242922", "Obra-Mat_2 & Co."])
    def test_a_sender_is_a_number_a_name_or_an_id(self, sender: str) -> None:
        Vonage.open({"sender": sender}, CREDENTIALS, NO_NETWORK)

    @pytest.mark.parametrize("sender", ["", "+34911000000", " a", "Ferretería", "a" * 51, "a\n", None])
    def test_anything_else_is_refused(self, sender: str | None) -> None:
        with pytest.raises(MisconfiguredError, match="sender"):
            Vonage.open({"sender": sender}, CREDENTIALS, NO_NETWORK)

    @pytest.mark.parametrize("key", ["", "x", PRIVATE_KEY[:200], PRIVATE_KEY.replace("PRIVATE", "PUBLIC")])
    def test_a_private_key_is_one(self, key: str) -> None:
        with pytest.raises(MisconfiguredError, match="privateKey"):
            VonageSms().open(NO_NETWORK, privateKey=key)

    def test_a_tag_without_its_category_is_refused(self) -> None:
        with pytest.raises(MisconfiguredError, match="messengerTag"):
            Vonage.open({"sender": "1", "messengerTag": "HUMAN_AGENT"}, CREDENTIALS, NO_NETWORK)


class TestAnswer:
    @every("answers")
    def test_vonages_answer_determines_the_outcome(self, case: Case) -> None:
        expected: Outcome = TypeAdapter[Outcome](Outcome).validate_python(case["outcome"])
        assert classify_response(httpx2.Response(case["status"], json=case["body"]), RESPONSE_MAPPING) == expected

    @pytest.mark.parametrize("page", ["api-errors/messages#1000", "api-errors#throttled", "api-errors"])
    def test_a_request_over_the_limit_was_not_taken(self, page: str) -> None:
        body = {"type": f"https://developer.vonage.com/{page}", "title": "Throttled"}
        with pytest.raises(TransientError) as caught:
            classify_response(httpx2.Response(429, json=body, headers={"Retry-After": "15"}), RESPONSE_MAPPING)
        assert caught.value.retry_after == timedelta(seconds=15)

    @pytest.mark.parametrize("code", ["1000", "1030", "1070", "1100", "1180", "1220", "1230", "1241", "1331", "1460"])
    def test_a_message_that_was_certainly_not_accepted_may_be_sent_again(self, code: str) -> None:
        assert MEANINGS[code] is Ambiguity.NOT_ACCEPTED

    @pytest.mark.parametrize("code", ["1320", "1490"])
    def test_a_message_that_was_possibly_accepted_may_not(self, code: str) -> None:
        assert MEANINGS[code] is Ambiguity.PERHAPS_ACCEPTED

    def test_every_code_that_fails_a_receipt_has_a_class(self) -> None:
        assert MEANINGS.keys() - FAILURES.keys() <= UNCERTAIN

    @pytest.mark.parametrize("body", [{"message_uuid": ""}, {"message_uuid": None}, {"message_uuid": 1}, [], "1", None])
    def test_a_success_of_another_form_leaves_the_outcome_unknown(self, body: Reply) -> None:
        assert classify_response(httpx2.Response(202, json=body), RESPONSE_MAPPING).kind == "unanswered"
