"""What every noun's spelling has in common."""

import json
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

from domain.clock import to_wire

Instant = Annotated[datetime, PlainSerializer(to_wire, when_used="json")]


class Asked(BaseModel):
    """What a caller writes: strictly typed, nothing unknown. `parse_fields` matches its names in any letter case."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    """What an answer shows, its names in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    def on_the_wire(self) -> dict[str, JsonValue]:
        """The answer as JSON."""
        return self.model_dump(mode="json", by_alias=True)


def inlined_schema(model: type[BaseModel]) -> dict[str, JsonValue]:
    """A model's JSON schema for the OpenAPI description, where `#/$defs` would be looked for in the whole document.

    The only definition that our requests need is «any JSON», which is what an empty schema says.
    """
    schema = json.dumps(model.model_json_schema(by_alias=True) | {"$defs": {}})
    described = json.loads(schema.replace('{"$ref": "#/$defs/JsonValue"}', "{}"))
    del described["$defs"]
    return described
