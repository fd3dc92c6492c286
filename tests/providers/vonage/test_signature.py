"""Vonage's signatures, compared with vectors that record the verdict of its own library."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from providers.base import UnverifiedError, Webhook
from providers.vonage import Vonage
from providers.vonage.settings import VonageConfiguration, VonageCredentials
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.vonage import API_KEY, PRIVATE_KEY, SIGNATURE_SECRET, signed

HERE: Final = Path(__file__).parents[1]
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())
URL: Final = "https://iris.example/webhooks/vonage/685bc5d05a72ed2a5f8d0e42"
STATUS: Final = Webhook(URL, {}, b'{"message_uuid":"1","channel":"sms","status":"read"}', NOW)

Vector = Mapping[str, Any]


def reader(secret: str = SIGNATURE_SECRET) -> Vonage:
    credentials = {"apiKey": API_KEY, "apiSecret": "unused", "signatureSecret": secret}
    return Vonage.open({"sender": "Iris"}, credentials, NO_NETWORK)


def is_believed(vonage: Vonage, webhook: Webhook) -> bool:
    try:
        vonage.verify(webhook)
    except UnverifiedError:
        return False
    return True


def vectors() -> list[Vector]:
    content = json.loads((HERE / "vectors" / "vonage.json").read_text())
    return [{**vector, "now": content["now_for_freshness_checks"]} for vector in content["vectors"]]


class TestSignature:
    @pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
    def test_a_vector_is_verified_as_expected(self, vector: Vector) -> None:
        headers = {name.lower(): value for name, value in vector["headers"].items()}
        webhook = Webhook(URL, headers, vector["raw_body"].encode(), datetime.fromtimestamp(vector["now"], UTC))
        assert is_believed(reader(vector["secret"]), webhook) is vector["expect_accept_by_iris"]

    @settings(deadline=None)
    @given(body=st.binary(), token=st.text(), scheme=st.sampled_from(["Bearer ", "Basic ", ""]))
    def test_an_unsigned_webhook_is_refused(self, body: bytes, token: str, scheme: str) -> None:
        assert not is_believed(reader(), Webhook(URL, {"authorization": scheme + token}, body, NOW))

    @settings(deadline=None)
    @given(body=st.binary(), change=st.integers(0, 400), character=st.sampled_from("aA0_-.="))
    def test_a_changed_token_is_not_believed(self, body: bytes, change: int, character: str) -> None:
        whole = signed(Webhook(URL, {}, body, NOW), SIGNATURE_SECRET)
        bearer = whole.headers["authorization"]
        changed = bearer[:change] + character + bearer[change + 1 :]
        webhook = Webhook(URL, {"authorization": changed}, body, NOW)
        # The last character of a signature carries two bits that mean nothing (RFC 4648 §3.5).
        assert not is_believed(reader(), webhook) or changed[:-1] == bearer[:-1]

    def test_a_private_key_in_the_place_of_the_secret_signs_nothing(self) -> None:
        assert not is_believed(reader(PRIVATE_KEY), signed(STATUS, PRIVATE_KEY))

    def test_an_empty_secret_signs_nothing_even_when_it_slipped_in(self) -> None:
        credentials = VonageCredentials.model_construct(
            api_key=API_KEY, api_secret=SecretStr("unused"), signature_secret=SecretStr("")
        )
        vonage = Vonage(VonageConfiguration(sender="Iris"), credentials, NO_NETWORK)
        assert not is_believed(vonage, signed(STATUS, ""))


class TestReplay:
    def test_the_key_is_the_tokens_id(self) -> None:
        assert reader().nonce(signed(STATUS, SIGNATURE_SECRET, jti="j1")) == "j1"

    def test_an_unsigned_webhook_has_none(self) -> None:
        with pytest.raises(UnverifiedError):
            reader().nonce(STATUS)
