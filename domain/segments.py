"""Alphabet and number of segments of an SMS (3GPP TS 23.038 §6.2.1, TS 23.040 §9.2.3.24.1)."""

from typing import Final, NamedTuple

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("^{}\\[~]|€\f")
"""Characters that count twice, because each is preceded by an escape."""


class Segments(NamedTuple):
    """Encoding of an SMS: its alphabet and its number of segments."""

    encoding: str
    parts: int


def segments(text: str) -> Segments:
    """Return alphabet and number of segments of a text: GSM-7 160 characters or 153 a segment, UCS-2 70 or 67."""
    if all(character in _BASIC or character in _EXTENSION for character in text):
        places = [2 if character in _EXTENSION else 1 for character in text]
        return Segments("GSM-7", _count(places, alone=160, part=153))
    units = [len(character.encode("utf-16-be")) // 2 for character in text]
    return Segments("UCS-2", _count(units, alone=70, part=67))


def _count(places: list[int], *, alone: int, part: int) -> int:
    """Count the segments; no character is split between two."""
    if sum(places) <= alone:
        return 1
    parts, used = 1, 0
    for size in places:
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts
