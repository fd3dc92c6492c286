"""Routes for attachments: files that are uploaded first and then sent with interactions by id."""

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import JsonValue

from api.auth.access import allowed
from api.http.envelope import Envelope, success
from api.http.idempotency import IdempotencyKey, check_same, id_by_key
from api.http.lookup import or_404
from api.http.openapi import refusals
from api.http.pagination import AskedPage, page
from api.http.request_body import BodyTimeout, stream_bytes
from api.schemas.attachments import AttachmentAnswer, UploadQuery
from api.schemas.common import Page
from api.state import State
from domain.access import Caller, Operation
from domain.errors import InvalidRequestError
from domain.files import SNIFFED, UNKNOWN, is_of_type, safe_file_name
from domain.problems import Problem
from models.attachment import Attachment, there
from models.audit import write_audit
from queries.cursor import Cursor
from security.signed_urls import ExpiredUrlError
from settings import Settings

router = APIRouter(tags=["attachments"])

UPLOAD_TIMEOUT: Final = BodyTimeout(300.0)
"""Time limit of an upload; less than `models.attachment.MAX_UPLOAD_DURATION`."""

_BINARY: Final[dict[str, JsonValue]] = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/v1/attachments",
    summary="Upload a file",
    status_code=HTTPStatus.CREATED,
    response_model=Envelope[AttachmentAnswer],
    responses=refusals(400, 408, 413, 415, 422),
    openapi_extra={"requestBody": {"required": True, "content": {UNKNOWN: _BINARY}}},
)
async def upload_attachment(
    request: Request,
    caller: Annotated[Caller, allowed(Operation.ATTACHMENTS_WRITE)],
    state: State,
    described: Annotated[UploadQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Upload one file: the body is its content, `mediaType` or else `Content-Type` its type, `fileName` its name.

    Name its `id` in the `attachmentsId` of a send. If no interaction takes it within a week (as `expires` says), it is
    removed.
    """
    attachment = Attachment(
        tenant=caller.tenant,
        author_id=caller.account_id,
        file_name=safe_file_name(described.file_name),
        media_type=_media_type(described.media_type or request.headers.get("content-type", ""), state.settings),
    )
    key = None if idempotency_key is None else id_by_key("attachment", caller, idempotency_key)
    with state.uploads.acquire(caller.tenant):
        chunks = stream_bytes(request, state.settings.max_attachment_bytes, UPLOAD_TIMEOUT)
        checked = _checked(chunks, attachment.media_type)
        stored = await attachment.upload(checked, state.settings.orphaned_attachment_ttl, key)
    if stored.id != attachment.id:
        check_same(_likeness(stored), _likeness(attachment))
    else:
        await write_audit(caller, "attachment.created", stored.id, ["fileName", "mediaType"])
    return success(AttachmentAnswer.of(stored).on_the_wire(), "Adjunto guardado", HTTPStatus.CREATED)


@router.get(
    "/v1/attachments",
    summary="List attachments",
    response_model=Envelope[Page[AttachmentAnswer]],
    responses=refusals(422),
)
async def list_attachments(
    caller: Annotated[Caller, allowed(Operation.ATTACHMENTS_READ)], asked: AskedPage
) -> JSONResponse:
    """The tenant's attachments, newest first."""
    after = [asked.after.after("created")] if asked.after else []
    found = Attachment.find({"$and": [there(caller.tenant), *after]}).sort("-created", "-_id").limit(asked.limit + 1)
    payload = page(
        await found.to_list(),
        asked,
        lambda attachment: AttachmentAnswer.of(attachment).on_the_wire(),
        lambda attachment: Cursor(attachment.created, attachment.id),
    )
    return success(payload, "Adjuntos encontrados")


@router.get(
    "/v1/attachments/{attachment_id}",
    summary="Read an attachment's metadata",
    response_model=Envelope[AttachmentAnswer],
    responses=refusals(404),
)
async def read_attachment(
    attachment_id: str, caller: Annotated[Caller, allowed(Operation.ATTACHMENTS_READ)]
) -> JSONResponse:
    """All that is known of it but its content."""
    attachment = await _find(caller.tenant, attachment_id)
    return success(AttachmentAnswer.of(attachment).on_the_wire(), "Adjunto encontrado")


@router.get(
    "/v1/attachments/{attachment_id}/content",
    summary="Download an attachment",
    response_class=StreamingResponse,
    responses={**refusals(404), 200: {"content": {UNKNOWN: _BINARY}, "description": "The content."}},
)
async def download_attachment(
    attachment_id: str, caller: Annotated[Caller, allowed(Operation.ATTACHMENTS_READ)]
) -> StreamingResponse:
    """The content, as it was uploaded."""
    return _download(await _find(caller.tenant, attachment_id))


@router.delete(
    "/v1/attachments/{attachment_id}",
    summary="Delete an attachment",
    response_model=Envelope,
    responses=refusals(404),
)
async def delete_attachment(
    attachment_id: str, caller: Annotated[Caller, allowed(Operation.ATTACHMENTS_WRITE)]
) -> JSONResponse:
    """Remove it for good. An interaction that was to take it along and is not sent yet will not be sent."""
    attachment = await _find(caller.tenant, attachment_id)
    await attachment.remove()
    await write_audit(caller, "attachment.deleted", attachment_id)
    return success(None, "Adjunto eliminado")


@router.get(
    "/files/{token}",
    summary="Download a file by its signed URL",
    response_class=StreamingResponse,
    responses={
        200: {"content": {UNKNOWN: _BINARY}, "description": "The content."},
        **refusals(404, 410),
    },
)
async def follow_link(token: str, state: State) -> StreamingResponse:
    """The file that a signed link is about, while it is valid (`IRIS_FILE_URL_TTL`)."""
    try:
        attachment_id = or_404(state.file_urls.attachment_id(token), "token")
    except ExpiredUrlError as error:
        raise InvalidRequestError([Problem(field="token", code="link_expired")]) from error
    attachment = or_404(await Attachment.find_one({"_id": attachment_id, "size": {"$ne": None}}), "token")
    return _download(attachment)


async def _find(tenant: str, attachment_id: str) -> Attachment:
    return or_404((await Attachment.of_tenant(tenant, [attachment_id])).get(attachment_id))


def _media_type(said: str, settings: Settings) -> str:
    media_type = said.partition(";")[0].strip().lower() or UNKNOWN
    if media_type not in settings.attachment_types:
        allowed_types: dict[str, str | int] = {"allowed": ", ".join(settings.attachment_types)}
        raise InvalidRequestError([Problem(field="Content-Type", code="media_type_not_allowed", details=allowed_types)])
    return media_type


async def _checked(chunks: AsyncGenerator[bytes], media_type: str) -> AsyncGenerator[bytes]:
    """The content unchanged, after a check that its first bytes match the declared media type.

    Raises:
        InvalidRequestError: if they do not match, or the content is empty.
    """
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= SNIFFED:
            break
    if not head:
        raise InvalidRequestError([Problem(field="", code="empty")])
    if not is_of_type(head, media_type):
        details: dict[str, str | int] = {"media_type": media_type}
        raise InvalidRequestError([Problem(field="Content-Type", code="media_type_mismatch", details=details)])
    yield head
    async for chunk in chunks:
        yield chunk


def _likeness(attachment: Attachment) -> str:
    return f"{attachment.sha256} {attachment.media_type} {attachment.file_name}"


def _download(attachment: Attachment) -> StreamingResponse:
    """The file as a download: browsers save it under its name, and never display or run it."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(attachment.file_name, safe='')}",
        "Content-Length": str(attachment.size),
    }
    return StreamingResponse(attachment.contents(), media_type=attachment.media_type, headers=headers)
