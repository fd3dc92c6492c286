"""Fake Meta: the Graph API on loopback, for a WhatsApp phone number and for a Facebook page, and signed webhooks."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2
from pydantic import JsonValue

from domain.channels import Channel
from domain.events import ProviderEvent
from domain.outcomes import FailureClass
from domain.payloads import SimpleText
from domain.status import Milestone
from providers.base import Webhook
from providers.meta import Meta
from tests.providers.fake_provider import NOW, Delivery, FakeProvider, Settings, with_another_body, without
from tests.providers.loopback import HTTP_LOSSES, HttpFakeProvider, HttpRequest, Reply, json_answer

TOKEN: Final = "made_up_access_token"
APP_SECRET: Final = "made_up_app_secret"
VERIFY_TOKEN: Final = "made_up_verify_token"
PHONE_NUMBER_ID: Final = "200000000000002"
PAGE_ID: Final = "300000000000003"
SIGNATURE: Final = "x-hub-signature-256"
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())

_STATUS_OF_CODE: Final[Mapping[str, HTTPStatus]] = {
    "1": HTTPStatus.INTERNAL_SERVER_ERROR,
    "2": HTTPStatus.SERVICE_UNAVAILABLE,
    "4": HTTPStatus.TOO_MANY_REQUESTS,
    "190": HTTPStatus.UNAUTHORIZED,
    "200": HTTPStatus.FORBIDDEN,
    "130429": HTTPStatus.TOO_MANY_REQUESTS,
    "131000": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def reader(sender_id: str, **credentials: JsonValue) -> Meta:
    """Provider that only parses webhooks, without a network."""
    known: Settings = {"accessToken": TOKEN, "appSecret": APP_SECRET, "verifyToken": VERIFY_TOKEN}
    return Meta.open({"senderId": sender_id}, known | credentials, NO_NETWORK)


def complain(code: str, **headers: str) -> bytes:
    """Meta's error answer (https://developers.facebook.com/docs/graph-api/guides/error-handling)."""
    number, _, subcode = code.partition("/")
    error: dict[str, JsonValue] = {
        "message": "It is refused",
        "type": "OAuthException",
        "code": int(number),
        "fbtrace_id": "AMadeUpTrace",
    }
    if subcode:
        error["error_subcode"] = int(subcode)
    return json_answer(_STATUS_OF_CODE.get(number, HTTPStatus.BAD_REQUEST), {"error": error}, **headers)


def notify(callback_url: str, content: object) -> Webhook:
    """Unsigned webhook of Meta."""
    return Webhook(callback_url, {"content-type": "application/json"}, json.dumps(content).encode(), NOW)


def sign(webhook: Webhook, secret: str) -> Webhook:
    """Sign the webhook with an app's secret."""
    code = hmac.new(secret.encode(), webhook.body, hashlib.sha256).hexdigest()
    return replace(webhook, headers={**webhook.headers, SIGNATURE: f"sha256={code}"})


class FakeMeta(HttpFakeProvider):
    """The Graph API for one sender.

    Attributes:
        sender_id: the phone number's id, or the page's.
    """

    provider = Meta
    sender_id: ClassVar[str]
    unknown_credentials = ({"accessToken": "another_access_token"}, "190")
    invalid_credentials: ClassVar = {
        "190": {"accessToken": "another_access_token"},
        "100": {"appSecret": "another_app_secret"},
    }
    forgeries: ClassVar = {
        "unsigned": without(SIGNATURE),
        "another body": with_another_body,
        "signed with SHA-1 only": lambda webhook: replace(
            webhook,
            headers={"x-hub-signature": "sha1=" + hmac.new(APP_SECRET.encode(), webhook.body, "sha1").hexdigest()},
        ),
        "without the name of the digest": lambda webhook: replace(
            webhook, headers={SIGNATURE: webhook.headers[SIGNATURE].removeprefix("sha256=")}
        ),
    }
    secretless: ClassVar[Mapping[str, JsonValue] | None] = {"appSecret": ""}
    bad_configurations: ClassVar = {
        "senderId": {"senderId": "+34911000000"},
        "apiVersion": {"apiVersion": "23"},
        "baseUrl": {"baseUrl": "https://user:secret@127.0.0.1"},
        "messagingType": {"messagingType": "SPAM"},
        "tag": {"messagingType": "MESSAGE_TAG"},
        "colour": {"colour": "red"},
    }
    bad_credentials: ClassVar = {
        "accessToken": {"accessToken": "two\nlines"},
        "appSecret": {"appSecret": None},
        "verifyToken": {"verifyToken": ""},
    }

    def configuration(self) -> Settings:
        return {"senderId": self.sender_id, "baseUrl": self.address}

    def credentials(self) -> Settings:
        return {"accessToken": TOKEN, "appSecret": APP_SECRET, "verifyToken": VERIFY_TOKEN}

    def secrets(self) -> Sequence[str]:
        return (TOKEN, APP_SECRET, VERIFY_TOKEN)

    async def take(self, request: HttpRequest) -> bytes:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return complain("190")
        target, sender = urlsplit(request.target), f"/v23.0/{self.sender_id}"
        if (request.method, target.path) == ("GET", sender):
            return self._describe(dict(parse_qsl(target.query)))
        if (request.method, request.target) != ("POST", f"{sender}/messages"):
            return complain("100/33")
        if request.headers.get("content-type") != "application/json":
            return complain("100")
        return json_answer(HTTPStatus.OK, self.answer_to(json.loads(request.body), f"{len(self.deliveries)}"))

    def _describe(self, query: Mapping[str, str]) -> bytes:
        """Describe the sender; a proof is optional, but checked."""
        proof = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
        if query.get("appsecret_proof", proof) != proof:
            return complain("100")
        return json_answer(HTTPStatus.OK, {"id": self.sender_id})

    def answer_to(self, body: dict[str, Any], number: str) -> object:
        """Accept a message with the next number, and return the answer."""
        raise NotImplementedError

    def error_body(self, code: str) -> bytes:
        wait = self.throttles.get(code)
        return complain(code) if wait is None else complain(code, retry_after=str(wait))

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        return sign(webhook, secret)


class WhatsApp(FakeMeta):
    """The Cloud API of one phone number."""

    channel = Channel.WHATSAPP
    sender_id = PHONE_NUMBER_ID
    payload = SimpleText(type="simple-text", text="¿Cómo está? Son 3 € & 50 % + IVA")
    refusals: ClassVar = {
        "131026": FailureClass.DESTINATION,
        "131047": FailureClass.DESTINATION,
        "100": FailureClass.CONTENT,
        "132001": FailureClass.CONTENT,
        "190": FailureClass.CONFIGURATION,
        "200": FailureClass.CONFIGURATION,
        "299": FailureClass.CONFIGURATION,
        "133010": FailureClass.CONFIGURATION,
        "999999": FailureClass.OTHER,
        "http_307": FailureClass.OTHER,
        "http_403": FailureClass.CONFIGURATION,
    }
    throttles: ClassVar = {"4": 7, "80007": None, "130429": None, "131056": None, "131016": None, "131053": None}
    other_losses: ClassVar[Mapping[str, Reply]] = {
        "an unknown error": complain("1"),
        "a service that is not available": complain("2"),
        "something went wrong": complain("131000"),
        "an error without a code": json_answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": {"message": "No"}}),
    }
    losses = (*HTTP_LOSSES, *other_losses)
    status_map: ClassVar = {
        "sent": Milestone.SENT,
        "delivered": Milestone.DELIVERED,
        "read": Milestone.READ,
        "played": Milestone.READ,
        "failed": Milestone.FAILED,
    }
    unknown_statuses = ("teleported", "deleted", "warning")

    def answer_to(self, body: dict[str, Any], number: str) -> object:
        message_id = f"wamid.{number}"
        self.deliveries.append(
            Delivery(
                destinations=(body["to"].removeprefix("+"),),
                text=body["text"]["body"],
                reference=body["biz_opaque_callback_data"],
                provider_message_id=message_id,
                callback_url=self.outbound().callback_url,
            )
        )
        contact = {"input": body["to"], "wa_id": body["to"].removeprefix("+")}
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": message_id}]}

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        status: dict[str, JsonValue] = {
            "id": delivery.provider_message_id,
            "status": word,
            "timestamp": "1784629801",
            "recipient_id": delivery.destinations[0],
            "biz_opaque_callback_data": delivery.reference,
        }
        if word == "failed":
            status["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
        metadata = {"display_phone_number": "15005550006", "phone_number_id": self.sender_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [status]}
        entry = {"id": "100000000000001", "changes": [{"field": "messages", "value": value}]}
        content = {"object": "whatsapp_business_account", "entry": [entry]}
        return sign(notify(delivery.callback_url, content), APP_SECRET)


class Messenger(FakeMeta):
    """The Send API of one page.

    Its events have our reference in echoes only, the messages' ids in echoes and deliveries, and in reads only the time
    up to which everything is read.
    """

    channel = Channel.MESSENGER
    sender_id = PAGE_ID
    payload = SimpleText(type="simple-text", text="¿Cómo está? Son 3 € & 50 % + IVA")
    destinations = ("4000000000000004",)
    refusals: ClassVar = {
        "10/2018278": FailureClass.DESTINATION,
        "551": FailureClass.DESTINATION,
        "100/2018001": FailureClass.DESTINATION,
        "100": FailureClass.CONTENT,
        "10": FailureClass.CONFIGURATION,
        "190": FailureClass.CONFIGURATION,
        "230": FailureClass.CONFIGURATION,
        "999999": FailureClass.OTHER,
        "http_404": FailureClass.OTHER,
    }
    throttles: ClassVar = {"2": None, "4": 7, "4/2018354": None, "9/2018352": None, "613": None, "1200": None}
    other_losses: ClassVar[Mapping[str, Reply]] = {
        "an unknown error": complain("1/99"),
        "a message that was sent after all": complain("1/1357046"),
    }
    losses = (*HTTP_LOSSES, *other_losses)
    status_map: ClassVar = {"delivered": Milestone.DELIVERED, "read": Milestone.READ, "echo": Milestone.ACCEPTED}
    kinds_are_statuses = True

    def answer_to(self, body: dict[str, Any], number: str) -> object:
        message_id = f"m_{number}"
        self.deliveries.append(
            Delivery(
                destinations=(body["recipient"]["id"],),
                text=body["message"]["text"],
                reference=body["message"]["metadata"],
                provider_message_id=message_id,
                callback_url=self.outbound().callback_url,
            )
        )
        return {"recipient_id": body["recipient"]["id"], "message_id": message_id}

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        user, page = {"id": delivery.destinations[0]}, {"id": self.sender_id}
        between = {"sender": user, "recipient": page}
        watermark = 1_784_629_800_000 + int(delivery.reference, 16) % 100_000
        reference = delivery.reference.zfill(24)  # only an echo with an id of ours gives an item
        message = {"is_echo": True, "metadata": reference, "mid": delivery.provider_message_id, "text": "Hola"}
        event = {
            "delivered": {**between, "delivery": {"mids": [delivery.provider_message_id], "watermark": watermark}},
            "read": {**between, "timestamp": watermark, "read": {"watermark": watermark}},
            "echo": {"sender": page, "recipient": user, "timestamp": watermark, "message": message},
        }[word]
        entry = {"id": self.sender_id, "time": watermark, "messaging": [event]}
        return sign(notify(delivery.callback_url, {"object": "page", "entry": [entry]}), APP_SECRET)

    def finds(self, event: ProviderEvent, delivery: Delivery) -> bool:
        if event.provider_status == "read":
            return (event.destination,) == delivery.destinations and event.up_to is not None
        reference = delivery.reference if event.provider_status == "echo" else None
        return (event.reference, event.provider_message_id) == (reference, delivery.provider_message_id)


FAKE_PROVIDERS: Final[Sequence[type[FakeProvider]]] = (WhatsApp, Messenger)
