"""Recorded bodies of Sinch, and helpers to parse its webhooks."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
from pydantic import JsonValue

from domain.events import WebhookItem
from providers.base import Webhook
from providers.sinch import Sinch
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.sinch import SinchRcs

RECORDED: Final = Path(__file__).parents[1] / "recorded" / "sinch"
MESSAGE_ID: Final = "01J0000000000000000000MSG1"
PERSON: Final = "34638766068"
RECEIVED_AT: Final = datetime(2026, 7, 21, 10, 30, 1, 456_000, tzinfo=UTC)
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())

_fake_provider = SinchRcs()
READER: Final = Sinch.open(_fake_provider.configuration(), _fake_provider.credentials(), NO_NETWORK)


def recorded(name: str) -> Any:  # noqa: ANN401 - whatever JSON was recorded
    return json.loads((RECORDED / f"{name}.json").read_bytes())


def read(content: object) -> tuple[WebhookItem, ...]:
    return tuple(READER.parse(Webhook("https://iris.example/", {}, json.dumps(content).encode(), NOW)))


def inbound(contact_message: JsonValue, channel: str = "WHATSAPP", **more: JsonValue) -> dict[str, JsonValue]:
    """Webhook of an end user's message."""
    message: dict[str, JsonValue] = {
        "id": "01J0000000000000000000IN01",
        "direction": "TO_APP",
        "contact_message": contact_message,
        "channel_identity": {"channel": channel, "identity": PERSON, "app_id": ""},
        "conversation_id": "01J0000000000000000000CNV1",
        "contact_id": "01J0000000000000000000CON1",
        "metadata": "",
        "accept_time": "2026-07-21T10:30:00.123Z",
        "sender_id": "",
        "processing_mode": "CONVERSATION",
    }
    return {"app_id": "01J", "event_time": "2026-07-21T10:30:01.456Z", "message": message | more}
