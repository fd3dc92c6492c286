"""What people and programs search by, in the form in which it is stored and compared."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

MAX_NAMES: Final = 100
"""Names that metadata, or a primary key, may have: each is a key of an index."""

_MAX_WORDS: Final = 10
"""Words of a name at which a search may begin."""

_MAX_LENGTH: Final = 200
"""Characters of a name and of a value that are searched by; longer ones are found by nothing."""


def searchable(text: str) -> str:
    """A text without letter case, accents and needless spaces: `José  Peña` is `jose pena`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(one for one in decomposed if not unicodedata.combining(one)).split())


def beginnings(name: str) -> list[str]:
    """What a name is found by the beginning of: the name, and what is left of it from each further word."""
    words = searchable(name).split()
    return [" ".join(words[first:])[:_MAX_LENGTH] for first in range(min(len(words), _MAX_WORDS))]


def searchable_fields(fields: Mapping[str, JsonValue] | None) -> list[str]:
    """What fields are found by: each that is a text, a number or a truth value."""
    pairs = ((name, _text(value)) for name, value in (fields or {}).items())
    short = ((name, text) for name, text in pairs if text is not None and max(len(name), len(text)) <= _MAX_LENGTH)
    return [searchable_field(name, text) for name, text in short]


def searchable_field(name: str, text: str) -> str:
    """What a field with this value is found by; numbers and truth values are written as in JSON."""
    return f"{name}={text}"


def _text(value: JsonValue) -> str | None:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            return None
