"""Writes `docs/payload-types.md`: what may be sent through each channel, from the models that check it.

Run it as `.venv/bin/python scripts/payload_types.py`; a test holds that the page is current.
"""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from domain.channels import Channel
from domain.payloads import PAYLOADS, Payload
from domain.payloads.base import MediaPayload
from domain.payloads.email import MAX_FILES, MAX_TOTAL_FILE_BYTES, Email
from domain.payloads.samples import SAMPLES
from providers import PROVIDERS

PAGE: Final = Path(__file__).parents[1] / "docs" / "payload-types.md"

_HEAD: Final = """# Payload types

What `payLoad` may be in `POST /v1/interactions`, by the channel of the integration. `Type` says which of them it is.

- Names are matched in any letter case; unknown names are refused, and null is what is left out.
- Characters are Unicode code points. A provider's own limits are tighter in places: see the end.
- A `Url` is an http or https address that the provider fetches.

This page is generated from the models: `.venv/bin/python scripts/payload_types.py`.
"""


def page() -> str:
    """The whole page."""
    sections = [_HEAD, *(_channel(channel) for channel in PAYLOADS), _providers()]
    return "\n".join(sections)


def _channel(channel: Channel) -> str:
    parts = [f"## {channel}\n"]
    objects: dict[str, Any] = {}
    for payload in PAYLOADS[channel].values():
        schema = payload.model_json_schema()
        objects |= schema.pop("$defs", {})
        parts += [
            f"### `{payload.wire_type}`\n",
            _sentences(payload.__doc__),
            _table(schema, objects),
            *_files(payload),
        ]
        sample = next(sample for sample in SAMPLES[channel] if sample["Type"] == payload.wire_type)
        parts.append(f"```json\n{_json(sample)}\n```\n")
    for name, schema in sorted(objects.items()):
        if "properties" in schema:
            parts += [f"#### {name}\n", _sentences(schema.get("description")), _table(schema, objects)]
    return "\n".join(parts)


def _json(sample: object) -> str:
    return json.dumps(sample, ensure_ascii=False, indent=2)


def _sentences(docstring: str | None) -> str:
    """A docstring without its list of attributes, which the table has, and without the type that the heading has."""
    text = inspect.cleandoc(docstring or "").partition("\n\nAttributes:")[0]
    described = text.partition("`: ")[2] or text
    return f"{described[:1].upper()}{described[1:]}\n"


def _table(schema: dict[str, Any], objects: dict[str, Any]) -> str:
    rows = ["| Field | What it is | Required | Limits |", "|---|---|---|---|"]
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        limits = "; ".join(_limits(field))
        rows.append(f"| `{name}` | {_kind(field, objects)} | {'yes' if name in required else ''} | {limits} |")
    return "\n".join([*rows, ""])


def _kind(field: dict[str, Any], objects: dict[str, Any]) -> str:
    match _bare(field):
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return " or ".join(f"`{value}`" for value in values)
        case {"$ref": reference}:
            name = str(reference).rpartition("/")[2]
            is_object = "properties" in objects[name]
            return f"[{name}](#{name.lower()})" if is_object else _kind(objects[name], objects)
        case {"type": "array", "items": items}:
            return f"list of {_kind(items, objects)}"
        case {"type": kind}:
            return {"string": "text", "boolean": "true or false"}.get(str(kind), str(kind))
        case _:
            return "anything"


def _bare(field: dict[str, Any]) -> dict[str, Any]:
    """A field without the null that it may also be."""
    return next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)


def _limits(field: dict[str, Any]) -> Iterator[str]:
    bare = _bare(field)
    for least, most, what in (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items")):
        if most in bare:
            yield f"{bare.get(least, 0)}-{bare[most]:,} {what}".replace(",", " ")
    if "pattern" in bare:
        pattern = bare["pattern"].replace("|", "\\|")
        yield f"`{pattern}`"
    if "items" in bare:
        yield from (f"each {limit}" for limit in _limits(bare["items"]))
    if field.get("default") not in (None, "", []):
        yield f"default `{field['default']}`".replace("True", "true").replace("False", "false")


def _files(payload: type[Payload]) -> Iterator[str]:
    """Which uploaded files may go with it."""
    if issubclass(payload, MediaPayload):
        largest = ", ".join(f"{kind} {_megabytes(size)}" for kind, size in payload.largest.items())
        yield f"Without `Url`, one uploaded file (`attachmentsId`) is sent, at most: {largest}.\n"
    elif issubclass(payload, Email):
        together = _megabytes(MAX_TOTAL_FILE_BYTES)
        yield f"Besides, `attachmentsId` names uploaded files: {MAX_FILES} at most, {together} together.\n"


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB".replace(".0", "")


def _providers() -> str:
    rows = ["| Channel | Provider | Types | Destinations | Longest text |", "|---|---|---|---|---|"]
    for channel in PAYLOADS:
        for provider in PROVIDERS.values():
            if able := provider.channels.get(channel):
                types = ", ".join(f"`{name}`" for name in PAYLOADS[channel] if name in able.payload_types)
                longest = "" if able.max_text_length is None else f"{able.max_text_length:,}".replace(",", " ")
                rows.append(f"| {channel} | {provider.title} | {types} | {able.max_destinations:,} | {longest} |")
    return "\n".join(["## What each provider takes\n", *rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
