"""Meta's signatures, compared with vectors, and its verification of our URL."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from providers.base import UnverifiedError, Webhook
from providers.meta import Meta
from providers.meta.settings import MetaConfiguration, MetaCredentials
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.meta import (
    NO_NETWORK,
    PAGE_ID,
    SIGNATURE,
    TOKEN,
    VERIFY_TOKEN,
    notify,
    reader,
    sign,
)

HERE: Final = Path(__file__).parents[1]
URL: Final = "https://iris.example/webhooks/meta/685bc5d05a72ed2a5f8d0e42"
QUESTION: Final = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": VERIFY_TOKEN}
WITHOUT_SECRETS: Final = MetaCredentials.model_construct(
    access_token=SecretStr(TOKEN), app_secret=SecretStr(""), verify_token=SecretStr("")
)

Vector = Mapping[str, Any]


def is_believed(meta: Meta, webhook: Webhook) -> bool:
    try:
        meta.verify(webhook)
    except UnverifiedError:
        return False
    return True


def cases(group: str) -> list[Vector]:
    vectors: Mapping[str, list[Vector]] = json.loads((HERE / "vectors" / "meta.json").read_text())
    return vectors[group]


class TestSignature:
    @pytest.mark.parametrize("vector", cases("vectors"), ids=lambda vector: vector["name"])
    def test_a_vector_is_verified_as_expected(self, vector: Vector) -> None:
        headers = {name.lower(): value for name, value in vector["headers"].items()}
        webhook = Webhook(URL, headers, vector["raw_body"].encode(), NOW)
        assert is_believed(reader(PAGE_ID, appSecret=vector["secret"]), webhook) is vector["expect_valid"]

    @settings(deadline=None)
    @given(body=st.binary(), secret=st.text(min_size=1), other=st.binary())
    def test_exactly_the_signed_bytes_are_believed(self, body: bytes, secret: str, other: bytes) -> None:
        signed = sign(Webhook(URL, {}, body, NOW), secret)
        assert is_believed(reader(PAGE_ID, appSecret=secret), signed)
        assert is_believed(reader(PAGE_ID, appSecret=secret), Webhook(URL, signed.headers, other, NOW)) is (
            other == body
        )

    @settings(deadline=None)
    @given(body=st.binary(), signature=st.text())
    def test_an_unsigned_webhook_is_refused(self, body: bytes, signature: str) -> None:
        assert not is_believed(reader(PAGE_ID), Webhook(URL, {SIGNATURE: signature}, body, NOW))
        assert not is_believed(reader(PAGE_ID), Webhook(URL, {SIGNATURE: f"sha256={signature}"}, body, NOW))

    def test_an_empty_secret_signs_nothing_even_when_it_slipped_in(self) -> None:
        meta = Meta(MetaConfiguration(sender_id=PAGE_ID), WITHOUT_SECRETS, NO_NETWORK)
        assert not is_believed(meta, sign(notify(URL, {}), ""))


class TestChallenge:
    @pytest.mark.parametrize("case", cases("verification_get"), ids=lambda case: case["query"])
    def test_only_the_verify_token_gets_the_challenge(self, case: Vector) -> None:
        meta = reader(PAGE_ID, verifyToken=case["our_verify_token"])
        query = dict(parse_qsl(case["query"], keep_blank_values=True))
        if case["expect_status"] == 200:
            assert meta.challenge(query) == case["expect_body"]
        else:
            with pytest.raises(UnverifiedError) as caught:
                meta.challenge(query)
            assert case["our_verify_token"] not in str(caught.value)

    @settings(deadline=None)
    @given(query=st.dictionaries(st.sampled_from(sorted(QUESTION)), st.text()))
    def test_whatever_is_asked_is_answered_only_to_the_token(self, query: dict[str, str]) -> None:
        with pytest.raises(UnverifiedError):
            reader(PAGE_ID).challenge(query)

    def test_an_empty_token_is_none_even_when_it_slipped_in(self) -> None:
        meta = Meta(MetaConfiguration(sender_id=PAGE_ID), WITHOUT_SECRETS, NO_NETWORK)
        with pytest.raises(UnverifiedError):
            meta.challenge({**QUESTION, "hub.verify_token": ""})
