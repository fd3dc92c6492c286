"""Parser for mail of any origin (RFC 5322, RFC 2045) with bounded cost.

It replaces `email.parser`, which takes minutes for a megabyte of nested parts or of empty lines. Every step here takes
linear time, and the standard library parses only single headers that are already cut.
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
"""Maximum levels of multiparts."""

_FIELD: Final = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*(?:\n[ \t].*)*)", re.MULTILINE)
_LINE_BREAK: Final = re.compile(rb"\r?\n")
_END_OF_HEADER: Final = re.compile(rb"(?:\A|\n)\r?\n")
_EMPTY_LINES: Final = re.compile(rb"\n(?:[ \t]*\r?\n)+")
_FIELDS_WITHIN: Final = re.compile(
    rb"^(?:final|original)-recipient[ \t]*:.*\n(?:(?:[a-z-]+[ \t]*:|[ \t]+\S).*\n?)+", re.IGNORECASE | re.MULTILINE
)
"""Fields of a recipient (RFC 3464 §2.3), which begin with the recipient."""
_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")

_META_CHARSET: Final = re.compile(rb"""<meta\b[^<>]{0,200}?charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})""", re.IGNORECASE)
"""Charset declaration of HTML, within its first kilobyte (https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding)."""


@dataclass(frozen=True)
class Entity:
    """Message, or a part of one.

    Attributes:
        fields: the first header field of each name, by lower-case name, unfolded and still encoded.
        content: the body, still encoded; empty if it is in `parts`.
        parts: those of a multipart.
    """

    fields: Mapping[str, str]
    content: bytes = field(repr=False)
    parts: tuple["Entity", ...] = ()

    @property
    def media_type(self) -> str:
        """Media type in lower case; `text/plain` is the default (RFC 2045 §5.2)."""
        return _typed(self.fields.get("content-type", "")).get_content_type()

    @cached_property
    def boundary(self) -> bytes:
        """Boundary of a multipart; empty if there is none."""
        is_multipart = self.media_type.startswith("multipart/")
        return self._parameter("content-type", "boundary").rstrip().encode(errors="replace") if is_multipart else b""

    @cached_property
    def file_name(self) -> str:
        """Name of an attached file; empty if it has none."""
        name = self._parameter("content-disposition", "filename") or self._parameter("content-type", "name")
        return decode_words(name).replace("/", "_")

    @property
    def is_attached(self) -> bool:
        """Whether it is a file rather than inline content (RFC 2183)."""
        return self.is_marked_as_attachment or bool(self.file_name)

    @property
    def is_marked_as_attachment(self) -> bool:
        """Whether the header declares it a file; a name alone may also belong to a text."""
        return self.fields.get("content-disposition", "").partition(";")[0].strip().lower() == "attachment"

    def _parameter(self, header: str, name: str) -> str:
        return _parameters(self.fields.get(header, "")).get(name, "")

    def header(self, name: str) -> str:
        """Return a decoded header field in one line; empty if it is absent."""
        return decode_words(self.fields.get(name, ""))

    def leaves(self) -> Iterator["Entity"]:
        """Return the parts without parts of their own, or the message itself."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def decoded(self) -> bytes:
        """Return the content without its transfer encoding (RFC 2045 §6); unchanged if that is damaged."""
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
        """Return the first `longest` characters of a text, with line feeds as line ends."""
        # No encoding takes more than four bytes per character, except those that switch between sets.
        content = self.decoded()[: longest * 8]
        text = decode(content, self._parameter("content-type", "charset") or self._own_charset(content))
        return _INVISIBLE.sub("", text.replace("\r\n", "\n"))[:longest]

    def _own_charset(self, content: bytes) -> str:
        found = _META_CHARSET.search(content[:1024]) if self.media_type == "text/html" else None
        return found[1].decode() if found else ""

    def blocks(self, most: int) -> list[Mapping[str, str]]:
        """Return the groups of fields of a report, at most so many (RFC 3464 §2.1)."""
        blocks = _EMPTY_LINES.split(self.decoded().lstrip()[:MAX_HEADER_BYTES], most)
        return [fields for fields in map(_fields, blocks[:most]) if fields]

    def blocks_within(self, most: int) -> list[Mapping[str, str]]:
        """Return the groups of fields of a report within other text, at most so many."""
        found = _FIELDS_WITHIN.findall(self.decoded()[:MAX_HEADER_BYTES].replace(b"\r\n", b"\n"))
        return [_fields(block) for block in found[:most]]


def read_message(raw: bytes) -> Entity:
    """Parse a message with all of its parts; an attached message remains one part.

    Raises:
        UnreadableError: if it has more than `MAX_PARTS`, or more levels of them than `MAX_DEPTH`.
    """
    # Some programs put empty lines before a mail that they forward.
    return _Reader().read(memoryview(raw.lstrip()), MAX_DEPTH)


def decode_words(text: str) -> str:
    """Decode a header's encoded words (RFC 2047), in one line."""
    try:
        pieces = decode_header(text)
    except HeaderParseError:
        pieces = [(text, None)]
    # Text beside encoded words comes in Python's escapes (`email.header.decode_header`).
    decoded = [
        piece if isinstance(piece, str) else decode(piece, charset or "raw-unicode-escape") for piece, charset in pieces
    ]
    return _INVISIBLE.sub("", " ".join("".join(decoded).split())).encode("utf-8", "replace").decode()


class _Reader:
    """Parses one message and counts its parts; of nested parts, only the leaves are copied."""

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
    """Parse the fields of a header that is already cut."""
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
    """Parse a header field's parameters by lower-case name (RFC 2045 §5.1, RFC 2231); empty if they are damaged."""
    try:
        parameters = _typed(value).get_params([])[1:]
    except (TypeError, ValueError):  # continuations with and without numbers
        return {}
    return {name.lower(): _parameter_text(value) for name, value in reversed(parameters)}


def _parameter_text(value: str | tuple[str | None, str | None, str]) -> str:
    """Return the text of a parameter, which may come with charset and language (RFC 2231 §4)."""
    if isinstance(value, str):
        return value
    charset, _, text = value
    return decode(text.encode("raw-unicode-escape"), charset or "")


def _split(content: memoryview, boundary: bytes) -> Iterator[memoryview]:
    """Return the parts between the delimiter lines of a multipart (RFC 2046 §5.1.1); the last line may be missing."""
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
