"""Mail that anybody may have written (RFC 5322, RFC 2045), read within bounds.

Not by `email.parser`: a megabyte of nested parts or of empty lines keeps it busy for minutes. Here every step takes a
time in proportion to the text, and the standard library sees single headers only, already cut.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from functools import cached_property
from typing import Final

from providers.base import UnreadableError
from providers.smtp.charsets import decode

MAX_HEADER_BYTES: Final = 65_536
"""Bytes of a part's header that are read."""
MAX_FIELD_LENGTH: Final = 4_000
"""Characters of one header field that are read."""
MAX_PARTS: Final = 200
MAX_DEPTH: Final = 10
"""Levels of multiparts."""

_FIELD: Final = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_LINE_BREAK: Final = re.compile(rb"\r?\n")
_END_OF_HEADER: Final = re.compile(rb"(?:\A|\n)\r?\n")
_EMPTY_LINES: Final = re.compile(rb"\n(?:[ \t]*\r?\n)+")
_FIELDS_WITHIN: Final = re.compile(
    rb"^(?:final|original)-recipient[ \t]*:.*\n(?:(?:[a-z-]+[ \t]*:|[ \t]+\S).*\n?)+", re.IGNORECASE | re.MULTILINE
)
"""A recipient's fields (RFC 3464 §2.3), begun by the recipient."""
_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")

_META_CHARSET: Final = re.compile(rb"""<meta\b[^<>]{0,200}?charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})""", re.IGNORECASE)
"""Where HTML says its own charset, within its first kilobyte (https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding)."""


@dataclass(frozen=True)
class Entity:
    """A message, or a part of one.

    Attributes:
        fields: the first header field of each name, by lower-case name, unfolded and still encoded.
        content: what follows the header, still encoded; nothing where that is in `parts`.
        parts: those of a multipart.
    """

    fields: Mapping[str, str]
    content: bytes = field(repr=False)
    parts: tuple["Entity", ...] = ()

    @property
    def media_type(self) -> str:
        """`text/plain`, in lower case; that also where nothing else is said (RFC 2045 §5.2)."""
        return _typed(self.fields.get("content-type", "")).get_content_type()

    @cached_property
    def boundary(self) -> bytes:
        """What separates the parts of a multipart; empty where it is none, or does not say."""
        is_multipart = self.media_type.startswith("multipart/")
        return self._parameter("content-type", "boundary").rstrip().encode(errors="replace") if is_multipart else b""

    @cached_property
    def file_name(self) -> str:
        """The name of an attached file; empty where it has none."""
        name = self._parameter("content-disposition", "filename") or self._parameter("content-type", "name")
        return decode_words(name).replace("/", "_")

    @property
    def is_attached(self) -> bool:
        """Whether it is a file rather than something to read in its place (RFC 2183)."""
        return self.is_marked_as_attachment or bool(self.file_name)

    @property
    def is_marked_as_attachment(self) -> bool:
        """Whether its writer says that it is a file; a name alone may also be a text's."""
        return self.fields.get("content-disposition", "").partition(";")[0].strip().lower() == "attachment"

    def _parameter(self, header: str, name: str) -> str:
        return _parameters(self.fields.get(header, "")).get(name, "")

    def header(self, name: str) -> str:
        """A header field as people read it, in one line; empty where there is none."""
        return decode_words(self.fields.get(name, ""))

    def leaves(self) -> Iterator["Entity"]:
        """The parts that have none, or itself."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def decoded(self) -> bytes:
        """The content without its transfer encoding (RFC 2045 §6); as it is where that is damaged."""
        encoding = self.fields.get("content-transfer-encoding", "").strip().lower()
        try:
            if encoding == "base64":
                return binascii.a2b_base64(self.content + b"==")
            if encoding == "quoted-printable":
                return binascii.a2b_qp(self.content)
        except binascii.Error:
            pass
        return self.content

    def text(self, longest: int) -> str:
        """The first `longest` characters of a text, its lines ended by line feeds."""
        # No encoding of characters takes more than four bytes for each, but for those that switch between sets.
        content = self.decoded()[: longest * 8]
        text = decode(content, self._parameter("content-type", "charset") or self._own_charset(content))
        return _INVISIBLE.sub("", text.replace("\r\n", "\n"))[:longest]

    def _own_charset(self, content: bytes) -> str:
        found = _META_CHARSET.search(content[:1024]) if self.media_type == "text/html" else None
        return found[1].decode() if found else ""

    def blocks(self, most: int) -> list[Mapping[str, str]]:
        """The groups of fields of a report, at most so many (RFC 3464 §2.1)."""
        blocks = _EMPTY_LINES.split(self.decoded().lstrip()[:MAX_HEADER_BYTES], most)
        return [fields for fields in map(_fields, blocks[:most]) if fields]

    def blocks_within(self, most: int) -> list[Mapping[str, str]]:
        """The groups of fields of a report that stand amid other text, at most so many."""
        found = _FIELDS_WITHIN.findall(self.decoded()[:MAX_HEADER_BYTES].replace(b"\r\n", b"\n"))
        return [_fields(block) for block in found[:most]]


def read_message(raw: bytes) -> Entity:
    """A message with all of its parts; what is attached as a message remains one part.

    Raises:
        UnreadableError: if it has more than `MAX_PARTS`, or more levels of them than `MAX_DEPTH`.
    """
    # Some programs put empty lines before the mail that they pass on.
    return _Reader().read(memoryview(raw.lstrip()), MAX_DEPTH)


def decode_words(text: str) -> str:
    """A header's text with its encoded words read (RFC 2047), in one line."""
    try:
        pieces = decode_header(text)
    except HeaderParseError:
        pieces = [(text, None)]
    # What stands beside encoded words comes in the escapes of Python (`email.header.decode_header`).
    decoded = [
        piece if isinstance(piece, str) else decode(piece, charset or "raw-unicode-escape") for piece, charset in pieces
    ]
    return _INVISIBLE.sub("", " ".join("".join(decoded).split())).encode("utf-8", "replace").decode()


class _Reader:
    """Reads one message, counting its parts; of what is nested, nothing is copied but what is no multipart."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, raw: memoryview, levels: int) -> Entity:
        self._count += 1
        if self._count > MAX_PARTS:
            raise UnreadableError(f"more than {MAX_PARTS} parts")
        header, content = _split_header(raw)
        fields = _fields(bytes(header[:MAX_HEADER_BYTES]))
        boundary = Entity(fields, b"").boundary
        if boundary and not levels:
            raise UnreadableError(f"more than {MAX_DEPTH} levels of parts")
        parts = tuple(self.read(part, levels - 1) for part in _split(content, boundary)) if boundary else ()
        return Entity(fields, b"" if parts else bytes(content), parts)


def _split_header(raw: memoryview) -> tuple[memoryview, memoryview]:
    end = _END_OF_HEADER.search(raw)
    return (raw, raw[:0]) if end is None else (raw[: end.start() + 1], raw[end.end() :])


def _fields(header: bytes) -> dict[str, str]:
    """The fields of a header that is cut already."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(header):
        text = decode(_LINE_BREAK.sub(b"", value).strip()[:MAX_FIELD_LENGTH])
        fields.setdefault(name.decode().lower(), text)
    return fields


def _typed(value: str) -> Message:
    message = Message()
    message["Content-Type"] = value
    return message


def _parameters(value: str) -> Mapping[str, str]:
    """The parameters of a header field by lower-case name (RFC 2045 §5.1, RFC 2231); none where they are damaged."""
    try:
        parameters = _typed(value).get_params([])[1:]
    except (TypeError, ValueError):  # continuations with and without numbers
        return {}
    return {name.lower(): _parameter_text(value) for name, value in reversed(parameters)}


def _parameter_text(value: str | tuple[str | None, str | None, str]) -> str:
    """The text of a parameter, which comes with its charset and language where it says them (RFC 2231 §4)."""
    if isinstance(value, str):
        return value
    charset, _, text = value
    return decode(text.encode("raw-unicode-escape"), charset or "")


def _split(content: memoryview, boundary: bytes) -> Iterator[memoryview]:
    """What stands between the delimiter lines of a multipart (RFC 2046 §5.1.1), which may lack the last."""
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$\n?", re.MULTILINE)
    start = None
    for line in delimiter.finditer(content):
        if start is not None:
            yield _without_line_break(content[start : line.start()])
        if line[1]:
            return
        start = line.end()
    if start is not None:
        yield content[start:]


def _without_line_break(part: memoryview) -> memoryview:
    if bytes(part[-1:]) == b"\n":
        part = part[:-1]
    return part[:-1] if bytes(part[-1:]) == b"\r" else part
