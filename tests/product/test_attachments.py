"""Attachments of messages: parts of a mail at a real mail server, and links that a provider follows."""

import email
import email.policy
import json
from email.message import EmailMessage
from typing import Any, cast
from urllib.parse import unquote

import pytest

from domain.channels import Channel
from domain.identifiers import new_id
from models.attachment import Attachment
from models.integration import Integration
from security.credential_encryption import Vault
from tests.iris import Iris
from tests.plain_http import plain_client
from tests.product.fake_providers import VENDORS, label
from tests.product.provider_lines import Line
from tests.providers.loopback import HttpFakeProvider
from tests.providers.smtp.servers import LOOPBACK, Mailroom, mail_server

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 3_000
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100

MEDIA: dict[str, Any] = {"Type": "media", "MediaType": "image", "Caption": "10:00"}


async def upload(iris: Iris, content: bytes, name: str, media_type: str) -> str:
    response = await iris.http.post(
        "/v1/attachments", params={"fileName": name}, content=content, headers={"Content-Type": media_type}
    )
    assert response.status_code == 201, response.text
    return response.json()["payload"]["id"]


async def mail_integration(iris: Iris, port: int) -> str:
    integration = Integration(
        tenant=iris.demo.tenant,
        name=f"Mail-{new_id()}",
        channel=Channel.EMAIL,
        provider="smtp",
        configuration={"host": LOOPBACK, "port": port, "security": "none", "sender": "Iris <iris@example.com>"},
        credentials=Vault(iris.settings.vault_keys()).encrypt({}),
    )
    await integration.insert()
    return integration.id


async def test_a_mail_server_gets_the_files_as_parts_of_the_mail(iris: Iris) -> None:
    pdf = await upload(iris, PDF, "factura ñ.pdf", "application/pdf")
    png = await upload(iris, PNG, "plano.png", "image/png")
    room = Mailroom()
    async with mail_server(room) as port:
        changes = {"integrationId": await mail_integration(iris, port), "attachmentsId": [pdf, png]}
        answered = await iris.send("email", "ana@example.com", **changes)
        seen = await iris.until_status(answered["id"], "SENT")
    assert answered["attachmentsId"] == seen["attachmentsId"] == [pdf, png]
    assert answered["payload"] == {"Type": "email", "Subject": "Su cita", "Body": "Mañana a las 10:00"}
    (received,) = room.received
    message = email.message_from_bytes(received.content, EmailMessage, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    parts = [(part.get_filename(), part.get_content_type(), part.get_content()) for part in message.iter_attachments()]
    assert parts == [("factura ñ.pdf", "application/pdf", PDF), ("plano.png", "image/png", PNG)]
    kept = await Attachment.of_tenant(iris.demo.tenant, [pdf, png])
    assert {attachment.expires for attachment in kept.values()} == {None}


async def test_a_mail_whose_file_is_deleted_before_it_is_sent_is_rejected(iris: Iris) -> None:
    pdf = await upload(iris, PDF, "factura.pdf", "application/pdf")
    room = Mailroom(data_reply="451 4.3.2 later")
    async with mail_server(room) as port:
        changes = {"integrationId": await mail_integration(iris, port), "attachmentsId": [pdf]}
        answered = await iris.send("email", "ana@example.com", **changes)
        await iris.until(answered["id"], lambda _: room.not_taken > 0)
        await (await Attachment.of_tenant(iris.demo.tenant, [pdf]))[pdf].remove()
        room.data_reply = "250 2.0.0 queued"
        seen = await iris.until(answered["id"], lambda seen: seen["status"] != "DISPATCH_PENDING")
    assert room.received == []
    assert (seen["status"], seen["customStatus"]) == ("PROVIDER_SENDING_ERROR", "rejected")
    assert "attachment_not_found" in seen["auditTrail"]["history"][-1]["notes"]


@pytest.mark.parametrize(
    "line",
    [vendor for vendor in VENDORS if vendor.channel is Channel.WHATSAPP],
    ids=label,
    indirect=True,
)
async def test_a_provider_gets_a_link_by_which_it_fetches_the_file(line: Line) -> None:
    png = await upload(line.iris, PNG, "plano.png", "image/png")
    answered = await line.iris.send(
        "whatsapp", line.somebody(), integrationId=line.integration_id, payLoad=MEDIA, attachmentsId=[png]
    )
    assert answered["payload"] == MEDIA
    assert json.loads(answered["summary"]) == {"subject": "", "body": "10:00", "generic": "image"}
    fake_provider = cast("HttpFakeProvider", line.fake_provider)
    # Not every fake provider accepts payloads other than text; all are tried.
    prefix = f"{line.iris.settings.public_url}/files/"
    await line.iris.until(answered["id"], lambda _: any(prefix in unquote(body) for body in bodies(fake_provider)))
    body = bodies(fake_provider)[-1]
    link = _link_in(body, prefix)
    async with plain_client() as provider:
        response = await provider.get(link)
    assert (response.status_code, response.content, response.headers["Content-Type"]) == (200, PNG, "image/png")


def bodies(fake_provider: HttpFakeProvider) -> list[str]:
    return [request.body.decode() for request in fake_provider.requests]


def _link_in(body: str, prefix: str) -> str:
    plain = unquote(body)
    assert prefix in plain, body
    token = plain.partition(prefix)[2]
    end = next(
        position for position, character in enumerate(token + '"') if not (character.isalnum() or character in "._-")
    )
    return prefix + token[:end]
