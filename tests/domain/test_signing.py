"""Notifications are signed as Standard Webhooks requires; its own Python package verifies them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from domain.signing import SECRET_PREFIX, new_secret, signature_headers


@given(st.text(), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_the_reference_implementation_verifies_any_body(text: str, message_id: str) -> None:
    secret, body = new_secret(), text.encode("utf-8", "replace")
    headers = signature_headers([secret], message_id, datetime.now(UTC), body)
    Webhook(secret).verify(body, dict(headers), json_parse=False)


def test_only_the_old_and_the_new_secret_verify_during_rotation() -> None:
    new, former = new_secret(), new_secret()
    headers = dict(signature_headers([new, former], "m1", datetime.now(UTC), b"{}"))
    Webhook(new).verify(b"{}", headers)
    Webhook(former).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(b"{}", headers)


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp"])
def test_nothing_signed_can_be_changed(changed: str) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    headers = dict(signature_headers([secret], "m1", now, b"{}"))
    later = signature_headers([secret], "m2", now + timedelta(seconds=1), b"{}")
    body = b"[]" if changed == "body" else b"{}"
    headers |= {changed: later[changed]} if changed in later else {}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_a_secret_has_the_form_of_the_specification_and_is_unique() -> None:
    assert new_secret().startswith(SECRET_PREFIX)
    assert len({new_secret() for _ in range(100)}) == 100
