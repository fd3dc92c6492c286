"""JSON schema of a provider's settings, with everything that a person needs to fill them in.

It is generated from the settings' classes: pydantic's schema of the fields, and the descriptions in their docstrings.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

from providers.provider_settings import ProviderSettings

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
    """Return the JSON schema (2020-12) of an object of these settings, without references.

    Every field has a title and a description; secrets are `writeOnly` and of `format: password`. Optional fields are
    not
    in `required`, and may be omitted from the object.
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
    """Return a field's schema with references resolved and without `null`, which means omitting the field."""
    described = {name: value for name, value in schema.items() if value is not None}
    choices = [choice for choice in described.pop("anyOf", []) if choice != {"type": "null"}]
    (inner,) = choices or [{}]
    referred = described.pop("$ref", "").removeprefix("#/$defs/")
    return {**definitions.get(referred, {}), **inner, **described}


def _title(name: str) -> str:
    words = [_SPELLED.get(word, word) for word in name.split("_")]
    return words[0][0].upper() + words[0][1:] + "".join(f" {word}" for word in words[1:])


def _descriptions(settings: type[ProviderSettings]) -> dict[str, str]:
    """Return the description of each field from the docstring's section «Attributes»."""
    lines = (inspect.getdoc(settings) or "").partition("Attributes:\n")[2].splitlines()
    descriptions: dict[str, str] = {}
    name = ""
    for line in map(str.strip, lines):
        begun = _ATTRIBUTE.match(line)
        if begun and begun["name"] in settings.model_fields:
            name = begun["name"]
            descriptions[name] = begun["text"]
        elif line:
            descriptions[name] += f" {line}"
    return {name: f"{text[0].upper()}{text[1:]}" for name, text in descriptions.items()}
