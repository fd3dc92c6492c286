"""Attachments: limited uploads, stored unchanged, visible to their tenant only, and deleted when unused."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt
import pytest
from gridfs import AsyncGridFSBucket

from domain.clock import utc_now
from models.attachment import Attachment
from security.signed_urls import FileUrls
from tests.api.support import ABSENT_ID, mobile, reasons
from tests.iris import Iris
from tests.plain_http import plain_client

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 3_000
"""A file of more than two chunks."""
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100


async def upload(
    http: httpx2.AsyncClient,
    content: object = PDF,
    name: str = "factura.pdf",
    media_type: str = "application/pdf",
    **headers: str,
) -> httpx2.Response:
    return await http.post(
        "/v1/attachments",
        params={"fileName": name},
        content=content,  # pyright: ignore[reportArgumentType] - bytes, or an iterator of them
        headers={"Content-Type": media_type, **headers},
    )


async def uploaded(http: httpx2.AsyncClient, content: bytes = PDF, **said: str) -> dict[str, Any]:
    response = await upload(http, content, **said)
    assert response.status_code == 201, response.text
    return response.json()["payload"]


async def chunks_left(attachment_id: str) -> int:
    return (
        await Attachment.collection()
        .database["attachment_contents.chunks"]
        .count_documents({"files_id": attachment_id})
    )


async def test_a_file_is_stored_as_it_was_uploaded(iris: Iris) -> None:
    attachment = await uploaded(iris.http, name="../factura ñ.pdf")
    assert attachment["fileName"] == "factura ñ.pdf"
    assert (attachment["mediaType"], attachment["size"]) == ("application/pdf", len(PDF))
    assert attachment["sha256"] == hashlib.sha256(PDF).hexdigest()
    read = await iris.http.get(f"/v1/attachments/{attachment['id']}")
    assert read.json()["payload"] == attachment
    content = await iris.http.get(f"/v1/attachments/{attachment['id']}/content")
    assert content.content == PDF
    assert content.headers["Content-Type"] == "application/pdf"
    assert content.headers["Content-Disposition"] == "attachment; filename*=UTF-8''factura%20%C3%B1.pdf"
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    assert content.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("content", "media_type", "status", "problem"),
    [
        (b"", "application/pdf", 422, ("", "empty")),
        (b"<script>", "text/html", 415, ("Content-Type", "media_type_not_allowed")),
        (b"<script>", "application/pdf", 415, ("Content-Type", "media_type_mismatch")),
        (PNG, "image/jpeg", 415, ("Content-Type", "media_type_mismatch")),
    ],
)
async def test_a_file_of_another_type_is_refused_and_leaves_nothing(
    iris: Iris, content: bytes, media_type: str, status: int, problem: tuple[str, str]
) -> None:
    before = await Attachment.find({}).count()
    response = await upload(iris.http, content, media_type=media_type)
    assert reasons(response, status) == [problem]
    assert await Attachment.find({}).count() == before


async def test_a_file_that_is_too_large_is_refused_by_what_it_says_and_by_what_comes(iris: Iris) -> None:
    limit = iris.settings.max_attachment_bytes
    before = await AsyncGridFSBucket(Attachment.collection().database, "attachment_contents").find({}).to_list()

    async def endless() -> AsyncIterator[bytes]:
        yield PDF
        for _ in range(limit // 1_048_576 + 1):
            yield b"\x00" * 1_048_576

    for response in (
        await upload(iris.http, endless()),
        await upload(iris.http, b"%PDF-" + b"0" * limit),
    ):
        assert reasons(response, 413) == [("", "body_too_large")]
    after = await AsyncGridFSBucket(Attachment.collection().database, "attachment_contents").find({}).to_list()
    assert len(after) == len(before)
    assert await Attachment.find({"size": None}).to_list() == []


async def test_a_file_needs_a_name(iris: Iris) -> None:
    response = await iris.http.post("/v1/attachments", content=PDF, headers={"Content-Type": "application/pdf"})
    assert reasons(response, 422) == [("fileName", "missing")]


async def test_an_upload_repeated_under_its_key_is_one_attachment(iris: Iris) -> None:
    key = {"Idempotency-Key": f"upload-{mobile()}"}
    first, *others = await asyncio.gather(*(upload(iris.http, **key) for _ in range(4)))
    assert {response.json()["payload"]["id"] for response in others} == {first.json()["payload"]["id"]}
    assert await chunks_left(first.json()["payload"]["id"]) > 0
    other = await upload(iris.http, PNG, media_type="image/png", **key)
    assert reasons(other, 422) == [("Idempotency-Key", "idempotency_key_reused")]


async def test_the_audit_log_says_who_uploaded_and_deleted_it_once_each(iris: Iris) -> None:
    key = {"Idempotency-Key": f"upload-{mobile()}"}
    attachment = (await upload(iris.http, **key)).json()["payload"]
    await upload(iris.http, **key)
    await iris.http.get(f"/v1/attachments/{attachment['id']}/content")
    await iris.http.delete(f"/v1/attachments/{attachment['id']}")
    entries = (await iris.http.get("/v1/audit-log", params={"thingId": attachment["id"]})).json()["payload"]["items"]
    assert [(one["operation"], one["fields"]) for one in entries] == [
        ("attachment.deleted", []),
        ("attachment.created", ["fileName", "mediaType"]),
    ]


async def test_attachments_are_listed_newest_first_in_pages(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    ours = [(await uploaded(iris.http, PNG, name=f"{number}.png", media_type="image/png"))["id"] for number in range(3)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while len(seen) < 3:
        response = await iris.http.get("/v1/attachments", params={"limit": "2", **cursor})
        payload = response.json()["payload"]
        seen += [item["id"] for item in payload["items"]]
        cursor = {"cursor": payload["nextCursor"]}
    assert seen[:3] == ours[::-1]
    theirs = await stranger.get("/v1/attachments", params={"limit": "200"})
    assert not {item["id"] for item in theirs.json()["payload"]["items"]} & set(ours)


async def test_a_deleted_attachment_is_gone_with_its_content(iris: Iris) -> None:
    attachment = await uploaded(iris.http)
    path = f"/v1/attachments/{attachment['id']}"
    assert (await iris.http.delete(path)).status_code == 200
    for response in (
        await iris.http.get(path),
        await iris.http.get(f"{path}/content"),
        await iris.http.delete(path),
        await iris.http.get(urlsplit(iris.settings.file_urls().url(attachment["id"])).path),
    ):
        assert response.status_code == 404
    assert await chunks_left(attachment["id"]) == 0


async def test_another_tenants_attachment_does_not_exist(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    ours = (await uploaded(iris.http))["id"]
    for method, path in (
        ("GET", f"/v1/attachments/{ours}"),
        ("GET", f"/v1/attachments/{ours}/content"),
        ("DELETE", f"/v1/attachments/{ours}"),
        ("GET", f"/v1/attachments/{ABSENT_ID}"),
    ):
        assert reasons(await stranger.request(method, path), 404) == [("id", "not_found")]
    assert (await iris.http.get(f"/v1/attachments/{ours}")).status_code == 200


async def test_unused_files_and_broken_uploads_are_removed(iris: Iris) -> None:
    forgotten, taken = (await uploaded(iris.http))["id"], (await uploaded(iris.http))["id"]
    await Attachment.mark_used(iris.demo.tenant, [taken])
    longer_ago = utc_now() - timedelta(hours=1)
    await Attachment.collection().update_one({"_id": forgotten}, {"$set": {"expires": longer_ago}})
    broken = Attachment(
        tenant=iris.demo.tenant, author_id="a", file_name="b", media_type="image/png", expires=longer_ago
    )
    await broken.insert()
    assert (await iris.http.get(f"/v1/attachments/{forgotten}")).status_code == 404
    await uploaded(iris.http)
    assert await Attachment.find({"_id": {"$in": [forgotten, broken.id]}}).to_list() == []
    assert await chunks_left(forgotten) == 0
    assert await chunks_left(taken) > 0


async def test_a_link_is_followed_without_a_key_while_it_is_valid(iris: Iris) -> None:
    attachment = await uploaded(iris.http)
    link = iris.settings.file_urls().url(attachment["id"])
    async with plain_client() as nobody:
        response = await nobody.get(link)
    assert (response.status_code, response.content) == (200, PDF)
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_link_that_is_expired_or_tampered_with_or_not_ours_leads_nowhere(iris: Iris) -> None:
    attachment = await uploaded(iris.http)
    links = iris.settings.file_urls()
    expired = FileUrls(links.secret, links.public_url, timedelta(seconds=-1)).url(attachment["id"])
    assert reasons(await iris.http.get(urlsplit(expired).path), 410) == [("token", "link_expired")]
    head, claims, signature = links.url(attachment["id"]).split(".")[-3:]
    strange = FileUrls("another secret of thirty-two characters", links.public_url, timedelta(days=1))
    login = jwt.encode({"sub": attachment["id"], "aud": "iris", "exp": utc_now() + timedelta(1)}, links.secret)
    for token in (
        f"{head.rpartition('/')[2]}.{claims}.{signature[::-1]}",
        strange.url(attachment["id"]).rpartition("/")[2],
        links.url(ABSENT_ID).rpartition("/")[2],
        jwt.encode(
            {"sub": attachment["id"], "aud": "iris-file", "exp": utc_now() + timedelta(1)}, "", algorithm="none"
        ),
        login,
        "nope",
    ):
        assert reasons(await iris.http.get(f"/files/{token}"), 404) == [("token", "not_found")]


async def test_a_links_token_logs_nobody_in(iris: Iris) -> None:
    token = iris.settings.file_urls().url((await uploaded(iris.http))["id"]).rpartition("/")[2]
    response = await iris.http.get("/v1/attachments", headers={"Authorization": f"Bearer {token}"})
    assert reasons(response, 401) == [("Authorization", "unauthenticated")]


async def test_a_send_says_what_is_wrong_with_its_attachments(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    pdf, theirs = (await uploaded(iris.http))["id"], (await uploaded(stranger))["id"]
    media = {"Type": "media", "MediaType": "image"}
    for channel, to, payload, ids, expected in (
        ("email", "ana@example.com", None, [ABSENT_ID, theirs], [0, 1]),
        ("sms", mobile(), None, [pdf], ("attachmentsId", "too_many_attachments")),
        ("email", "ana@example.com", None, [pdf, pdf], ("attachmentsId[1]", "attachment_repeated")),
        ("whatsapp", mobile(), media, [pdf], ("attachmentsId[0]", "wrong_media_type")),
        ("whatsapp", mobile(), media, [], ("payLoad.Url", "missing")),
        (
            "whatsapp",
            mobile(),
            {**media, "Url": "https://x.es/a.png"},
            [pdf],
            ("attachmentsId", "too_many_attachments"),
        ),
    ):
        changes = {"attachmentsId": ids} | ({"payLoad": payload} if payload else {})
        response = await iris.post(iris.request(channel, to, **changes))
        if isinstance(expected, list):
            wanted = [(f"attachmentsId[{position}]", "attachment_not_found") for position in expected]
            assert reasons(response, 404) == wanted
        else:
            assert reasons(response, 422) == [expected]
        assert response.json()["payload"]["attachmentsId"] == ids
