"""Search keys: the forms in which searchable values are stored and compared."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

MAX_NAMES: Final = 100
"""Maximum names in metadata or in a primary key: each is a key of an index."""

_MAX_WORDS: Final = 10
"""Words of a name at which a search may begin."""

_MAX_LENGTH: Final = 200
"""Maximum characters of a name and of a value that are searchable; longer ones are not indexed."""


def searchable(text: str) -> str:
    """Return a text without letter case, accents and extra spaces: `José  Peña` becomes `jose pena`."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(one for one in decomposed if not unicodedata.combining(one)).split())


def prefixes(name: str) -> list[str]:
    """Return the texts whose prefixes find a name: the name, and its rest from each further word."""
    words = searchable(name).split()
    return [" ".join(words[first:])[:_MAX_LENGTH] for first in range(min(len(words), _MAX_WORDS))]


def searchable_fields(fields: Mapping[str, JsonValue] | None) -> list[str]:
    """Return the search keys of fields: of each that is a text, a number or a boolean."""
    pairs = ((name, _text(value)) for name, value in (fields or {}).items())
    short = ((name, text) for name, text in pairs if text is not None and max(len(name), len(text)) <= _MAX_LENGTH)
    return [searchable_field(name, text) for name, text in short]


def searchable_field(name: str, text: str) -> str:
    """Return the search key of a field with this value; numbers and booleans are written as in JSON."""
    return f"{name}={text}"


def _text(value: JsonValue) -> str | None:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            return None
