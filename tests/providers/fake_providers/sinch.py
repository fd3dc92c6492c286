"""Fake Sinch: the server that issues access tokens, the Conversation API, and signed webhooks, on loopback."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import FailureClass
from domain.payloads.texts import RcsText, SimpleText
from domain.status import Milestone
from providers.base import Webhook
from providers.sinch import Sinch
from tests.providers.fake_provider import NOW, Delivery, FakeProvider, Settings, with_another_body, without
from tests.providers.loopback import HTTP_LOSSES, HttpFakeProvider, HttpRequest, Reply, json_answer

PROJECT: Final = "aaaaaaaa-0000-4000-8000-000000000001"
APP: Final = "01J0000000000000000000APP1"
KEY_ID: Final = "bbbbbbbb-0000-4000-8000-000000000002"
KEY_SECRET: Final = "made_up_key_secret"
WEBHOOK_SECRET: Final = "made_up_sinch_webhook_secret"
NONCE: Final = "01J0000000000000000000NON1"
TOKEN: Final = "made.up.access-token-"
"""Beginning of access tokens; their number follows."""

TOKENS: Final = "/oauth2/token"
MESSAGES: Final = f"/v1/projects/{PROJECT}/messages"
BASIC: Final = base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode()

_STATUS_OF_CODE: Final[Mapping[str, HTTPStatus]] = {
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
    "UNIMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
}


def complain(code: str, details: Sequence[JsonValue] = (), **headers: str) -> bytes:
    """Error answer of the API (https://cloud.google.com/apis/design/errors)."""
    status = _STATUS_OF_CODE.get(code, HTTPStatus.BAD_REQUEST)
    error = {"code": status, "message": "It is refused", "status": code, "details": list(details)}
    return json_answer(status, {"error": error}, **headers)


EXPIRED: Final = complain(
    "UNAUTHENTICATED", www_authenticate='Bearer error="invalid_token", error_description="Jwt expired"'
)


def signature(secret: str, body: bytes, nonce: str, timestamp: str) -> str:
    """Signature as documented; the vectors were made with Sinch's own library."""
    signed = body + f".{nonce}.{timestamp}".encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def with_header(name: str, value: str) -> Callable[[Webhook], Webhook]:
    """Replace a header of the signature."""
    header = f"x-sinch-webhook-signature{name}"
    return lambda webhook: replace(webhook, headers={**webhook.headers, header: value})


def received_after(wait: timedelta) -> Callable[[Webhook], Webhook]:
    """Delay the receipt of a signed webhook."""
    return lambda webhook: replace(webhook, received_at=webhook.received_at + wait)


class FakeSinch(HttpFakeProvider):
    """Project with one app.

    Attributes:
        expires_in: lifetime of the next access tokens in seconds.
        token_reply: the answer to requests for a token, instead of one.
        revoked: tokens that are no longer valid.
        tokens: the number of issued tokens.
        asked_for_token: set when a token is requested.
        kept_in: the source of its messages, by the app's processing mode.
    """

    provider = Sinch
    refusals: ClassVar = {
        "INVALID_ARGUMENT": FailureClass.CONTENT,
        "FAILED_PRECONDITION": FailureClass.CONFIGURATION,
        "PERMISSION_DENIED": FailureClass.CONFIGURATION,
        "NOT_FOUND": FailureClass.CONFIGURATION,
        "ALREADY_EXISTS": FailureClass.OTHER,
        "http_307": FailureClass.OTHER,
        "http_403": FailureClass.CONFIGURATION,
        "http_404": FailureClass.OTHER,
    }
    throttles: ClassVar = {"RESOURCE_EXHAUSTED": 7}
    other_losses: ClassVar[Mapping[str, Reply]] = {
        "an error of its own": complain("INTERNAL"),
        "an error of its own that asks to repeat": complain("UNAVAILABLE", retry_after="1"),
    }
    losses = (*HTTP_LOSSES, *other_losses)
    unknown_credentials = ({"keySecret": "another_key_secret"}, "invalid_client")
    invalid_credentials: ClassVar = {"invalid_client": {"keySecret": "another_key_secret"}}
    status_map: ClassVar[Mapping[str, Milestone]] = {
        "QUEUED_ON_CHANNEL": Milestone.SENT,
        "DELIVERED": Milestone.DELIVERED,
        "READ": Milestone.READ,
        "FAILED": Milestone.FAILED,
    }
    unknown_statuses = ("SWITCHING_CHANNEL", "TELEPORTED")
    forgeries: ClassVar = {
        "unsigned": without("x-sinch-webhook-signature"),
        "another body": with_another_body,
        "without a nonce": without("x-sinch-webhook-signature-nonce"),
        "another nonce": with_header("-nonce", "01J0000000000000000000NON2"),
        "without a time": without("x-sinch-webhook-signature-timestamp"),
        "another time": with_header("-timestamp", "1784629801"),
        "without an algorithm": without("x-sinch-webhook-signature-algorithm"),
        "another algorithm": with_header("-algorithm", "HmacSHA1"),
        "of long ago": received_after(timedelta(minutes=5, seconds=1)),
        "of the future": received_after(timedelta(minutes=-5, seconds=-1)),
    }
    secretless: ClassVar[Mapping[str, JsonValue] | None] = {"webhookSecret": ""}
    bad_configurations: ClassVar = {
        "projectId": {"projectId": "a/b"},
        "appId": {"appId": None},
        "region": {"region": "mars"},
        "baseUrl": {"baseUrl": "http://user:secret@127.0.0.1"},
        "authUrl": {"authUrl": "ftp://127.0.0.1"},
        "smsSender": {"smsSender": "Ferretería"},
        "ttl": {"ttl": 0},
        "colour": {"colour": "red"},
    }
    bad_credentials: ClassVar = {
        "keyId": {"keyId": "made:up"},
        "keySecret": {"keySecret": None},
        "webhookSecret": {"webhookSecret": None},
    }

    def __init__(self) -> None:
        super().__init__()
        self.attempts: int = 0
        self.expires_in = 3600
        self.token_reply: Reply = b""
        self.revoked: set[str] = set()
        self.tokens = 0
        self.asked_for_token = asyncio.Event()
        self.kept_in = "CONVERSATION_SOURCE"
        self._reply = self._route(self._reply)

    def configuration(self) -> Settings:
        address: JsonValue = self.address
        return {"projectId": PROJECT, "appId": APP, "region": "eu", "baseUrl": address, "authUrl": address}

    def credentials(self) -> Settings:
        return {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET}

    def secrets(self) -> Sequence[str]:
        return (KEY_SECRET, WEBHOOK_SECRET, BASIC, TOKEN)

    def _reply_by(self, reply: Callable[[HttpRequest], Awaitable[Reply]]) -> None:
        super()._reply_by(self._route(reply))

    def _route(self, reply: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
        """Issue tokens independently of the handling of messages; a token request is no attempt to send."""

        async def reply_to(request: HttpRequest) -> Reply:
            if request.target != TOKENS:
                return await reply(request)
            self.attempts -= 1
            self.asked_for_token.set()
            return self.token_reply if self.token_reply != b"" else self._grant(request)

        return reply_to

    def _grant(self, request: HttpRequest) -> bytes:
        """Token response of RFC 6749 §5."""
        if request.headers.get("authorization") != f"Basic {BASIC}":
            return json_answer(HTTPStatus.UNAUTHORIZED, {"error": "invalid_client", "error_description": "No"})
        if request.body != b"grant_type=client_credentials":
            return json_answer(HTTPStatus.BAD_REQUEST, {"error": "unsupported_grant_type"})
        self.tokens += 1
        grant = {"access_token": f"{TOKEN}{self.tokens}", "expires_in": self.expires_in, "token_type": "bearer"}
        return json_answer(HTTPStatus.OK, grant)

    def _knows(self, request: HttpRequest) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token.startswith(TOKEN) and token not in self.revoked

    async def take(self, request: HttpRequest) -> bytes:
        if not self._knows(request):
            return EXPIRED
        match request.method, urlsplit(request.target).path:
            case "POST", path if path == f"{MESSAGES}:send":
                return self._send(json.loads(request.body))
            case "GET", path if path == MESSAGES:
                return self._list(dict(parse_qsl(urlsplit(request.target).query, strict_parsing=True)))
            case "GET", path if path == f"/v1/projects/{PROJECT}/apps/{APP}":
                return json_answer(HTTPStatus.OK, {"id": APP, "display_name": "Iris"})
            case _:
                return complain("NOT_FOUND")

    def _send(self, body: Mapping[str, Any]) -> bytes:
        if body["app_id"] != APP:
            return complain("NOT_FOUND")
        (identity,) = body["recipient"]["identified_by"]["channel_identities"]
        if [identity["channel"]] != body["channel_priority_order"]:
            return complain("INVALID_ARGUMENT")
        message_id = f"01J{len(self.deliveries):023d}"
        self.deliveries.append(
            Delivery(
                destinations=(identity["identity"],),
                text=body["message"].get("text_message", {}).get("text", ""),
                reference=body["correlation_id"],
                provider_message_id=message_id,
                callback_url=body["callback_url"],
            )
        )
        accepted = {"message_id": message_id, "accepted_time": "2026-07-21T10:30:00.123Z"}
        return json_answer(HTTPStatus.OK, accepted)

    def _list(self, query: Mapping[str, str]) -> bytes:
        """List the messages to a destination, newest first."""
        messages = [
            {
                "id": delivery.provider_message_id,
                "direction": "TO_CONTACT",
                "app_message": {"text_message": {"text": delivery.text}},
                "metadata": delivery.reference,
                "accept_time": "2026-07-21T10:30:00.123Z",
            }
            for delivery in reversed(self.deliveries)
            if delivery.destinations == (query["channel_identity"],) and query["messages_source"] == self.kept_in
        ]
        return json_answer(HTTPStatus.OK, {"messages": messages, "next_page_token": ""})

    def error_body(self, code: str) -> bytes:
        wait = self.throttles.get(code)
        return complain(code) if wait is None else complain(code, retry_after=str(wait))

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        report: dict[str, JsonValue] = {
            "message_id": delivery.provider_message_id,
            "conversation_id": "01J0000000000000000000CNV1",
            "status": word,
            "channel_identity": {"channel": self.channel.upper(), "identity": delivery.destinations[0], "app_id": ""},
            "contact_id": "01J0000000000000000000CON1",
            "metadata": delivery.reference,
            "processing_mode": "CONVERSATION",
        }
        if word == "FAILED":
            report["reason"] = {
                "code": "RECIPIENT_NOT_REACHABLE",
                "description": "",
                "sub_code": "UNSPECIFIED_SUB_CODE",
            }
        content = {
            "app_id": APP,
            "accepted_time": "2026-07-21T10:30:00.123Z",
            "event_time": "2026-07-21T10:30:01.456Z",
            "project_id": PROJECT,
            "message_delivery_report": report,
            "message_metadata": delivery.reference,
            "correlation_id": delivery.reference,
        }
        body = json.dumps(content, separators=(",", ":")).encode()
        return self.sign(
            Webhook(delivery.callback_url, {"content-type": "application/json"}, body, NOW), WEBHOOK_SECRET
        )

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        timestamp = str(int(NOW.timestamp()))
        headers = {
            "x-sinch-webhook-signature": signature(secret, webhook.body, NONCE, timestamp),
            "x-sinch-webhook-signature-nonce": NONCE,
            "x-sinch-webhook-signature-timestamp": timestamp,
            "x-sinch-webhook-signature-algorithm": "HmacSHA256",
        }
        return replace(webhook, headers={**webhook.headers, **headers})


class SinchRcs(FakeSinch):
    """The app's RCS agent."""

    channel = Channel.RCS
    payload = RcsText(type="text-message-rcs", text="¿Cómo está? Son 3 € & 50 % + IVA")


class SinchWhatsApp(FakeSinch):
    """The app's WhatsApp sender."""

    channel = Channel.WHATSAPP
    payload = SimpleText(type="simple-text", text="¿Cómo está? *Son* 3 €")


class SinchSms(FakeSinch):
    """SMS service plan of the app, which has no read receipts."""

    channel = Channel.SMS
    payload = SimpleText(type="simple-text", text="¿Cómo está? Son 3 € & 50 % + IVA")
    status_map: ClassVar[Mapping[str, Milestone]] = {
        word: milestone for word, milestone in FakeSinch.status_map.items() if milestone is not Milestone.READ
    }


FAKE_PROVIDERS: Final[Sequence[type[FakeProvider]]] = (SinchRcs, SinchWhatsApp, SinchSms)
