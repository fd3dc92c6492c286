"""Uploaded files of a message: checked when it is admitted, given to its provider when it is sent."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from gridfs import NoFile

from domain.payloads import Email
from domain.payloads.base import MediaPayload
from domain.payloads.email import Attachment as MailedFile
from models.attachment import Attachment
from providers.base import Outbound
from security.signed_urls import FileUrls

_MAX_CONCURRENT_MAILS: Final = 4
"""Mails with files that a worker composes at once: each takes a multiple of its size in memory."""


class MissingAttachmentError(Exception):
    """An attachment that was deleted between admission and dispatch."""


@dataclass(frozen=True, slots=True)
class Files:
    """Adds uploaded files to messages: to mails as content, to other media as links that the provider follows.

    Attributes:
        links: creates the links.
    """

    links: FileUrls
    _mails: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MAX_CONCURRENT_MAILS), init=False)

    @asynccontextmanager
    async def added(self, outbound: Outbound, tenant: str, ids: Sequence[str]) -> AsyncGenerator[Outbound]:
        """Yield the message with its files, which are in memory until the end of the block.

        Raises:
            MissingAttachmentError: if a file was deleted.
        """
        payload = outbound.payload
        if not ids:
            yield outbound
        elif isinstance(payload, MediaPayload):
            (attachment,) = await _find(tenant, ids)
            linked = {"url": self.links.url(attachment.id), "file_name": payload.file_name or attachment.file_name}
            yield replace(outbound, payload=payload.model_copy(update=linked))
        elif isinstance(payload, Email):
            async with self._mails:
                files = [await _mailed(attachment) for attachment in await _find(tenant, ids)]
                yield replace(
                    outbound, payload=payload.model_copy(update={"attachments": [*payload.attachments, *files]})
                )
        else:
            raise MissingAttachmentError(f"{payload.type} takes no files")


async def _find(tenant: str, ids: Sequence[str]) -> list[Attachment]:
    found = await Attachment.of_tenant(tenant, ids)
    missing = [attachment_id for attachment_id in ids if attachment_id not in found]
    if missing:
        raise MissingAttachmentError(f"deleted: {', '.join(missing)}")
    return [found[attachment_id] for attachment_id in ids]


async def _mailed(attachment: Attachment) -> MailedFile:
    try:
        content = b"".join([chunk async for chunk in attachment.contents()])
    except NoFile as error:
        raise MissingAttachmentError(f"deleted: {attachment.id}") from error
    encoded = base64.b64encode(content).decode()
    return MailedFile.model_construct(file_name=attachment.file_name, media_type=attachment.media_type, content=encoded)
