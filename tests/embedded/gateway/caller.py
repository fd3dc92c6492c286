"""Callers of the gateway in tests."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Final

import httpx2

from domain.channels import Channel
from embedded.gateway import GatewaySettings, create_gateway, running
from embedded.gateway.recipients import recipients_of
from tests.embedded.gateway.receiver import Receiver

TOKEN: Final = "the-token"
SECRET: Final = "the-signing-secret"
OTHER_TOKEN: Final = "the-other-token"
ACCOUNTS: Final = [
    {"token": TOKEN, "signing_secret": SECRET},
    {"token": OTHER_TOKEN, "signing_secret": "the-other-signing-secret"},
]
NOBODY: Final = "http://127.0.0.1:1/callbacks"
"""A URL without a receiver of callbacks."""


def settings(**changes: object) -> GatewaySettings:
    """Settings of a gateway without delays for tests."""
    fast = {
        "accounts": ACCOUNTS,
        "callback_delay": timedelta(milliseconds=20),
        "slow_response_delay": timedelta(milliseconds=300),
        "first_retry_delay": timedelta(milliseconds=10),
    }
    return GatewaySettings.model_validate({**fast, **changes})


def every_spelling(code: str) -> list[tuple[Channel, str]]:
    phone, email, page_scoped_id = recipients_of(code)
    return [(Channel.RCS, phone), (Channel.EMAIL, email), (Channel.MESSENGER, page_scoped_id)]


def error_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


class Caller:
    """Sends through a gateway and queries it."""

    def __init__(self, http: httpx2.AsyncClient, url: str, callback_url: str, token: str = TOKEN) -> None:
        self._http = http
        self._url = url
        self._callback_url = callback_url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def post(self, reference: str, to: str = "34638766068", **changes: object) -> httpx2.Response:
        return await self.post_changed({"reference": reference, "to": [to], **changes})

    async def post_changed(self, changes: Mapping[str, object]) -> httpx2.Response:
        message = {
            "reference": "a-reference",
            "channel": "WhatsApp",
            "to": ["34638766068"],
            "payload": {"Type": "simple-text", "Text": "hola"},
            "callbackUrl": self._callback_url,
        }
        return await self.post_raw(json.dumps({**message, **changes}).encode())

    async def post_raw(self, body: bytes) -> httpx2.Response:
        return await self._http.post(f"{self._url}/v1/messages", content=body, headers=self._headers)

    async def write(self, message_id: str, **changes: object) -> httpx2.Response:
        """Write as an end user."""
        message = {
            "id": message_id,
            "channel": "WhatsApp",
            "from": "+34 638 766 068",
            "payload": {"Type": "simple-text", "Text": "hola"},
            "callbackUrl": self._callback_url,
        }
        given = {name: value for name, value in (message | changes).items() if value is not None}
        return await self._http.post(f"{self._url}/v1/inbound", json=given, headers=self._headers)

    async def get(self, path: str, **query: str | int) -> dict[str, Any]:
        return (await self._http.get(self._url + path, params=query, headers=self._headers)).json()

    async def entry(self, reference: str) -> dict[str, Any]:
        return (await self.get("/v1/ledger", reference=reference))["entries"][0]

    async def message(self, reference: str) -> dict[str, Any]:
        return (await self.get("/v1/messages", reference=reference))["messages"][0]


class Desk:
    """Opens gateways with one receiver of callbacks, and their callers."""

    def __init__(self, stack: AsyncExitStack, http: httpx2.AsyncClient, receiver: Receiver) -> None:
        self._stack = stack
        self._http = http
        self._receiver = receiver

    async def open(self, gateway: GatewaySettings) -> Caller:
        return self.at(await self._stack.enter_async_context(running(create_gateway(gateway))))

    def at(self, url: str, token: str = TOKEN) -> Caller:
        return Caller(self._http, url, self._receiver.url, token)
