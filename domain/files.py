"""Uploaded files: media type by first bytes, and safe file names."""

import re
import unicodedata
from typing import Final

SNIFFED: Final = 512
"""Number of first bytes that identify a file's type (https://mimesniff.spec.whatwg.org/#reading-the-resource-header)."""

UNKNOWN: Final = "application/octet-stream"

ALLOWED_TYPES: Final = (
    "application/msword",
    "application/pdf",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/zip",
    "audio/aac",
    "audio/amr",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/calendar",
    "text/csv",
    "text/plain",
    "text/vcard",
    "video/3gpp",
    "video/mp4",
)
"""Default of the allowed types: those that the channels accept, and none that a browser would run."""

_SIGNATURES: Final = (
    (re.compile(rb"%PDF-"), frozenset({"application/pdf"})),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), frozenset({"image/png"})),
    (re.compile(rb"\xff\xd8\xff"), frozenset({"image/jpeg"})),
    (re.compile(rb"GIF8[79]a"), frozenset({"image/gif"})),
    (re.compile(rb"RIFF....WEBPVP", re.DOTALL), frozenset({"image/webp"})),
    (re.compile(rb"....ftyp", re.DOTALL), frozenset({"video/mp4", "video/3gpp", "audio/mp4"})),
    (re.compile(rb"#!AMR"), frozenset({"audio/amr"})),
    (re.compile(rb"OggS\x00"), frozenset({"audio/ogg"})),
    (re.compile(rb"ID3"), frozenset({"audio/mpeg"})),
    (re.compile(rb"\xff[\xf0-\xf1\xf8-\xf9]"), frozenset({"audio/aac"})),
    (re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"), frozenset({"audio/mpeg"})),
    (
        re.compile(rb"PK\x03\x04"),
        frozenset({"application/zip", *(one for one in ALLOWED_TYPES if "openxmlformats" in one)}),
    ),
    (
        re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        frozenset({"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"}),
    ),
)
"""First bytes of each kind of file, and the types that this kind may have.

https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern; AMR: RFC 4867 §5.1; AAC (ADTS) and MP3 frames:
ISO/IEC 13818-7 §6.2, 11172-3 §2.4.1.3; Office before 2007: [MS-CFB] §2.2.
"""

_WITH_SIGNATURE: Final = frozenset[str]().union(*(types for _, types in _SIGNATURES))

_MAX_NAME_LENGTH: Final = 150
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_UNSEEN: Final = re.compile("C|Z[lp]")
"""Unicode categories of controls, formats, surrogates, unassigned characters, and line and paragraph separators."""
_DOTS: Final = ". "


def is_of_type(head: bytes, media_type: str) -> bool:
    """Whether a file with these first bytes may have this type.

    A type with known signatures requires one of them. Any other type requires that no known signature matches and, for
    text, that there are no zero bytes.
    """
    for signature, types in _SIGNATURES:
        if signature.match(head):
            return media_type in types
    return media_type not in _WITH_SIGNATURE and not (media_type.startswith("text/") and b"\x00" in head)


def safe_file_name(name: str) -> str:
    """Return a file name that is safe to store and to offer for download.

    The name is in Unicode normal form, of bounded length, and keeps its extension. It has no folders and no
    characters with a meaning for a file system, a header or the writing direction.
    """
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    seen = "".join(character for character in base if not _UNSEEN.match(unicodedata.category(character)))
    plain = _NOT_IN_NAMES.sub("_", seen).strip(_DOTS)
    stem, dot, ending = plain.rpartition(".")
    if dot and len(ending) < _MAX_NAME_LENGTH // 2:
        plain = f"{stem[: _MAX_NAME_LENGTH - len(ending) - 1]}.{ending}"
    return plain[:_MAX_NAME_LENGTH].strip(_DOTS) or "file"
