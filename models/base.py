"""What every stored document has."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from beanie import Document
from pydantic import Field
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConnectionFailure, ExecutionTimeout, ProtocolError, PyMongoError, WaitQueueTimeoutError

from domain.identifiers import new_id

Result = TypeVar("Result")


class Stored(Document):
    """A document with an id of ours: 24 hexadecimal digits, as text."""

    id: str = Field(default_factory=new_id)  # pyright: ignore[reportIncompatibleVariableOverride] - Beanie's way of another id type

    @classmethod
    def collection(cls) -> AsyncCollection[dict[str, Any]]:
        """The driver's own collection, for updates that Beanie has no words for."""
        driver: Any = cls
        return cast("AsyncCollection[dict[str, Any]]", driver.get_pymongo_collection())

    @classmethod
    async def in_transaction(cls, work: Callable[[AsyncClientSession], Awaitable[Result]]) -> Result:
        """What some work makes that is done wholly or not at all; it is repeated when another's writes meet its own."""
        async with cls.collection().database.client.start_session() as session:
            return await session.with_transaction(work)


def is_away(error: PyMongoError) -> bool:
    """Whether an error means that MongoDB does not answer (now), and not that it refuses."""
    away = isinstance(error, ConnectionFailure | ExecutionTimeout | ProtocolError | WaitQueueTimeoutError)
    return away or error.timeout
