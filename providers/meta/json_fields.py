"""JSON of both channels, with only the fields that are not empty."""

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]


class UnsendableError(Exception):
    """Payload with something that Meta cannot carry."""


def present(**fields: JsonValue) -> JsonObject:
    """Return the non-empty fields."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
