"""Files that callers upload to send with interactions: metadata here, contents in GridFS."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from gridfs import AsyncGridFSBucket, NoFile
from pydantic import Field
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import utc_now
from models.base import NEWEST_FIRST, Stored

MAX_UPLOAD_DURATION: Final = timedelta(hours=1)
"""Age after which an unfinished upload counts as aborted."""

_GRACE: Final = timedelta(minutes=5)
"""Delay between expiry and removal, in which an interaction that has seen the file can still take it."""

_SWEEP_BATCH_SIZE: Final = 20
"""Maximum number of unused files removed per upload; larger than 1, so that they do not accumulate."""

_HAS_KEY: Final = {"idempotency_key": {"$type": "string"}}
_HAS_END: Final = {"expires": {"$type": "date"}}


class Attachment(Stored):
    """One uploaded file.

    Attributes:
        media_type: its media type, such as `application/pdf`.
        size: in bytes; None while it is being uploaded.
        sha256: of its contents, hexadecimal.
        idempotency_key: identifies a repeated upload, if its caller sent a key.
        expires: when it is removed unless an interaction takes it; None once one has.
    """

    tenant: str
    author_id: str
    file_name: str
    media_type: str
    size: int | None = None
    sha256: str = ""
    idempotency_key: str | None = None
    created: datetime = Field(default_factory=utc_now)
    expires: datetime | None = Field(default_factory=lambda: utc_now() + MAX_UPLOAD_DURATION)

    class Settings:
        """Collection name and indexes."""

        name = "attachments"
        indexes = [
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            IndexModel([("idempotency_key", ASCENDING)], unique=True, partialFilterExpression=_HAS_KEY),
            IndexModel([("expires", ASCENDING)], partialFilterExpression=_HAS_END),
        ]

    @classmethod
    async def of_tenant(cls, tenant: str, ids: Sequence[str]) -> dict[str, "Attachment"]:
        """Return the available attachments of a tenant, by id."""
        found = await cls.find({"_id": {"$in": list(ids)}, **there(tenant)}).to_list()
        return {attachment.id: attachment for attachment in found}

    @classmethod
    async def mark_used(cls, tenant: str, ids: Sequence[str]) -> None:
        """Keep these until they are deleted, since an interaction has taken them."""
        await cls.collection().update_many({"_id": {"$in": list(ids)}, "tenant": tenant}, {"$set": {"expires": None}})

    async def upload(
        self, chunks: AsyncIterable[bytes], orphan_ttl: timedelta, idempotency_key: str | None = None
    ) -> "Attachment":
        """Store the contents, with at most one chunk in memory; then remove unused files.

        Args:
            chunks: the contents; an error while they arrive removes the chunks stored before it.
            orphan_ttl: how long the file waits for an interaction.
            idempotency_key: identifies a repeated upload; the first upload to finish claims it, so an aborted one
                blocks nothing.

        Returns:
            This attachment, or the one uploaded before with the same idempotency key.
        """
        digest, size = hashlib.sha256(), 0
        await self.insert()
        try:
            async with _bucket().open_upload_stream_with_id(self.id, self.file_name) as stream:
                async for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    await stream.write(chunk)
            self.size, self.sha256, self.expires = size, digest.hexdigest(), utc_now() + orphan_ttl
            changes = {"size": size, "sha256": self.sha256, "expires": self.expires, "idempotency_key": idempotency_key}
            await self.collection().update_one({"_id": self.id}, {"$set": changes})
        except DuplicateKeyError:
            await self.remove()
            return await Attachment.find_one({"idempotency_key": idempotency_key}) or self
        except BaseException:
            await self.remove()
            raise
        await _sweep()
        return self

    async def contents(self) -> AsyncGenerator[bytes]:
        """Read the contents, chunk by chunk.

        Raises:
            NoFile: if they were removed meanwhile.
        """
        async with await _bucket().open_download_stream(self.id) as stream:
            while chunk := await stream.readchunk():
                yield chunk

    async def remove(self) -> None:
        """Delete it permanently; the contents first, so that none are left without a reference."""
        with suppress(NoFile):
            await _bucket().delete(self.id)
        await self.collection().delete_one({"_id": self.id})


def there(tenant: str) -> dict[str, Any]:
    """Selector of a tenant's attachments that are uploaded and not expired."""
    waiting = {"expires": {"$gt": utc_now()}}
    return {"tenant": tenant, "size": {"$type": "number"}, "$or": [{"expires": None}, waiting]}


async def _sweep() -> None:
    """Remove attachments that no interaction took in time, and aborted uploads."""
    overdue = Attachment.find({"expires": {"$type": "date", "$lt": utc_now() - _GRACE}})
    for attachment in await overdue.sort("expires").limit(_SWEEP_BATCH_SIZE).to_list():
        await attachment.remove()


def _bucket() -> AsyncGridFSBucket:
    return AsyncGridFSBucket(Attachment.collection().database, "attachment_contents")
