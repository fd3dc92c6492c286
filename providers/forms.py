"""The form of a provider's settings: a JSON schema that says all that a person needs to fill it in.

It is made of the settings' own classes: what pydantic knows of the fields, and what their docstrings say of them.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

from providers.base import ProviderSettings

_ATTRIBUTE: Final = re.compile(r"^(?P<name>[a-z_]+): (?P<text>.+)$")
_SPELLED: Final = {
    "api": "API",
    "id": "id",
    "iris": "Iris",
    "sid": "SID",
    "sms": "SMS",
    "ttl": "TTL",
    "url": "URL",
}

Schema = dict[str, Any]


def form_of(settings: type[ProviderSettings]) -> dict[str, JsonValue]:
    """The JSON schema (2020-12) of an object of these settings, without references.

    Every field has a title and a description; secrets are `writeOnly` and of `format: password`. What is optional is
    left out of `required`, and may be left out of the object.
    """
    schema = settings.model_json_schema(by_alias=True)
    definitions: Mapping[str, Schema] = schema.get("$defs", {})
    described = _descriptions(settings)
    properties = {
        field.alias or name: _property(schema["properties"][field.alias or name], definitions)
        | {"title": _title(name), "description": described[name]}
        for name, field in settings.model_fields.items()
    }
    return {
        "type": "object",
        "description": inspect.getdoc(settings).partition("\n")[0],  # pyright: ignore[reportOptionalMemberAccess] - each has one
        "properties": cast("JsonValue", properties),
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


def _property(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A field's schema: what it refers to in its place, and «or null» left out, which is to leave the field out."""
    described = {name: value for name, value in schema.items() if value is not None}
    choices = [choice for choice in described.pop("anyOf", []) if choice != {"type": "null"}]
    (inner,) = choices or [{}]
    referred = described.pop("$ref", "").removeprefix("#/$defs/")
    return {**definitions.get(referred, {}), **inner, **described}


def _title(name: str) -> str:
    words = [_SPELLED.get(word, word) for word in name.split("_")]
    return words[0][0].upper() + words[0][1:] + "".join(f" {word}" for word in words[1:])


def _descriptions(settings: type[ProviderSettings]) -> dict[str, str]:
    """What the docstring says of each field, in its section «Attributes»."""
    lines = (inspect.getdoc(settings) or "").partition("Attributes:\n")[2].splitlines()
    told: dict[str, str] = {}
    name = ""
    for line in map(str.strip, lines):
        begun = _ATTRIBUTE.match(line)
        if begun and begun["name"] in settings.model_fields:
            name = begun["name"]
            told[name] = begun["text"]
        elif line:
            told[name] += f" {line}"
    return {name: f"{text[0].upper()}{text[1:]}" for name, text in told.items()}
