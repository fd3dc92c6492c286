"""Sending through Meta, beyond the contract of every provider (`docs/providers/meta.md`).

The recorded bodies are composed from the fields that Meta documents; its description of the WhatsApp Cloud API
determines the fields of a message.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import httpx2
import jsonschema
import pytest
from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, Rejected
from domain.payloads import PAYLOADS, parse_payload
from providers.base import MisconfiguredError, Outbound, TransientError
from providers.http import Ambiguity, ResponseMapping, classify_response, send
from providers.meta import Meta, messenger_messages, whatsapp_messages
from providers.meta.error_codes import MESSENGER_MEANINGS, WHATSAPP_FAILURES, WHATSAPP_MEANINGS
from providers.meta.responses import response_mapping
from tests.providers.fake_provider import REFERENCE
from tests.providers.fake_providers.meta import (
    APP_SECRET,
    NO_NETWORK,
    PAGE_ID,
    PHONE_NUMBER_ID,
    TOKEN,
    VERIFY_TOKEN,
    FakeMeta,
    Messenger,
)
from tests.providers.loopback import HttpRequest, answer

HERE: Final = Path(__file__).parents[1]
RECORDED: Final = HERE / "recorded" / "meta"
REQUESTS: Final = sorted(RECORDED.glob("requests/*.json"))
CREDENTIALS: Final[dict[str, JsonValue]] = {
    "accessToken": TOKEN,
    "appSecret": APP_SECRET,
    "verifyToken": VERIFY_TOKEN,
}
MAPPINGS: Final[Mapping[str, ResponseMapping]] = {
    "whatsapp": response_mapping(whatsapp_messages.accepted, WHATSAPP_MEANINGS),
    "messenger": response_mapping(messenger_messages.accepted, MESSENGER_MEANINGS),
}

Recorded = dict[str, Any]


class AcceptingProvider(FakeMeta):
    """Fake provider that accepts any request, on either channel."""

    channel = Channel.WHATSAPP
    sender_id = PHONE_NUMBER_ID

    async def take(self, request: HttpRequest) -> bytes:
        del request
        return b""


class QuotingProvider(AcceptingProvider):
    """Fake provider that quotes the token in its errors."""

    async def take(self, request: HttpRequest) -> bytes:
        del request
        return answer(401, (RECORDED / "answers" / "malformed_token.json").read_bytes(), "application/json")


def recorded(path: Path) -> Recorded:
    return json.loads(path.read_text())


def outbound(channel: Channel, payload: Mapping[str, JsonValue], destination: str) -> Outbound:
    return Outbound(REFERENCE, channel, (destination,), parse_payload(channel, payload), "https://iris.example/")


def judged(channel: str, name: str, status: int = 400) -> Outcome:
    content = (RECORDED / "answers" / f"{name}.json").read_bytes()
    return classify_response(httpx2.Response(status, content=content), MAPPINGS[channel])


class TestRequest:
    @pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
    async def test_a_payload_is_sent_as_it_is_documented(self, path: Path, http: httpx2.AsyncClient) -> None:
        case = recorded(path)
        async with AcceptingProvider() as fake_provider:
            meta = Meta.open(fake_provider.configuration() | case.get("configuration", {}), CREDENTIALS, http)
            await meta.send(outbound(Channel(case["channel"]), case["payload"], case["destination"]))
        (request,) = fake_provider.requests
        assert (request.method, request.target) == ("POST", f"/v23.0/{PHONE_NUMBER_ID}/messages")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["content-type"] == "application/json"
        assert json.loads(request.body) == case["body"]

    def test_every_payload_type_of_both_channels_is_recorded(self) -> None:
        cases = [recorded(path) for path in REQUESTS]
        assert {(case["channel"], case["payload"]["Type"]) for case in cases} == {
            (channel, wire_type) for channel, able in Meta.channels.items() for wire_type in able.payload_types
        }

    def test_nothing_that_the_channels_have_is_missing(self) -> None:
        assert {channel: set(able.payload_types) for channel, able in Meta.channels.items()} == {
            channel: set(PAYLOADS[channel]) for channel in (Channel.WHATSAPP, Channel.MESSENGER)
        }

    @pytest.mark.parametrize(
        "path", [path for path in REQUESTS if path.stem.startswith("whatsapp_")], ids=lambda path: path.stem
    )
    def test_a_whatsapp_message_is_of_the_official_description(self, path: Path) -> None:
        """Except for two fields that version 23.0 of the description has only on other messages, or not yet."""
        body = cast("Recorded", recorded(path)["body"])
        del body["biz_opaque_callback_data"]
        if "recipient" in body:  # business-scoped ids are of 2026
            body["to"] = body.pop("recipient")
        jsonschema.validate(body, recorded(HERE / "contracts" / "meta_message.json"))

    async def test_the_address_is_metas_own_unless_another_is_configured(self) -> None:
        asked: list[str] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            asked.append(str(request.url))
            return httpx2.Response(200, content=(RECORDED / "answers" / "messenger_accepted.json").read_bytes())

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            for configuration in ({}, {"apiVersion": "v25.0"}, {"baseUrl": "https://proxy.example/graph/"}):
                meta = Meta.open({"senderId": PAGE_ID, **configuration}, CREDENTIALS, http)
                assert isinstance(await meta.send(Messenger().outbound()), Accepted)
        assert asked == [
            f"https://graph.facebook.com/v23.0/{PAGE_ID}/messages",
            f"https://graph.facebook.com/v25.0/{PAGE_ID}/messages",
            f"https://proxy.example/graph/v23.0/{PAGE_ID}/messages",
        ]


class TestConfiguration:
    @pytest.mark.parametrize("sender_id", ["", "+34911000000", "2/../3", "2?a=b", "٣٣", "2\n", "9" * 51])
    def test_a_sender_is_a_number_that_stands_in_an_address(self, sender_id: str) -> None:
        with pytest.raises(MisconfiguredError, match="senderId"):
            Meta.open({"senderId": sender_id}, CREDENTIALS, NO_NETWORK)

    @pytest.mark.parametrize("version", ["", "23.0", "v23", "v23.0/..", "v23.0\n", "latest"])
    def test_a_version_is_one_of_the_graph_api(self, version: str) -> None:
        with pytest.raises(MisconfiguredError, match="apiVersion"):
            Meta.open({"senderId": PAGE_ID, "apiVersion": version}, CREDENTIALS, NO_NETWORK)

    @pytest.mark.parametrize("url", ["ftp://a", "https://a?b=c", "https://a#b", "https://u:p@a", "//a", "https://"])
    def test_an_address_is_that_of_a_web_server_and_nothing_more(self, url: str) -> None:
        with pytest.raises(MisconfiguredError, match="baseUrl"):
            Meta.open({"senderId": PAGE_ID, "baseUrl": url}, CREDENTIALS, NO_NETWORK)

    @pytest.mark.parametrize(
        "configuration",
        [{"messagingType": "MESSAGE_TAG"}, {"tag": "HUMAN_AGENT"}, {"messagingType": "UPDATE", "tag": "HUMAN_AGENT"}],
        ids=str,
    )
    def test_a_tag_and_its_messaging_type_come_together(self, configuration: dict[str, JsonValue]) -> None:
        with pytest.raises(MisconfiguredError, match="tag"):
            Meta.open({"senderId": PAGE_ID, **configuration}, CREDENTIALS, NO_NETWORK)

    @pytest.mark.parametrize("token", ["", "two words", "line\n", "señal"])
    def test_an_access_token_can_be_written_in_a_header(self, token: str) -> None:
        with pytest.raises(MisconfiguredError, match="accessToken"):
            Meta.open({"senderId": PAGE_ID}, CREDENTIALS | {"accessToken": token}, NO_NETWORK)


class TestAnswer:
    @pytest.mark.parametrize(
        ("channel", "name", "expected"),
        [
            (
                "whatsapp",
                "whatsapp_accepted",
                Accepted(provider_message_id="wamid.MADEUP0001", provider_status="accepted"),
            ),
            (
                "whatsapp",
                "whatsapp_held",
                Accepted(provider_message_id="wamid.MADEUP0001", provider_status="held_for_quality_assessment"),
            ),
            ("whatsapp", "whatsapp_business_scoped", Accepted(provider_message_id="wamid.MADEUP0001")),
            ("messenger", "messenger_accepted", Accepted(provider_message_id="m_MADEUP0001")),
        ],
    )
    def test_a_message_that_was_taken_has_its_id_and_word(self, channel: str, name: str, expected: Outcome) -> None:
        assert judged(channel, name, 200) == expected

    @pytest.mark.parametrize(
        ("channel", "name", "expected"),
        [
            (
                "whatsapp",
                "whatsapp_undeliverable",
                Rejected(code="131026", failure=FailureClass.DESTINATION, detail="Message Undeliverable."),
            ),
            (
                "messenger",
                "messenger_window",
                Rejected(
                    code="10/2018278",
                    failure=FailureClass.DESTINATION,
                    detail="(#10) This message is sent outside of allowed window.",
                ),
            ),
            (
                "messenger",
                "messenger_no_user",
                Rejected(code="100/2018001", failure=FailureClass.DESTINATION, detail="(#100) No matching user found"),
            ),
            (
                "whatsapp",
                "whatsapp_unknown",
                OutcomeUnknown(detail="131000: Message failed to send due to an unknown error."),
            ),
            (
                "messenger",
                "messenger_sent_after_all",
                OutcomeUnknown(detail="1/1357046: (#1) The server returned an invalid JSON reply"),
            ),
        ],
    )
    def test_an_error_is_classified_by_its_code(self, channel: str, name: str, expected: Outcome) -> None:
        assert judged(channel, name) == expected

    @pytest.mark.parametrize(("channel", "name"), [("whatsapp", "whatsapp_rate"), ("messenger", "messenger_rate")])
    def test_a_message_over_a_limit_was_not_taken(self, channel: str, name: str) -> None:
        with pytest.raises(TransientError):
            judged(channel, name)

    @pytest.mark.parametrize("channel", MAPPINGS)
    async def test_a_token_that_meta_quotes_is_not_reported(self, channel: str, http: httpx2.AsyncClient) -> None:
        async with QuotingProvider() as fake_provider:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            request = http.build_request("POST", fake_provider.address, headers=headers)
            outcome = await send(http, request, MAPPINGS[channel])
        assert outcome == Rejected(code="190", failure=FailureClass.CONFIGURATION, detail="Malformed access token …")

    @pytest.mark.parametrize("channel", MAPPINGS)
    def test_a_subcode_that_says_no_more_is_left_out(self, channel: str) -> None:
        body = {"error": {"message": "No", "code": 100, "error_subcode": 2_494_010}}
        outcome = classify_response(httpx2.Response(400, json=body), MAPPINGS[channel])
        assert outcome == Rejected(code="100", failure=FailureClass.CONTENT, detail="No")

    @pytest.mark.parametrize("channel", MAPPINGS)
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"messages": []}',
            b'{"messages": [{"id": ""}], "message_id": ""}',
            b'{"messages": [{"id": 1}], "message_id": 1}',
            b'{"messages": {"id": "1"}, "message_id": null}',
        ],
    )
    def test_a_success_of_another_form_leaves_the_outcome_unknown(self, channel: str, body: bytes) -> None:
        assert isinstance(classify_response(httpx2.Response(200, content=body), MAPPINGS[channel]), OutcomeUnknown)

    @pytest.mark.parametrize("channel", MAPPINGS)
    @pytest.mark.parametrize(
        "body",
        [b'{"error": "No"}', b'{"error": null}', b'{"error": {}}', b'{"error": {"code": true}}', b'{"error": [1]}'],
    )
    def test_an_error_without_a_code_is_classified_by_its_status(self, channel: str, body: bytes) -> None:
        outcome = classify_response(httpx2.Response(400, content=body), MAPPINGS[channel])
        assert outcome == Rejected(
            code="http_400", failure=FailureClass.OTHER, detail="HTTP 400 not in the provider's form"
        )

    @pytest.mark.parametrize("meanings", [WHATSAPP_MEANINGS, MESSENGER_MEANINGS], ids=["whatsapp", "messenger"])
    def test_codes_are_written_as_meta_writes_them(self, meanings: Mapping[str, object]) -> None:
        assert [code for code in meanings if not code.replace("/", "", 1).isdigit()] == []

    def test_a_message_over_a_limit_was_not_accepted(self) -> None:
        limits = [code for code, failure in WHATSAPP_FAILURES.items() if failure is FailureClass.RATE]
        assert {WHATSAPP_MEANINGS[code] for code in limits} == {Ambiguity.NOT_ACCEPTED}
