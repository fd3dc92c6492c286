"""Fake Vonage: the Messages API on loopback, and webhooks signed as Vonage documents it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import SplitResult, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import FailureClass
from domain.payloads import parse_payload
from domain.status import Milestone
from providers.base import Webhook
from providers.vonage import Vonage
from tests.providers.fake_provider import NOW, Delivery, FakeProvider, Forgery, Settings, with_another_body, without
from tests.providers.loopback import HTTP_LOSSES, HttpFakeProvider, HttpRequest, Reply, answer, json_answer

API_KEY: Final = "abcd1234"
API_SECRET: Final = "made_up_api_secret"
APPLICATION: Final = "99999999-8888-4777-8666-555555555555"
SIGNATURE_SECRET: Final = "made_up_vonage_signature_secret_that_is_long_enough_0001"

_KEY: Final = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PRIVATE_KEY: Final = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_KEY: Final = _KEY.public_key()
ANOTHER_KEY: Final = (
    rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)

BASIC: Final[dict[str, JsonValue]] = {"apiSecret": API_SECRET, "applicationId": None, "privateKey": None}
"""Changes that make the credentials those of the account, without an application."""

_STATUS_OF_CODE: Final[Mapping[str, HTTPStatus]] = {
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "jwt-expired": HTTPStatus.UNAUTHORIZED,
    "low-balance": HTTPStatus.PAYMENT_REQUIRED,
    "not-found": HTTPStatus.NOT_FOUND,
    "1000": HTTPStatus.TOO_MANY_REQUESTS,
    "throttled": HTTPStatus.TOO_MANY_REQUESTS,
    "1030": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def complain(code: str, **headers: str) -> bytes:
    """Vonage's error answer (https://developer.vonage.com/en/api-errors)."""
    page = "api-errors/messages" if code.isdigit() else "api-errors"
    return problem(_STATUS_OF_CODE.get(code, HTTPStatus.UNPROCESSABLE_ENTITY), f"{page}#{code}", **headers)


def problem(status: HTTPStatus, page: str, **headers: str) -> bytes:
    """Answer with problem details."""
    content = {
        "type": f"https://developer.vonage.com/{page}",
        "title": "It is refused",
        "detail": "The reason is given.",
        "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
    }
    return answer(status, json.dumps(content).encode(), "application/problem+json", **headers)


def token(claims: Mapping[str, JsonValue], secret: str) -> str:
    """JWT in HS256 (RFC 7515 §3), also with secrets that no library accepts."""
    parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.new(secret.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _base64url(signature)])


def signed(webhook: Webhook, secret: str, **other_claims: JsonValue) -> Webhook:
    """Add Vonage's token to the webhook, except for some claims."""
    claims: dict[str, JsonValue] = {
        "iat": int(NOW.timestamp()),
        "jti": "11111111-2222-4333-8444-555555555555",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(webhook.body).hexdigest(),
        "api_key": API_KEY,
        "application_id": APPLICATION,
    }
    bearer = f"Bearer {token(claims | other_claims, secret)}"
    return replace(webhook, headers={**webhook.headers, "authorization": bearer})


def received_at(delay: timedelta) -> Forgery:
    """Delay the receipt of a webhook."""
    return lambda webhook: replace(webhook, received_at=webhook.received_at + delay)


def claiming(**claims: JsonValue) -> Forgery:
    """Sign other claims with the right secret."""
    return lambda webhook: signed(webhook, SIGNATURE_SECRET, **claims)


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class VonageMessages(HttpFakeProvider):
    """The Messages API of one account and one application, for one channel.

    Attributes:
        wire_channel: Vonage's name of the channel.
        sender: the allowed sender.
    """

    wire_channel: ClassVar[str]
    sender: ClassVar[str]

    provider = Vonage
    refusals: ClassVar = {
        "1240": FailureClass.DESTINATION,
        "1340": FailureClass.DESTINATION,
        "1120": FailureClass.CONFIGURATION,
        "low-balance": FailureClass.CONFIGURATION,
        "unauthorized": FailureClass.CONFIGURATION,
        "1360": FailureClass.OTHER,
        "1999": FailureClass.OTHER,
        "not-found": FailureClass.OTHER,
        "http_307": FailureClass.OTHER,
        "http_403": FailureClass.CONFIGURATION,
        "http_404": FailureClass.OTHER,
    }
    throttles: ClassVar = {"1000": 7, "throttled": None, "1030": None, "1100": None, "1331": None, "1460": None}
    other_losses: ClassVar[Mapping[str, Reply]] = {
        "a message that was already sent": complain("1320"),
        "a message that was sent in part": complain("1490"),
        "an error of its own without a code": problem(HTTPStatus.INTERNAL_SERVER_ERROR, "api-errors"),
    }
    losses = (*HTTP_LOSSES, *other_losses)
    unknown_credentials = ({"applicationId": "00000000-8888-4777-8666-555555555555"}, "unauthorized")
    check_credentials: ClassVar = {"apiSecret": API_SECRET}
    invalid_credentials: ClassVar = {
        "unauthorized": {"apiSecret": "another_secret"},
        "not-found": {"applicationId": "00000000-8888-4777-8666-555555555555"},
        "privateKey": {"privateKey": ANOTHER_KEY},
    }
    status_map: ClassVar = {
        "submitted": Milestone.SENT,
        "delivered": Milestone.DELIVERED,
        "rejected": Milestone.FAILED,
        "undeliverable": Milestone.FAILED,
        "read": Milestone.READ,
    }
    unknown_statuses = ("teleported", "Accepted")
    forgeries: ClassVar = {
        "unsigned": without("authorization"),
        "another body": with_another_body,
        "received a day later": received_at(timedelta(hours=24, seconds=1)),
        "received before it was signed": received_at(-timedelta(minutes=5, seconds=1)),
        "another account": claiming(api_key="zzzz9999"),
        "another issuer": claiming(iss="Iris"),
        "an expired token": claiming(exp=int(NOW.timestamp())),
        "a token without an id": claiming(jti=None),
        "a token without the body's hash": claiming(payload_hash=None),
    }
    secretless: ClassVar[Mapping[str, JsonValue] | None] = {"signatureSecret": ""}
    bad_configurations: ClassVar = {
        "sender": {"sender": "+34911000000"},
        "baseUrl": {"baseUrl": "http://user:secret@127.0.0.1"},
        "ttl": {"ttl": 604_801},
        "messengerCategory": {"messengerCategory": "urgent"},
        "messengerTag": {"messengerCategory": "message_tag"},
        "colour": {"colour": "red"},
    }
    bad_credentials: ClassVar = {
        "apiKey": {"apiKey": "two status_map"},
        "apiSecret": {"applicationId": None, "privateKey": None},
        "applicationId": {"applicationId": "an application"},
        "applicationId and privateKey": {"privateKey": None},
        "privateKey": {"privateKey": "-----BEGIN PRIVATE KEY-----"},
        "signatureSecret": {"signatureSecret": None},
    }

    def configuration(self) -> Settings:
        return {"sender": self.sender, "baseUrl": self.address}

    def credentials(self) -> Settings:
        return {
            "apiKey": API_KEY,
            "applicationId": APPLICATION,
            "privateKey": PRIVATE_KEY,
            "signatureSecret": SIGNATURE_SECRET,
        }

    def secrets(self) -> Sequence[str]:
        return (PRIVATE_KEY, PRIVATE_KEY.splitlines()[1], API_SECRET, SIGNATURE_SECRET)

    async def take(self, request: HttpRequest) -> bytes:
        if request.method == "GET":
            return self._applications(urlsplit(request.target), request.headers.get("authorization", ""))
        if (request.method, request.target) != ("POST", "/v1/messages"):
            return complain("not-found")
        if not self._knows(request.headers.get("authorization", "")):
            return complain("unauthorized")
        if request.headers.get("content-type") != "application/json":
            return complain("invalid-json")
        message: dict[str, Any] = json.loads(request.body)
        if (message["channel"], message["from"]) != (self.wire_channel, self.sender):
            return complain("1420")
        message_uuid = f"aaaaaaaa-bbbb-4ccc-8ddd-{len(self.deliveries):012x}"
        self.deliveries.append(
            Delivery(
                destinations=(message["to"],),
                text=message.get("text", ""),
                reference=message["client_ref"],
                provider_message_id=message_uuid,
                callback_url=message["webhook_url"],
            )
        )
        return json_answer(HTTPStatus.ACCEPTED, {"message_uuid": message_uuid})

    def _applications(self, target: SplitResult, authorization: str) -> bytes:
        """The Application API, which accepts only the account's secret."""
        if not (authorization.startswith("Basic ") and self._knows(authorization)):
            return complain("unauthorized")
        if target.path == "/v2/applications":
            return json_answer(HTTPStatus.OK, {"page": 1, "page_size": 1, "total_items": 1, "total_pages": 1})
        if target.path != f"/v2/applications/{APPLICATION}":
            return complain("not-found")
        public = PUBLIC_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return json_answer(HTTPStatus.OK, {"id": APPLICATION, "name": "Iris", "keys": {"public_key": public}})

    def _knows(self, authorization: str) -> bool:
        scheme, _, proof = authorization.partition(" ")
        if scheme == "Basic":
            return base64.b64decode(proof).decode() == f"{API_KEY}:{API_SECRET}"
        claims = jwt.decode(proof, PUBLIC_KEY, algorithms=["RS256"], options={"require": ["iat", "exp", "jti"]})
        return claims["application_id"] == APPLICATION

    def error_body(self, code: str) -> bytes:
        wait = self.throttles.get(code)
        return complain(code) if wait is None else complain(code, retry_after=str(wait))

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        status: dict[str, JsonValue] = {
            "message_uuid": delivery.provider_message_id,
            "to": delivery.destinations[0],
            "from": self.sender,
            "timestamp": "2026-07-21T10:29:58.123Z",
            "status": word,
            "channel": self.wire_channel,
            "client_ref": delivery.reference,
        }
        if word in {"rejected", "undeliverable"}:
            status["error"] = {
                "type": "https://developer.vonage.com/api-errors/messages#1240",
                "title": "1240",
                "detail": "Illegal Number",
                "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
            }
        body = json.dumps(status, separators=(",", ":")).encode()
        return self.sign(
            Webhook(delivery.callback_url, {"content-type": "application/json"}, body, NOW), SIGNATURE_SECRET
        )

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        return signed(webhook, secret)


class VonageSms(VonageMessages):
    """SMS, which has no read receipts."""

    channel = Channel.SMS
    wire_channel = "sms"
    sender = "ObraMat"
    payload = parse_payload(channel, {"Type": "simple-text", "Text": "¿Cómo está? Son 3 € & 50 % + IVA"})
    status_map: ClassVar = {word: means for word, means in VonageMessages.status_map.items() if word != "read"}


class VonageWhatsApp(VonageMessages):
    """WhatsApp."""

    channel = Channel.WHATSAPP
    wire_channel = "whatsapp"
    sender = "15005550006"
    payload = parse_payload(channel, {"Type": "simple-text", "Text": "*Su pedido* está listo"})


class VonageMessenger(VonageMessages):
    """Facebook Messenger, whose users have ids of the page."""

    channel = Channel.MESSENGER
    wire_channel = "messenger"
    sender = "106540352242922"
    destinations = ("7123456789012345",)
    payload = parse_payload(channel, {"Type": "simple-text", "Text": "Su pedido está listo"})


class VonageRcs(VonageMessages):
    """RCS."""

    channel = Channel.RCS
    wire_channel = "rcs"
    sender = "ObraMat"
    payload = parse_payload(channel, {"Type": "text-message-rcs", "Text": "¿Viene?", "Suggestions": [{"Title": "Sí"}]})


FAKE_PROVIDERS: Final[Sequence[type[FakeProvider]]] = (VonageSms, VonageWhatsApp, VonageMessenger, VonageRcs)
