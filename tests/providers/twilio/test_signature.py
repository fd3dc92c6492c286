"""Twilio's signatures, compared with vectors and with Twilio's own library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, SecretStr

from providers.base import UnverifiedError, Webhook
from providers.twilio import Twilio
from providers.twilio.settings import TwilioConfiguration, TwilioCredentials
from tests.providers.fake_provider import NOW
from tests.providers.fake_providers.twilio import ACCOUNT, FORM, SENDER, TOKEN, TwilioSms
from tests.providers.twilio import vendor as vendor_twilio

HERE: Final = Path(__file__).parents[1]
NO_NETWORK: Final = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())
URL: Final = "https://iris.example/webhooks/twilio/685bc5d05a72ed2a5f8d0e42"
CALLBACK: Final = Webhook(URL, {"content-type": FORM}, b"MessageSid=SM1&MessageStatus=sent", NOW)

Vector = Mapping[str, Any]


def reader(**credentials: JsonValue) -> Twilio:
    known: dict[str, JsonValue] = {"accountSid": ACCOUNT, "authToken": TOKEN}
    return Twilio.open({"sender": SENDER}, known | credentials, NO_NETWORK)


def is_believed(twilio: Twilio, webhook: Webhook) -> bool:
    try:
        twilio.verify(webhook)
    except UnverifiedError:
        return False
    return True


def vectors() -> list[Vector]:
    return cast("list[Vector]", json.loads((HERE / "vectors" / "twilio.json").read_text())["vectors"])


class TestSignature:
    @pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
    def test_a_vector_is_verified_as_expected(self, vector: Vector) -> None:
        secret: dict[str, JsonValue] = {"authToken": vector["secret"]}
        if vector.get("algorithm") == "HMAC_SHA256":
            secret = {"sharedKeySecret": vector["secret"]}
        headers = {name.lower(): value for name, value in vector["headers"].items()}
        webhook = Webhook(
            vector["url"], {**headers, "content-type": vector["content_type"]}, vector["raw_body"].encode(), NOW
        )
        assert is_believed(reader(**secret), webhook) is vector["expect_valid"]

    @settings(deadline=None)
    @given(
        secret=st.text(min_size=1),
        parameters=st.dictionaries(st.text(min_size=1), st.text(), max_size=6),
        host=st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9})?(:[1-9][0-9]{1,3})?", fullmatch=True),
        path=st.from_regex(r"(/[a-zA-Z0-9%._~-]{0,9}){0,3}(\?[a-z]=[a-z0-9%]{0,5}(&b=2)?)?", fullmatch=True),
        scheme=st.sampled_from(["http", "https"]),
        changed=st.booleans(),
    )
    def test_the_official_library_is_of_the_same_mind(  # noqa: PLR0913 - one argument for each part of a request
        self, secret: str, parameters: dict[str, str], host: str, path: str, scheme: str, *, changed: bool
    ) -> None:
        url = f"{scheme}://{host}{path}"
        signature = vendor_twilio.validator(secret).compute_signature(url, parameters)
        received = {**parameters, "More": "1"} if changed else parameters
        headers = {"content-type": FORM, "x-twilio-signature": signature}
        webhook = Webhook(url, headers, urlencode(received).encode(), NOW)
        believed = is_believed(reader(authToken=secret), webhook)
        assert (
            believed == vendor_twilio.validator(secret).validate(url, received, signature) == (received == parameters)
        )

    @settings(deadline=None)
    @given(body=st.binary(), content_type=st.sampled_from([FORM, "application/json", ""]), signature=st.text())
    def test_an_unsigned_webhook_is_refused(self, body: bytes, content_type: str, signature: str) -> None:
        headers = {"content-type": content_type, "x-twilio-signature": signature}
        assert not is_believed(reader(), Webhook(URL, headers, body, NOW))

    @pytest.mark.parametrize("signer", ["new_token", "old_token"])
    def test_while_a_token_is_replaced_the_old_and_the_new_one_sign(self, signer: str) -> None:
        rotating = reader(authToken="new_token", previousAuthToken="old_token")
        assert is_believed(rotating, TwilioSms().sign(CALLBACK, signer))

    def test_afterwards_the_old_one_does_not(self) -> None:
        assert not is_believed(reader(authToken="new_token"), TwilioSms().sign(CALLBACK, "old_token"))

    def test_an_empty_token_signs_nothing_even_when_it_slipped_in(self) -> None:
        credentials = TwilioCredentials.model_construct(
            account_sid=ACCOUNT,
            auth_token=SecretStr(""),
            previous_auth_token=SecretStr(""),
            shared_key_secret=SecretStr(""),
        )
        twilio = Twilio(TwilioConfiguration(sender=SENDER), credentials, NO_NETWORK)
        assert not is_believed(twilio, TwilioSms().sign(CALLBACK, ""))
