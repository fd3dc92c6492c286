"""Decoding of mail in any claimed charset, by the table of labels that browsers use.

https://encoding.spec.whatwg.org/#names-and-labels: `iso-8859-1` and `us-ascii` mean windows-1252 there, since that
is what is written under these names.
"""

import codecs
from collections.abc import Mapping
from typing import Final

import webencodings

_WIDER_CODECS: Final[Mapping[str, str]] = {
    "big5": "big5hkscs",
    "euc-kr": "cp949",
    "gbk": "gb18030",
    "iso-2022-jp": "iso2022_jp_ext",
    "shift_jis": "cp932",
}
"""Python's codecs for encodings of the table whose namesakes in Python lack characters of the table."""

_REFUSED: Final = "replacement"
"""Encoding of the table for charsets that browsers no longer read, but that mail still uses."""

_SLOW_CODECS: Final = frozenset({"idna", "punycode"})
"""Python's codecs that take time quadratic in the text's length; no mail uses them."""

_GUESSED: Final = "windows-1252"
"""Charset of text that names none and is not UTF-8: most of that mail comes from Western Europe."""

_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode(content: bytes, charset: str = "") -> str:
    """Decode bytes, replacing what cannot be read.

    A byte order mark has priority over the charset. UTF-8 has priority over no charset, an unknown one and
    windows-1252, in
    which text is hardly ever UTF-8 by chance; and over any other in which the bytes cannot be read.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _replaced(content[len(mark) :], name)
    codec = _codec_of(charset)
    candidates = ("utf-8", _GUESSED) if codec in {_GUESSED, None} else (codec, "utf-8")
    for candidate in filter(None, candidates):
        text = _strictly(content, candidate)
        if text is not None:
            return text
    return _replaced(content, _GUESSED if _is_no_utf8(content, codec) else codec or _GUESSED)


def _codec_of(label: str) -> str | None:
    """Return Python's codec for a charset's name; None if it is unknown."""
    encoding = webencodings.lookup(label.replace("\0", ""))
    if encoding is not None and encoding.name != _REFUSED:
        name = str(encoding.name)
        return name if name == _GUESSED else _WIDER_CODECS.get(name, encoding.codec_info.name)
    try:
        info = codecs.lookup(label)
        "".encode(label)  # raises for codecs that are not of text
    except (LookupError, ValueError):
        return None
    return None if info.name in _SLOW_CODECS else info.name


def _strictly(content: bytes, codec: str) -> str | None:
    """Decode strictly; None if the bytes are not in the codec. Cut bytes may end within a character."""
    try:
        return _well_formed(codecs.getincrementaldecoder(codec)().decode(content))
    except (LookupError, ValueError):
        return None


def _replaced(content: bytes, codec: str) -> str:
    try:
        return _well_formed(codecs.getincrementaldecoder(codec)("replace").decode(content))
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def _is_no_utf8(content: bytes, codec: str | None) -> bool:
    """Whether claimed UTF-8 has not a single character in it: it is in another charset altogether."""
    return codec == "utf-8" and content.decode("utf-8", "ignore").isascii()


def _well_formed(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # some codecs make halves of surrogate pairs
