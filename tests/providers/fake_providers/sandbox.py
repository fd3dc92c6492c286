"""Fake sandbox: the real gateway, behind a server that can fail in ways unknown to the gateway."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Final

import httpx2
from pydantic import JsonValue, SecretStr

from domain.channels import Channel
from domain.outcomes import FailureClass
from domain.payloads.email import Email
from domain.payloads.texts import RcsText, SimpleText
from domain.status import Milestone
from embedded.gateway.app import create_gateway
from embedded.gateway.callbacks import signature
from embedded.gateway.settings import Account, GatewaySettings
from providers.base import Webhook
from providers.sandbox import Sandbox
from tests.providers.fake_provider import NOW, Delivery, FakeProvider, Forgery, Settings, with_another_body, without
from tests.providers.loopback import HTTP_LOSSES, HttpFakeProvider, HttpRequest, Reply, answer, json_answer

TOKEN: Final = "made_up_token"
SIGNING_SECRET: Final = "made_up_signing_secret"
ACCOUNT: Final = Account(token=SecretStr(TOKEN), signing_secret=SecretStr(SIGNING_SECRET))
GATEWAY: Final = create_gateway(GatewaySettings(accounts=(ACCOUNT,)))
"""Application whose ledger is new each time that its lifespan begins."""
SILENT_PHONE: Final = ("34600000010",)
"""Recipient without callbacks from the gateway: the suite makes the receipts."""

_STATUS_OF_CODE: Final[Mapping[str, int]] = {"invalid_json": 400, "unauthenticated": 401, "throttled": 429, "bug": 500}
_REPORTED: Final = {
    "sent": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "failed": Milestone.FAILED,
}


def complain(code: str, **headers: str) -> bytes:
    """The gateway's error answer (`docs/providers/sandbox.md`, «Errors»)."""
    return json_answer(_STATUS_OF_CODE.get(code, 422), {"error": {"code": code, "message": "It is refused"}}, **headers)


def received_at(delay: timedelta) -> Forgery:
    """Delay the receipt of a webhook."""
    return lambda webhook: replace(webhook, received_at=webhook.received_at + delay)


class FakeGateway(HttpFakeProvider):
    """Account at the gateway."""

    provider = Sandbox
    refusals: ClassVar = {
        "recipient_refused": FailureClass.DESTINATION,
        "invalid_recipient": FailureClass.DESTINATION,
        "invalid_request": FailureClass.CONTENT,
        "unauthenticated": FailureClass.CONFIGURATION,
        "reference_reused": FailureClass.OTHER,
        "new_reason": FailureClass.OTHER,
        "http_403": FailureClass.CONFIGURATION,
        "http_404": FailureClass.OTHER,
    }
    throttles: ClassVar = {"throttled": 1}
    other_losses: ClassVar[Mapping[str, Reply]] = {"an error of its own": complain("bug")}
    losses = (*HTTP_LOSSES, *other_losses)
    unknown_credentials = ({"token": "another_token"}, "unauthenticated")
    invalid_credentials: ClassVar = {"unauthenticated": {"token": "another_token"}}
    status_map: ClassVar[Mapping[str, Milestone]] = {**_REPORTED, "read": Milestone.READ}
    unknown_statuses = ("teleported", "Mislaid")
    forgeries: ClassVar = {
        "unsigned": without("x-sandbox-signature"),
        "of no time": without("x-sandbox-timestamp"),
        "another body": with_another_body,
        "stale": received_at(timedelta(minutes=6)),
        "of the future": received_at(timedelta(minutes=-6)),
    }
    secretless: ClassVar[Mapping[str, JsonValue] | None] = {"signingSecret": ""}
    bad_configurations: ClassVar = {"baseUrl": {"baseUrl": "nowhere"}, "colour": {"colour": "red"}}
    bad_credentials: ClassVar = {"token": {"token": "two status_map"}, "signingSecret": {"signingSecret": None}}

    def __init__(self) -> None:
        super().__init__()
        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(GATEWAY), base_url="http://gateway")
        self._lifetime = AsyncExitStack()

    async def listen(self) -> int:
        await self._lifetime.enter_async_context(GATEWAY.router.lifespan_context(GATEWAY))
        await self._lifetime.enter_async_context(self._http)
        return await super().listen()

    async def stop(self) -> None:
        await super().stop()
        await self._lifetime.aclose()

    def configuration(self) -> Settings:
        return {"baseUrl": self.address}

    def credentials(self) -> Settings:
        return {"token": TOKEN, "signingSecret": SIGNING_SECRET}

    def secrets(self) -> Sequence[str]:
        return (TOKEN, SIGNING_SECRET)

    async def take(self, request: HttpRequest) -> bytes:
        answered = await self._http.request(
            request.method, request.target, headers=dict(request.headers), content=request.body
        )
        if answered.is_success and request.method == "POST":
            self._note(json.loads(request.body), answered.json()["id"])
        return answer(answered.status_code, answered.content, answered.headers["content-type"])

    def _note(self, message: Mapping[str, Any], provider_message_id: str) -> None:
        delivery = Delivery(
            destinations=tuple(message["to"]),
            text=message["payload"].get("Text") or message["payload"]["Body"],
            reference=message["reference"],
            provider_message_id=provider_message_id,
            callback_url=message["callbackUrl"],
        )
        if delivery not in self.deliveries:
            self.deliveries.append(delivery)

    def error_body(self, code: str) -> bytes:
        wait = self.throttles.get(code)
        return complain(code) if wait is None else complain(code, retry_after=str(wait))

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        body: dict[str, JsonValue] = {
            "id": delivery.provider_message_id,
            "reference": delivery.reference,
            "channel": self.channel,
            "to": [*delivery.destinations],
            "status": word,
            "timestamp": "2026-07-21T10:30:00.246Z",
            "sequence": 1,
        }
        if word == "failed":
            body["error"] = {"code": "recipient_unreachable", "message": "It cannot be reached"}
        return self.sign(Webhook(delivery.callback_url, {}, json.dumps(body).encode(), NOW), SIGNING_SECRET)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        timestamp = str(int(webhook.received_at.timestamp()))
        signed = {
            "x-sandbox-timestamp": timestamp,
            "x-sandbox-signature": signature(secret.encode(), timestamp, webhook.body),
        }
        return replace(webhook, headers={**webhook.headers, **signed})


class SandboxSms(FakeGateway):
    """SMS, which has no read receipts."""

    channel = Channel.SMS
    payload = SimpleText(type="simple-text", text="¿Cómo está?")
    destinations = SILENT_PHONE
    status_map: ClassVar[Mapping[str, Milestone]] = _REPORTED


class SandboxWhatsApp(FakeGateway):
    """WhatsApp."""

    channel = Channel.WHATSAPP
    payload = SimpleText(type="simple-text", text="¿Cómo está?")
    destinations = SILENT_PHONE


class SandboxRcs(FakeGateway):
    """RCS."""

    channel = Channel.RCS
    payload = RcsText(type="text-message-rcs", text="¿Cómo está?")
    destinations = SILENT_PHONE


class SandboxEmail(FakeGateway):
    """E-mail, to several recipients at once."""

    channel = Channel.EMAIL
    payload = Email(type="email", subject="Su cita", body="¿Vendrá?\nHasta mañana")
    destinations = ("silent@sandbox.example.com", "ana@example.com")


class SandboxMessenger(FakeGateway):
    """Messenger."""

    channel = Channel.MESSENGER
    payload = SimpleText(type="simple-text", text="¿Cómo está?")
    destinations = ("1000000000000010",)


FAKE_PROVIDERS: Final[Sequence[type[FakeProvider]]] = (
    SandboxSms,
    SandboxWhatsApp,
    SandboxRcs,
    SandboxEmail,
    SandboxMessenger,
)
