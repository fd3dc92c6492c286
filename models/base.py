"""Base class and helpers of all stored documents."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar, cast

import bson
from beanie import Document
from pydantic import Field
from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    ProtocolError,
    PyMongoError,
    WaitQueueTimeoutError,
)

from domain.identifiers import new_id

Result = TypeVar("Result")


MAX_READ_BYTES: Final = 4_194_304
"""Maximum BSON bytes read for one page of a list, which one document may exceed."""

NEWEST_FIRST: Final = (("created", DESCENDING), ("_id", DESCENDING))
OLDEST_FIRST: Final = (("created", ASCENDING), ("_id", ASCENDING))
"""Sort orders of lists, as their cursors need them."""

ANY_TEXT: Final[Mapping[str, str]] = {"$gte": ""}
"""Condition met by any text or list of texts; a partial index on it also serves equality with a text
(https://www.mongodb.com/docs/manual/core/index-partial/#query-coverage).
"""

DUPLICATE_KEY: Final = 11000
"""Error code (https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml)."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Some(Generic[Item]):
    """Documents read for a page.

    Attributes:
        is_cut: whether more documents remain unread because these are large.
    """

    items: Sequence[Item]
    is_cut: bool


class Stored(Document):
    """A document whose id Iris generates: 24 hexadecimal digits, as text."""

    id: str = Field(default_factory=new_id)  # pyright: ignore[reportIncompatibleVariableOverride] - Beanie's way of another id type

    @classmethod
    def collection(cls) -> AsyncCollection[dict[str, Any]]:
        """The driver's collection, for updates that Beanie cannot express."""
        driver: Any = cls
        return cast("AsyncCollection[dict[str, Any]]", driver.get_pymongo_collection())

    @classmethod
    async def read_some(cls, selector: Mapping[str, Any], sort: Sequence[tuple[str, int]], limit: int) -> "Some[Self]":
        """Return the first documents of a selection: at most `limit`, and no more after `MAX_READ_BYTES`."""
        found, size = list[Self](), 0
        async with cls.collection().find(selector).sort(sort).limit(limit) as cursor:
            async for document in cursor:
                if size > MAX_READ_BYTES:
                    return Some(found, is_cut=True)
                size += len(bson.encode(document))
                found.append(cls.model_validate(document))
        return Some(found, is_cut=False)

    @classmethod
    async def in_transaction(cls, work: Callable[[AsyncClientSession], Awaitable[Result]]) -> Result:
        """Run `work` in a transaction and return its result; it is retried on write conflicts."""
        async with cls.collection().database.client.start_session() as session:
            return await session.with_transaction(work)


_OUT_OF_DISK_SPACE: Final = 14031
"""https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml"""


def is_disk_full(error: PyMongoError) -> bool:
    """Whether an error means that MongoDB has no disk space left to write."""
    if not isinstance(error, OperationFailure):
        return False
    details: Mapping[str, Any] = error.details or {}
    codes = {error.code, *(one.get("code") for one in details.get("writeErrors", ()))}
    return _OUT_OF_DISK_SPACE in codes or "No space left on device" in str(error)


def is_unreachable(error: PyMongoError) -> bool:
    """Whether an error means that MongoDB is unreachable, as opposed to refusing the command."""
    away = isinstance(error, ConnectionFailure | ExecutionTimeout | ProtocolError | WaitQueueTimeoutError)
    return away or error.timeout
