"""Sinch's signatures, compared with vectors that its own library made and verified."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, SecretStr

from providers.base import UnverifiedError, Webhook
from providers.sinch import Sinch
from providers.sinch.settings import SinchConfiguration, SinchCredentials
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.sinch import KEY_ID, NONCE, WEBHOOK_SECRET, SinchRcs, signature

HERE: Final = Path(__file__).parents[1]
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())
FAKE_PROVIDER: Final = SinchRcs()
CALLBACK: Final = Webhook("https://iris.example/webhooks/sinch/1", {}, b"{}", NOW)
STAMP: Final = "x-sinch-webhook-signature-timestamp"

Vector = Mapping[str, Any]


def reader(secret: str = WEBHOOK_SECRET) -> Sinch:
    credentials: dict[str, JsonValue] = {**FAKE_PROVIDER.credentials(), "webhookSecret": secret}
    return Sinch.open(FAKE_PROVIDER.configuration(), credentials, NO_NETWORK)


def with_secret_unchecked(secret: str) -> Sinch:
    """Reader with a secret that no integration may have."""
    credentials = SinchCredentials.model_construct(
        key_id=KEY_ID, key_secret=SecretStr("x"), webhook_secret=SecretStr(secret)
    )
    return Sinch(SinchConfiguration.model_validate(FAKE_PROVIDER.configuration()), credentials, NO_NETWORK)


def is_believed(sinch: Sinch, webhook: Webhook) -> bool:
    try:
        sinch.verify(webhook)
    except UnverifiedError:
        return False
    return True


def webhook_of(vector: Vector, received_at: datetime) -> Webhook:
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    return Webhook(CALLBACK.url, headers, vector["raw_body"].encode(), received_at)


def vectors() -> list[Vector]:
    return cast("list[Vector]", json.loads((HERE / "vectors" / "sinch.json").read_bytes())["vectors"])


class TestVectors:
    @pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
    def test_each_is_believed_or_not_as_it_says(self, vector: Vector) -> None:
        webhook = webhook_of(vector, datetime.fromtimestamp(vector["received_at"], UTC))
        assert is_believed(with_secret_unchecked(vector["secret"]), webhook) is vector["expect_valid"]

    def test_iris_believes_nothing_that_the_official_library_does_not(self) -> None:
        assert not [vector["name"] for vector in vectors() if vector["expect_valid"] and not vector["sdk_accepts"]]


class TestAge:
    @pytest.mark.parametrize(
        ("seconds", "believed"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)]
    )
    def test_a_signature_is_believed_for_five_minutes(self, seconds: int, *, believed: bool) -> None:
        webhook = replace(FAKE_PROVIDER.sign(CALLBACK, WEBHOOK_SECRET), received_at=NOW + timedelta(seconds=seconds))
        assert is_believed(reader(), webhook) is believed

    @pytest.mark.parametrize("stamp", ["", " 1784629800", "1784629800.0", "+1784629800", "١٧٨٤٦٢٩٨٠٠", "9" * 5000])
    def test_a_time_is_in_whole_seconds(self, stamp: str) -> None:
        signed = FAKE_PROVIDER.sign(CALLBACK, WEBHOOK_SECRET)
        claimed = signature(WEBHOOK_SECRET, CALLBACK.body, NONCE, stamp)
        headers = {**signed.headers, STAMP: stamp, "x-sinch-webhook-signature": claimed}
        assert not is_believed(reader(), replace(signed, headers=headers))


class TestSecrets:
    def test_an_empty_secret_signs_nothing_even_when_it_slipped_in(self) -> None:
        assert not is_believed(with_secret_unchecked(""), FAKE_PROVIDER.sign(CALLBACK, ""))

    @settings(deadline=None)
    @given(secret=st.text(min_size=1), body=st.binary())
    def test_any_body_signed_with_the_secret_is_accepted(self, secret: str, body: bytes) -> None:
        assert is_believed(reader(secret), FAKE_PROVIDER.sign(replace(CALLBACK, body=body), secret))

    @settings(deadline=None)
    @given(
        headers=st.dictionaries(
            st.sampled_from(["", "-nonce", "-timestamp", "-algorithm"]).map(
                lambda end: f"x-sinch-webhook-signature{end}"
            ),
            st.text() | st.sampled_from(["HmacSHA256", "1784629800"]),
        ),
        body=st.binary(),
    )
    def test_an_unsigned_webhook_is_refused(self, headers: dict[str, str], body: bytes) -> None:
        assert not is_believed(reader(), replace(CALLBACK, headers=headers, body=body))


class TestReplay:
    def test_a_webhook_bears_its_nonce_once(self) -> None:
        assert reader().nonce(FAKE_PROVIDER.sign(CALLBACK, WEBHOOK_SECRET)) == NONCE
