"""Base class of what Iris shows as JSON."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, JsonValue, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel
from typing_extensions import override

from domain.clock import to_wire

Instant = Annotated[
    datetime,
    PlainSerializer(to_wire, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant, shown in UTC with milliseconds."""


class Answer(BaseModel):
    """What an answer shows, its names in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    @classmethod
    @override
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """The name of a generic answer in the OpenAPI description: `Page[AccountAnswer]` is `AccountPage`."""
        return f"{params[0].__name__.removesuffix('Answer')}{cls.__name__}"

    def on_the_wire(self) -> dict[str, JsonValue]:
        """The answer as JSON."""
        return self.model_dump(mode="json", by_alias=True)
