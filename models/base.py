"""What every stored document has."""

from typing import Any, cast

from beanie import Document
from pydantic import Field
from pymongo.asynchronous.collection import AsyncCollection

from domain.identifiers import new_id


class Stored(Document):
    """A document with an id of ours: 24 hexadecimal digits, as text."""

    id: str = Field(default_factory=new_id)  # pyright: ignore[reportIncompatibleVariableOverride] - Beanie's way of another id type

    @classmethod
    def collection(cls) -> AsyncCollection[dict[str, Any]]:
        """The driver's own collection, for updates that Beanie has no words for."""
        driver: Any = cls
        return cast("AsyncCollection[dict[str, Any]]", driver.get_pymongo_collection())
