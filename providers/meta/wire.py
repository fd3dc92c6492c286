"""What the JSON of both channels has in common."""

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]


class UnsendableError(Exception):
    """A payload that asks for something that Meta has no way to carry."""


def present(**fields: JsonValue) -> JsonObject:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
