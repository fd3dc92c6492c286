"""Quotes in providers' errors are shown without secrets."""

import base64
from urllib.parse import quote, quote_plus

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.http import describe
from providers.redaction import HIDDEN, redaction, redaction_for

SECRET = "s3cr3t+/ñ&=s3cr3t"


@pytest.mark.parametrize("shown", [SECRET, quote(SECRET), quote_plus(SECRET), quote(SECRET, safe="")])
def test_a_secret_is_hidden_as_it_is_and_in_urls(shown: str) -> None:
    assert "s3cr3t" not in redaction([SECRET])(f"bad request: {shown}!")


@given(before=st.binary(max_size=5), after=st.binary(max_size=5), alphabet=st.sampled_from((b"+/", b"-_")))
def test_a_secret_is_hidden_wherever_it_stands_within_base64(before: bytes, after: bytes, alphabet: bytes) -> None:
    shown = base64.b64encode(before + SECRET.encode() + after, alphabet).decode()
    left = redaction([SECRET])(shown)
    assert HIDDEN in left
    assert len(left) <= len(shown) - len(SECRET.encode()) * 4 // 3 + 3


def test_text_without_secrets_is_unchanged() -> None:
    assert redaction([SECRET, ""])("bad request") == "bad request"
    assert redaction([])("bad request") == "bad request"


@pytest.mark.parametrize(
    ("authorization", "quoted"),
    [
        (f"Bearer {SECRET.encode().hex()}", SECRET.encode().hex()),
        (f"Basic {base64.b64encode(b'me:pa:ss').decode()}", base64.b64encode(b"me:pa:ss").decode()),
        (f"Basic {base64.b64encode(b'me:pa:ss').decode()}", "pa:ss"),
        ("Basic no-base64", "no-base64"),
    ],
)
def test_the_authorization_of_a_request_is_secret(authorization: str, quoted: str) -> None:
    request = httpx2.Request("POST", "http://127.0.0.1", headers={"Authorization": authorization})
    assert redaction_for(request)(f"me said {quoted}.") == f"me said {HIDDEN}."


def test_a_request_that_is_no_http_is_not_quoted() -> None:
    assert describe(httpx2.LocalProtocolError(f"Illegal header value b'Bearer {SECRET}'")) == "LocalProtocolError"
    assert describe(httpx2.ReadTimeout("too late")) == "ReadTimeout: too late"
    assert describe(httpx2.ReadTimeout("")) == "ReadTimeout"
