"""Uploaded files: media type by first bytes, and safe file names."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.files import is_of_type, safe_file_name

PNG = b"\x89PNG\r\n\x1a\n\x00\x00"
ZIP = b"PK\x03\x04\x14\x00"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (PNG, "image/png"),
        (b"%PDF-1.7 \xe2\xe3", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (ZIP, "application/zip"),
        (ZIP, DOCX),
        ("Su cita es mañana".encode(), "text/plain"),
        (b"a;b\r\n1;2\r\n", "text/csv"),
    ],
)
def test_a_files_type_follows_from_its_first_bytes(head: bytes, media_type: str) -> None:
    assert is_of_type(head, media_type)


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"<html><script>", "image/png"),
        (PNG, "image/jpeg"),
        (PNG, "text/plain"),
        (ZIP, "application/pdf"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "text/plain"),
        (b"MZ\x90\x00\x03\x00\x00\x00", DOCX),
    ],
)
def test_a_file_with_other_first_bytes_is_refused(head: bytes, media_type: str) -> None:
    assert not is_of_type(head, media_type)


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("factura ñ.pdf", "factura ñ.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\plan.docx", "plan.docx"),
        ("a\r\nBcc: eva@x.es.txt", "aBcc_ eva@x.es.txt"),
        ("=?utf-8?q?a=0D=0A?=.pdf", "=_utf-8_q_a=0D=0A_=.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        (".htaccess", "htaccess"),
        ("...", "file"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_a_file_name_is_made_safe(given_name: str, safe: str) -> None:
    assert safe_file_name(given_name) == safe


@given(st.text(max_size=40).map(lambda text: text * 5))
def test_a_safe_name_is_stable(name: str) -> None:
    safe = safe_file_name(name)
    assert safe_file_name(safe) == safe
    assert 1 <= len(safe) <= 150
    assert not set(safe) & set('/\\:*?"<>|')
    assert "=?" not in safe
    assert not any(unicodedata.category(character).startswith("C") for character in safe)
    assert safe.splitlines() == [safe]
