"""What every noun's spelling has in common."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel

from domain.clock import to_milliseconds, to_wire
from domain.json_objects import JsonObject

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Instant = Annotated[datetime, PlainSerializer(to_wire, when_used="json")]


def _stored(instant: datetime) -> datetime:
    try:
        return to_milliseconds(instant)
    except OverflowError as error:
        raise ValueError("a date beyond the years 1 to 9999") from error


def _instant_of_day(value: object) -> object:
    return f"{value}T00:00:00Z" if isinstance(value, str) and _DAY.fullmatch(value) else value


StorableInstant = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_instant_of_day), AfterValidator(_stored)
]
"""An instant that a caller writes, with its time zone, or a day, which is its beginning in UTC; as it can be stored."""


class Asked(JsonObject):
    """What a caller writes."""

    def given(self) -> list[str]:
        """The names of the fields that the caller gave, as the wire spells them."""
        fields = type(self).model_fields
        return [fields[name].alias or name for name in self.model_fields_set]


class Answer(BaseModel):
    """What an answer shows, its names in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    def on_the_wire(self) -> dict[str, JsonValue]:
        """The answer as JSON."""
        return self.model_dump(mode="json", by_alias=True)


def inlined_schema(model: type[BaseModel]) -> dict[str, JsonValue]:
    """A model's JSON schema for the OpenAPI description, where `#/$defs` would be looked for in the whole document.

    Each definition stands where it is used, so none may be part of itself; but «any JSON» is what an empty schema says.
    """
    schema = model.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = {**schema.pop("$defs", {}), "JsonValue": {}}
    return _inlined(schema, definitions)


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    match schema:
        case {"$ref": str(reference), **rest}:
            return _inlined(definitions[reference.rpartition("/")[2]] | rest, definitions)
        case dict():
            return {name: _inlined(inner, definitions) for name, inner in cast("dict[str, Any]", schema).items()}
        case list():
            return [_inlined(inner, definitions) for inner in cast("list[Any]", schema)]
        case _:
            return schema
