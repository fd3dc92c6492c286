"""Documents whose every change is a new version: the newest is in the document, the earlier ones in a collection."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from pymongo.errors import DuplicateKeyError

from domain.identifiers import derived_id
from models.base import Stored

VersionT = TypeVar("VersionT", bound=BaseModel)


class Versions(Generic[VersionT]):
    """Versions of the documents of one kind."""

    def __init__(self, documents: type[Stored], earlier: type[Stored], owner: str, noun: str) -> None:
        """Keep the earlier versions of documents.

        Args:
            documents: the documents; each has its current version as `newest`, which has a `number`.
            earlier: documents with an earlier version as `version`.
            owner: their field with the id of the document.
            noun: the word from which their ids are derived.
        """
        self._documents = documents
        self._earlier: Any = earlier
        self._owner = owner
        self._noun = noun

    async def find(self, document_id: str, number: int) -> VersionT | None:
        """Return an earlier version; None if there is no such version."""
        found = await self._earlier.find_one({"_id": self._id_of(document_id, number)})
        return found.version if found else None

    async def before(self, document_id: str, number: int, limit: int) -> Sequence[VersionT]:
        """Return the versions before a version, newest first."""
        selector = {self._owner: document_id, "version.number": {"$lt": number}}
        found = await self._earlier.find(selector).sort("-version.number").limit(limit).to_list()
        return [one.version for one in found]

    async def supersede(self, document_id: str, number: int, newest: VersionT, version: VersionT) -> bool:
        """Replace the current version, which has this number; return whether no concurrent change came first.

        The current version is saved first, so that every version can be found at every moment.

        Raises:
            DuplicateKeyError: if another document of the tenant has the new name.
        """
        saved = {"id": self._id_of(document_id, number), self._owner: document_id, "version": newest}
        with suppress(DuplicateKeyError):  # saved by a concurrent change, or by an attempt that was interrupted here
            await self._earlier(**saved).insert()
        selector = {"_id": document_id, "newest.number": number}
        written = await self._documents.collection().update_one(selector, {"$set": {"newest": version.model_dump()}})
        return written.matched_count == 1

    async def remove(self, document_id: str) -> None:
        """Delete a document with all its versions."""
        await self._documents.collection().delete_one({"_id": document_id})
        await self._earlier.collection().delete_many({self._owner: document_id})

    def _id_of(self, document_id: str, number: int) -> str:
        return derived_id(self._noun, document_id, str(number))
