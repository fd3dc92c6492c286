"""Files that callers upload, to be sent with interactions: described here, their contents in GridFS."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from gridfs import AsyncGridFSBucket, NoFile
from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import utc_now
from models.base import Stored

MAX_UPLOAD_DURATION: Final = timedelta(hours=1)
"""After so long, an upload that has not ended was broken off."""

_GRACE: Final = timedelta(minutes=5)
"""So much later than it expires it is removed: who was told that it is there has taken it by then."""

_SWEEP_BATCH_SIZE: Final = 20
"""How many that nobody needs are removed with each upload: more than come in."""

_HAS_KEY: Final = {"idempotency_key": {"$type": "string"}}
_HAS_END: Final = {"expires": {"$type": "date"}}


class Attachment(Stored):
    """One uploaded file.

    Attributes:
        media_type: what it is, such as `application/pdf`.
        size: in bytes; None while it is being uploaded.
        sha256: of its contents, hexadecimal.
        idempotency_key: by what a repeated upload is known, if its caller gave a key.
        expires: when it is removed, unless an interaction takes it before; None once one did.
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
        """Where it is stored."""

        name = "attachments"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)]),
            IndexModel([("idempotency_key", ASCENDING)], unique=True, partialFilterExpression=_HAS_KEY),
            IndexModel([("expires", ASCENDING)], partialFilterExpression=_HAS_END),
        ]

    @classmethod
    async def of_tenant(cls, tenant: str, ids: Sequence[str]) -> dict[str, "Attachment"]:
        """Those of a tenant that are there, by id."""
        found = await cls.find({"_id": {"$in": list(ids)}, **there(tenant)}).to_list()
        return {attachment.id: attachment for attachment in found}

    @classmethod
    async def keep(cls, tenant: str, ids: Sequence[str]) -> None:
        """Keep these until they are deleted, since an interaction has taken them."""
        await cls.collection().update_many({"_id": {"$in": list(ids)}, "tenant": tenant}, {"$set": {"expires": None}})

    async def upload(
        self, chunks: AsyncIterable[bytes], unused_kept: timedelta, idempotency_key: str | None = None
    ) -> "Attachment":
        """Take the contents in, never more than a chunk in memory; then sweep what nobody needs any more.

        Args:
            chunks: the contents; whatever is raised while they come removes what came before.
            unused_kept: how long it waits for an interaction.
            idempotency_key: by what a repeated upload is known; taken by the first that ends, so that one that was
                broken off stands in nobody's way.

        Returns:
            This one; or what was uploaded before with the same idempotency key.
        """
        digest, size = hashlib.sha256(), 0
        await self.insert()
        try:
            async with _bucket().open_upload_stream_with_id(self.id, self.file_name) as stream:
                async for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    await stream.write(chunk)
            self.size, self.sha256, self.expires = size, digest.hexdigest(), utc_now() + unused_kept
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
        """The contents, chunk by chunk.

        Raises:
            NoFile: if they were removed meanwhile.
        """
        async with await _bucket().open_download_stream(self.id) as stream:
            while chunk := await stream.readchunk():
                yield chunk

    async def remove(self) -> None:
        """Remove it for good; first the contents, so that none are left that nothing tells of."""
        with suppress(NoFile):
            await _bucket().delete(self.id)
        await self.collection().delete_one({"_id": self.id})


def there(tenant: str) -> dict[str, Any]:
    """What selects a tenant's attachments that are uploaded and not to be removed yet."""
    waiting = {"expires": {"$gt": utc_now()}}
    return {"tenant": tenant, "size": {"$type": "number"}, "$or": [{"expires": None}, waiting]}


async def _sweep() -> None:
    """Remove attachments that no interaction took in time, and uploads that were broken off."""
    overdue = Attachment.find({"expires": {"$type": "date", "$lt": utc_now() - _GRACE}})
    for attachment in await overdue.sort("expires").limit(_SWEEP_BATCH_SIZE).to_list():
        await attachment.remove()


def _bucket() -> AsyncGridFSBucket:
    return AsyncGridFSBucket(Attachment.collection().database, "attachment_contents")
