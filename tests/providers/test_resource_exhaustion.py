"""Input that is small to write and large to parse is refused or parsed in linear time and memory.

A violated bound takes minutes, so that the timeout fails the test.
"""

import tracemalloc
from contextlib import suppress
from typing import Final

import httpx2
import pytest
from pydantic import SecretStr

from api.http.middleware import MAX_HEADER_BYTES
from domain.destinations import DestinationKind, InvalidDestinationError, normalise
from domain.gate.keywords import NO_KEYWORD
from domain.inbound import keyword_of
from providers.base import UnreadableError, UnverifiedError, Webhook
from providers.smtp.mailbox import read_mailbox
from providers.smtp.mime import MAX_DEPTH
from providers.smtp.plain_text import html_to_text
from providers.smtp.verp import Verp
from providers.vonage.responses import Problem
from tests.providers.fake_provider import NOW, FakeProvider
from tests.providers.fake_providers import FAKE_PROVIDERS
from tests.providers.smtp.mail import URL, answer, mail_receiver
from tests.providers.smtp.report_mails import SECRET

pytestmark = pytest.mark.timeout(60)

LONG: Final = 200_000
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}

ONE_OF_EACH: Final = {fake_provider.provider.name: fake_provider for fake_provider in FAKE_PROVIDERS}
BODIES: Final = {
    "arrays in arrays": b"[" * LONG,
    "arrays in arrays, closed": b"[" * LONG + b"]" * LONG,
    "objects in objects": b'{"a":' * LONG,
    "a number": b"9" * LONG,
    "a number in a field": b'{"timestamp": ' + b"9" * LONG + b', "entry": ' + b"9" * LONG + b"}",
    "an exponent": b'{"timestamp": 1e' + b"9" * LONG + b"}",
    "one name many times": b"{" + b'"object": 1,' * LONG + b'"entry": []}',
    "many names": b"{" + b",".join(b'"%d": 1' % number for number in range(LONG)) + b"}",
    "many entries": b'{"object": "whatsapp_business_account", "entry": [' + b"{}," * LONG + b"{}]}",
    "escapes": b'{"status": "' + b"\\u0000\\ud800" * (LONG // 12) + b'"}',
    "fields of a form": b"MessageSid=SM1&" * (LONG // 15),
    "percents": b"MessageSid=" + b"%" * LONG,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("fake_provider", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_a_body_of_any_shape_is_refused_or_read(fake_provider: type[FakeProvider], body: bytes) -> None:
    provider = fake_provider().open(NO_NETWORK)
    webhook = Webhook("https://iris.example/?reference=1", FORM, body[: provider.max_webhook_bytes], NOW)
    with suppress(UnverifiedError):
        provider.verify(webhook)
    with suppress(UnreadableError):
        provider.parse(webhook)


@pytest.mark.parametrize(
    "html", ["<" + "a" * LONG, "<a " + "a" * LONG, "<a" + "/" * LONG, "<!" + "-" * LONG, "<a href" + " " * LONG + ">"]
)
def test_html_with_one_tag_that_never_ends_is_read(html: str) -> None:
    assert len(html_to_text(html)) <= len(html)


@pytest.mark.parametrize("text", [" " * 998, '"' + " " * 997, " " * 499 + "x" + " " * 498, "<" * 998, " <" * 499])
def test_a_line_that_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_mailbox(text)


@pytest.mark.parametrize("kind", DestinationKind)
@pytest.mark.parametrize(
    "text", ["1" * LONG, "a." * LONG, '"' + "\\" * LONG, "a@" + "a." * LONG, "(-)" * LONG, "ñ" * LONG]
)
def test_a_text_that_is_no_destination_is_refused(kind: DestinationKind, text: str) -> None:
    with pytest.raises(InvalidDestinationError):
        normalise(kind, text)


@pytest.mark.parametrize(
    "address", ["+" * MAX_HEADER_BYTES, "+a" * (MAX_HEADER_BYTES // 2), "+a." * (MAX_HEADER_BYTES // 3)]
)
def test_an_address_of_plus_signs_bears_no_reference(address: str) -> None:
    assert Verp(SecretStr(SECRET), URL).reference(address) is None


@pytest.mark.parametrize("kind", ["api-errors", "api-errors/", "a", "/"])
def test_a_problem_of_no_sensible_type_is_not_vonages(kind: str) -> None:
    assert not Problem(type=f"https://x/{kind * (950 // len(kind))}!").is_vonages


def test_endless_punctuation_is_no_opt_out() -> None:
    assert keyword_of({"Text": "! ." * LONG}) == NO_KEYWORD


MAIL: Final = b"From: Ana <ana@example.com>\r\n"


def nested(levels: int, content: bytes) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels)
    )
    return MAIL + head + b"\r\n" + content


def test_a_large_mail_in_the_deepest_parts_is_not_copied_for_each_level() -> None:
    body = nested(MAX_DEPTH, b"hola\r\n" * 1_300_000)
    provider, webhook = mail_receiver(), answer(body)
    tracemalloc.start()
    try:
        provider.parse(webhook)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(body)
