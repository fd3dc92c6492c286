"""Sending through Twilio, beyond the contract of every provider (`docs/providers/twilio.md`).

The recorded bodies are composed from the fields that Twilio documents. Requests and signatures are compared with those
of its own library.
"""

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

import httpx2
import pytest
from pydantic import JsonValue

from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, Rejected
from domain.texts import both
from providers.base import Check, MisconfiguredError, TransientError
from providers.http import Ambiguity, classify_response
from providers.twilio import Twilio
from providers.twilio.error_codes import MEANINGS
from providers.twilio.messages import with_reference
from providers.twilio.responses import RESPONSE_MAPPING
from providers.twilio.settings import TwilioConfiguration
from tests.providers.fake_providers.twilio import (
    ACCOUNT,
    API_KEY,
    API_KEY_SECRET,
    SENDER,
    TOKEN,
    TwilioSms,
    basic,
)
from tests.providers.twilio import vendor as vendor_twilio
from tests.providers.twilio.recordings import CREDENTIALS, MESSAGE_ID, NO_NETWORK, SERVICE, recorded


@pytest.fixture
async def fake_provider() -> AsyncIterator[TwilioSms]:
    async with TwilioSms() as listening:
        yield listening


def configured(fake_provider: TwilioSms, http: httpx2.AsyncClient, **configuration: JsonValue) -> Twilio:
    return Twilio.open(fake_provider.configuration() | configuration, fake_provider.credentials(), http)


class TestChecking:
    async def test_an_account_that_is_not_active_is_not_good(
        self, fake_provider: TwilioSms, http: httpx2.AsyncClient
    ) -> None:
        fake_provider.account_status = "suspended"
        check = await configured(fake_provider, http).check()
        assert check == Check(ok=False, reason=both("la cuenta está suspended", "the account is suspended"))

    async def test_without_an_api_key_only_the_account_is_asked_for(
        self, fake_provider: TwilioSms, http: httpx2.AsyncClient
    ) -> None:
        assert await configured(fake_provider, http).check() == Check(ok=True)
        assert [request.target for request in fake_provider.requests] == [f"/2010-04-01/Accounts/{ACCOUNT}.json"]


class TestRequest:
    """Compared with the official library."""

    async def sent_form(self, fake_provider: TwilioSms, twilio: Twilio) -> dict[str, str]:
        assert isinstance(await twilio.send(fake_provider.outbound()), Accepted)
        return dict(parse_qsl(fake_provider.requests[-1].body.decode(), keep_blank_values=True, strict_parsing=True))

    async def test_the_request_is_the_one_that_the_official_library_makes(
        self, fake_provider: TwilioSms, http: httpx2.AsyncClient
    ) -> None:
        form = await self.sent_form(
            fake_provider, configured(fake_provider, http, messagingServiceSid=SERVICE, validityPeriod=3600)
        )
        request = fake_provider.requests[-1]
        capture = vendor_twilio.Capture()
        vendor_twilio.messages(ACCOUNT, TOKEN, capture).create(
            to="+34638766068",
            from_=SENDER,
            messaging_service_sid=SERVICE,
            body=fake_provider.payload.displayed_text(),
            validity_period=3600,
            status_callback=with_reference(fake_provider.outbound().callback_url, fake_provider.outbound().reference),
        )
        assert (request.method, f"https://api.twilio.com{request.target}") == (capture.method, capture.url)
        assert request.headers["authorization"] == basic(*capture.auth)
        assert form == dict(parse_qsl(urlencode(capture.data)))

    async def test_the_address_is_twilios_own_unless_another_is_configured(self) -> None:
        asked: list[httpx2.Request] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            asked.append(request)
            return httpx2.Response(201, content=recorded("created.json"))

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            twilio = Twilio.open({"sender": SENDER}, CREDENTIALS, http)
            await twilio.send(TwilioSms().outbound())
        assert str(asked[0].url) == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"

    async def test_a_messaging_service_sends_without_a_sender(
        self, fake_provider: TwilioSms, http: httpx2.AsyncClient
    ) -> None:
        form = await self.sent_form(
            fake_provider, configured(fake_provider, http, sender=None, messagingServiceSid=SERVICE)
        )
        assert form["MessagingServiceSid"] == SERVICE
        assert "From" not in form

    async def test_an_api_key_sends_in_place_of_the_auth_token_to_the_same_account(
        self, fake_provider: TwilioSms, http: httpx2.AsyncClient
    ) -> None:
        twilio = fake_provider.open(http, apiKeySid=API_KEY, apiKeySecret=API_KEY_SECRET)
        assert isinstance(await twilio.send(fake_provider.outbound()), Accepted)
        assert fake_provider.requests[-1].headers["authorization"] == basic(API_KEY, API_KEY_SECRET)

    @pytest.mark.parametrize(
        ("callback_url", "expected"),
        [
            ("https://iris.example/a", "https://iris.example/a?reference=1"),
            ("https://iris.example/a?b=%20&c", "https://iris.example/a?b=%20&c&reference=1"),
            ("https://iris.example/a#rc=3", "https://iris.example/a?reference=1#rc=3"),
            ("https://iris.example/a?b=1#rc=3&rp=all", "https://iris.example/a?b=1&reference=1#rc=3&rp=all"),
        ],
    )
    def test_our_reference_joins_the_callbacks_query_and_changes_nothing_else(
        self, callback_url: str, expected: str
    ) -> None:
        assert with_reference(callback_url, "1") == expected


class TestConfiguration:
    @pytest.mark.parametrize("sender", [SENDER, "+34638766068", "21555", "OBRAMAT", "ObraMat_+&1", "4you"])
    def test_a_sender_is_a_phone_number_a_short_code_or_a_name(self, sender: str) -> None:
        assert TwilioConfiguration(sender=sender).sender == sender

    @pytest.mark.parametrize(
        "sender",
        ["", "34638766068", "+0638766068", "+34 638 766", "12", "ObraMat Compras", "Ferretería", "x\n", "٣٣٣٣"],
    )
    def test_anything_else_is_refused(self, sender: str) -> None:
        with pytest.raises(MisconfiguredError, match="sender"):
            Twilio.open({"sender": sender}, CREDENTIALS, NO_NETWORK)

    @pytest.mark.parametrize("url", ["ftp://a", "https://a?b=c", "https://a#b", "http://a:99999", "//a", "https://"])
    def test_an_address_is_that_of_a_web_server_and_nothing_more(self, url: str) -> None:
        with pytest.raises(MisconfiguredError, match="baseUrl"):
            Twilio.open({"sender": SENDER, "baseUrl": url}, CREDENTIALS, NO_NETWORK)


class TestAnswer:
    @pytest.mark.parametrize(
        ("status", "name", "expected"),
        [
            (201, "created.json", Accepted(provider_message_id=MESSAGE_ID, provider_status="queued")),
            (201, "created_by_service.json", Accepted(provider_message_id=MESSAGE_ID, provider_status="accepted")),
            (
                400,
                "invalid_destination.json",
                Rejected(code="21211", failure=FailureClass.DESTINATION, detail="Invalid 'To' Phone Number: +3400"),
            ),
            (
                400,
                "unsubscribed.json",
                Rejected(
                    code="21610",
                    failure=FailureClass.DESTINATION,
                    detail="Attempt to send to unsubscribed recipient",
                ),
            ),
            (
                401,
                "unauthenticated.json",
                Rejected(code="20003", failure=FailureClass.CONFIGURATION, detail="Authenticate"),
            ),
            (
                404,
                "problem_details.json",
                Rejected(
                    code="20404", failure=FailureClass.CONFIGURATION, detail="The requested resource was not found"
                ),
            ),
            (
                500,
                "internal_error.json",
                OutcomeUnknown(detail="20500: An internal server error has occurred"),
            ),
        ],
    )
    def test_twilios_answer_determines_the_outcome(self, status: int, name: str, expected: Outcome) -> None:
        assert classify_response(httpx2.Response(status, content=recorded(name)), RESPONSE_MAPPING) == expected

    def test_a_request_over_the_limit_was_not_processed(self) -> None:
        with pytest.raises(TransientError, match="20429: Too Many Requests"):
            classify_response(httpx2.Response(429, content=recorded("too_many_requests.json")), RESPONSE_MAPPING)

    @pytest.mark.parametrize("body", [b'{"sid": ""}', b'{"sid": null}', b'{"sid": 1}', b'"SM1"', b"[]", b""])
    def test_a_success_of_another_form_leaves_the_outcome_unknown(self, body: bytes) -> None:
        assert isinstance(classify_response(httpx2.Response(201, content=body), RESPONSE_MAPPING), OutcomeUnknown)

    @pytest.mark.parametrize("body", [b'{"code": null}', b'{"code": [21211]}', b'{"message": "No"}', b"null", b"[]"])
    def test_an_error_without_a_code_is_classified_by_its_status(self, body: bytes) -> None:
        assert classify_response(httpx2.Response(400, content=body), RESPONSE_MAPPING) == Rejected(
            code="http_400", failure=FailureClass.OTHER, detail="HTTP 400 not in the provider's form"
        )

    @pytest.mark.parametrize("code", ["20429", "14107", "21611", "30001", "30022", "63018", "63038", "63012"])
    def test_a_message_that_was_certainly_not_accepted_may_be_sent_again(self, code: str) -> None:
        assert MEANINGS[code] is Ambiguity.NOT_ACCEPTED

    def test_codes_are_written_as_twilio_writes_them(self) -> None:
        assert [code for code in MEANINGS if not (code.isdigit() and len(code) == 5)] == []
