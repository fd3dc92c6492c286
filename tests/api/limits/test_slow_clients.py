"""Slow clients that hold connections open do not affect other tenants."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from api.http.request_body import BodyTimeout
from api.routes import provider_webhooks
from domain.channels import Channel
from domain.identifiers import new_id
from embedded.demo import Demo
from models.integration import Integration
from security.credential_encryption import Vault
from tests.api.support import mobile, post_webhook, sent_silently, signature
from tests.iris import Iris

ANYBODY: Final = ""
"""The API key of anonymous clients."""


@dataclass(frozen=True)
class SlowClients:
    """Connections that send the beginning of a request, and then nothing more.

    Attributes:
        begins: the start of the attacker's request: its head and a part of its body.
    """

    number: int
    begins: Callable[[Demo], bytes]


def _head(method: str, path: str, api_key: str, *fields: str) -> bytes:
    authorization = [f"Authorization: Bearer {api_key}"] if api_key else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: iris", *authorization, *fields, "", ""]).encode()


def _unsigned_webhook(demo: Demo) -> bytes:
    path = f"/webhooks/smtp/{demo.integrations['smtp']}"
    return _head("POST", path, ANYBODY, "Transfer-Encoding: chunked")


def _large_unsigned_webhook(demo: Demo) -> bytes:
    declared = "Content-Length: 26000000"
    return _head("POST", f"/webhooks/smtp/{demo.integrations['smtp']}", ANYBODY, declared) + b" " * 1_000_000


def _submission(demo: Demo) -> bytes:
    return _head("POST", "/v1/interactions", demo.api_key, "Content-Length: 200000") + b"{"


def _upload(demo: Demo) -> bytes:
    fields = ("Content-Type: text/plain", "Content-Length: 20000000")
    return _head("POST", "/v1/attachments?fileName=a.txt", demo.api_key, *fields) + b"a" * 10_000


def _stream(demo: Demo) -> bytes:
    return _head("GET", "/v1/events", demo.api_key)


ATTACKS: Final = (
    SlowClients(4, _unsigned_webhook),
    SlowClients(205, _submission),
    SlowClients(52, _upload),
    SlowClients(52, _stream),
    SlowClients(120, _large_unsigned_webhook),
)


@asynccontextmanager
async def attacking(iris: Iris, demo: Demo) -> AsyncGenerator[None]:
    """Run all `ATTACKS` within the block."""
    url = iris.http.base_url
    writers: list[asyncio.StreamWriter] = []
    try:
        for attack in ATTACKS:
            for _ in range(attack.number):
                _, writer = await asyncio.open_connection(url.host, url.port)
                writers.append(writer)
                writer.write(attack.begins(demo))
        # Data beyond the socket buffers is not sent, and need not be.
        await asyncio.wait([asyncio.ensure_future(writer.drain()) for writer in writers], timeout=2)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


@pytest.fixture
async def attacker(iris: Iris, other_tenant: Demo) -> Demo:
    """The second tenant, with an integration that accepts large webhooks."""
    integration = Integration(
        tenant=other_tenant.tenant,
        name=f"mail-{new_id()}",
        channel=Channel.EMAIL,
        provider="smtp",
        configuration={"host": "127.0.0.1", "port": 2525, "sender": "a@iris.example", "security": "none"},
        credentials=Vault(iris.settings.vault_keys()).encrypt({"bounceSecret": "0" * 32}),
    )
    await integration.insert()
    return Demo(
        tenant=other_tenant.tenant,
        api_key=other_tenant.api_key,
        integrations={**other_tenant.integrations, "smtp": integration.id},
    )


async def check_served(iris: Iris) -> None:
    """A tenant's sends, webhooks, uploads and streams work."""
    sent = [await sent_silently(iris) for _ in range(2)]
    admitted = await asyncio.gather(*(iris.post(iris.request("sms", mobile())) for _ in range(10)))
    assert [answer.status_code for answer in admitted] == [200] * 10
    for one, padding in zip(sent, (0, 1_000_000), strict=True):
        body = one.callback("delivered").body() + b" " * padding
        assert (await post_webhook(iris, one.integration_id, body, signature(body))).status_code == 200
    upload = await iris.http.post(
        "/v1/attachments?fileName=a.txt", content=b"a", headers={"Content-Type": "text/plain"}
    )
    assert upload.status_code == 201
    async with iris.http.stream("GET", "/v1/events") as stream:
        assert stream.status_code == 200
    assert (await iris.http.get("/health/ready")).status_code == 200


async def test_slow_clients_of_one_tenant_keep_no_other_from_its_work(iris: Iris, attacker: Demo) -> None:
    async with attacking(iris, attacker):
        await check_served(iris)


async def test_a_webhook_that_does_not_arrive_is_refused_before_long(
    iris: Iris, attacker: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_webhooks, "WEBHOOK_TIMEOUT", BodyTimeout(0.1))
    reader, writer = await asyncio.open_connection(iris.http.base_url.host, iris.http.base_url.port)
    writer.write(_unsigned_webhook(attacker))
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()
