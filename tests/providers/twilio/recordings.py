"""Twilio's recorded bodies, composed from the fields that it documents, and a provider that parses them."""

from pathlib import Path
from typing import Final

import httpx2
from pydantic import JsonValue

from providers.base import Webhook
from providers.twilio import Twilio
from providers.twilio.messages import with_reference
from tests.providers.fake_provider import NOW, REFERENCE
from tests.providers.fake_providers.twilio import ACCOUNT, FORM, SENDER, TOKEN

HERE: Final = Path(__file__).parents[1]
MESSAGE_ID: Final = "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
SERVICE: Final = "MGcccccccccccccccccccccccccccccccc"
WEBHOOK_URL: Final = "https://iris.example/webhooks/twilio/685bc5d05a72ed2a5f8d0e42"
CREDENTIALS: Final[dict[str, JsonValue]] = {"accountSid": ACCOUNT, "authToken": TOKEN}
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())


def recorded(name: str) -> bytes:
    return (HERE / "recorded" / "twilio" / name).read_bytes()


def reader() -> Twilio:
    """Provider that only parses webhooks."""
    return Twilio.open({"sender": SENDER}, CREDENTIALS, NO_NETWORK)


def webhook(body: bytes, url: str = WEBHOOK_URL) -> Webhook:
    return Webhook(url, {"content-type": FORM}, body, NOW)


def status_callback(name: str) -> Webhook:
    return webhook(recorded(name), with_reference(WEBHOOK_URL, REFERENCE))
