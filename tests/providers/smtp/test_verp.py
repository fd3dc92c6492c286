"""Addresses for answers, the header that verifies them, and who may post mail."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue, SecretStr

from providers.base import MisconfiguredError, UnreadableError, UnverifiedError, Webhook
from providers.smtp import Smtp
from providers.smtp.mailbox import read_mailbox
from providers.smtp.signature import signature_of
from providers.smtp.verp import Verp
from tests.providers.smtp.mail import (
    INTEGRATION,
    OWN_ADDRESS,
    REFERENCE,
    URL,
    answer,
    mail,
    mail_receiver,
    received,
    smtp,
)
from tests.providers.smtp.report_mails import BOUNCES, SECRET, code, posted, signed

VECTORS: Final[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "smtp.json").read_text())
LOCAL_PART, _, DOMAIN = OWN_ADDRESS.partition("@")
CODE: Final = code(INTEGRATION, REFERENCE)


def is_believed(provider: Smtp, webhook: Webhook) -> bool:
    try:
        provider.verify(webhook)
    except UnverifiedError:
        return False
    return True


class TestAddress:
    @pytest.mark.parametrize("vector", VECTORS["addresses"], ids=lambda vector: vector["address"])
    def test_an_address_is_made_and_read_as_it_is_described(self, vector: dict[str, str]) -> None:
        verp = Verp(SecretStr(vector["secret"]), f"https://iris.example/webhooks/smtp/{vector['integrationId']}")
        assert verp.address(read_mailbox(BOUNCES), vector["reference"]).address == vector["address"]
        assert verp.reference(vector["address"]) == vector["reference"]

    async def test_bounces_go_to_the_messages_own_address(self) -> None:
        it = await received(mail(), {"bounceSecret": SECRET}, bounceAddress=BOUNCES, envelopeSender="old@example.com")
        assert (it.sender, it.message["From"], it.message["Reply-To"]) == (OWN_ADDRESS, "Iris <iris@example.com>", None)

    async def test_replies_go_there_too_where_that_is_configured(self) -> None:
        it = await received(mail(), {"bounceSecret": SECRET}, bounceAddress=BOUNCES, repliesToIris=True)
        assert it.message["Reply-To"] == OWN_ADDRESS

    async def test_replies_go_where_the_message_says(self) -> None:
        outbound = mail(replyto="help@example.com")
        it = await received(outbound, {"bounceSecret": SECRET}, bounceAddress=BOUNCES, repliesToIris=True)
        assert it.message["Reply-To"] == "help@example.com"

    async def test_without_a_secret_there_is_no_such_address(self) -> None:
        it = await received(mail(), bounceAddress=BOUNCES, repliesToIris=True)
        assert (it.sender, it.message["Reply-To"]) == ("iris@example.com", None)

    async def test_without_a_mailbox_there_is_no_such_address(self) -> None:
        it = await received(mail(), {"bounceSecret": SECRET}, envelopeSender="old@example.com")
        assert (it.sender, it.message["Reply-To"]) == ("old@example.com", None)

    async def test_an_address_is_as_long_as_mail_allows(self) -> None:
        it = await received(mail(), {"bounceSecret": SECRET}, bounceAddress=f"{'b' * 22}@example.com")
        assert len(it.sender.partition("@")[0]) == 64

    @pytest.mark.parametrize(
        "address",
        [f"{'b' * 23}@example.com", "Bounces <bounces@example.com>", "ñ@example.com", "bounces", "a@b.example\r\nX: y"],
    )
    def test_a_mailbox_that_cannot_bear_it_is_refused(self, address: str) -> None:
        with pytest.raises(MisconfiguredError, match="bounceAddress"):
            smtp(25, None, bounceAddress=address)


class TestRecipient:
    @pytest.mark.parametrize(
        "recipient",
        [
            OWN_ADDRESS,
            OWN_ADDRESS.upper(),
            f" <{OWN_ADDRESS}> ",
            f"old+bounces+{REFERENCE}.{CODE}@mail.example.net",
        ],
    )
    def test_mail_to_a_messages_own_address_is_believed(self, recipient: str) -> None:
        mail_receiver().verify(answer(b"", recipient))

    @pytest.mark.parametrize(
        "recipient",
        [
            "",
            BOUNCES,
            f"bounces+{REFERENCE}@{DOMAIN}",
            f"bounces+{REFERENCE}.@{DOMAIN}",
            f"bounces+{REFERENCE}.{CODE[:-1]}@{DOMAIN}",
            f"bounces+{REFERENCE}.{CODE}a@{DOMAIN}",
            f"bounces+{REFERENCE[:-1]}0.{CODE}@{DOMAIN}",
            f"bounces+.{CODE}@{DOMAIN}",
            f"bounces+{REFERENCE}.{code(INTEGRATION, REFERENCE, 'another bounce secret')}@{DOMAIN}",
            f"bounces+{REFERENCE}.{code('685bc5d05a72ed2a5f8d0e43', REFERENCE)}@{DOMAIN}",
            f"{OWN_ADDRESS}, eve@example.com",
            f"eve@example.com, {OWN_ADDRESS}, eve@example.com",
            "ñ" * 100,
        ],
    )
    def test_mail_to_any_other_address_is_not(self, recipient: str) -> None:
        assert not is_believed(mail_receiver(), answer(b"", recipient))
        with pytest.raises(UnreadableError):
            mail_receiver().parse(answer(b"", recipient))

    def test_a_character_changed_anywhere_is_noticed(self) -> None:
        for position in range(len(f"{REFERENCE}.{CODE}")):
            at = len("bounces+") + position
            other = "b" if OWN_ADDRESS[at] != "b" else "c"
            changed = OWN_ADDRESS[:at] + other + OWN_ADDRESS[at + 1 :]
            assert not is_believed(mail_receiver(), answer(b"", changed)), changed

    def test_mail_posted_to_another_integration_with_the_same_secret_is_not_believed(self) -> None:
        with pytest.raises(UnverifiedError):
            mail_receiver().verify(posted(b"", OWN_ADDRESS, URL[:-1] + "3"))

    @given(recipient=st.text() | st.from_regex(r"[a-z]+\+[a-z0-9+.]+\.[a-z2-7]{16}@[a-z.]+", fullmatch=True))
    @example(recipient="+" * 100_000 + "@")
    @example(recipient="<" * 100_000)
    def test_no_address_is_believed_that_we_did_not_make(self, recipient: str) -> None:
        assert not is_believed(mail_receiver(), answer(b"", recipient))

    def test_without_a_secret_nothing_is_believed(self) -> None:
        provider = smtp(25, None, bounceAddress=BOUNCES)
        for secret in (SECRET, ""):
            address = f"bounces+{REFERENCE}.{code(INTEGRATION, REFERENCE, secret)}@example.com"
            assert not is_believed(provider, signed(answer(b"", address), secret))

    @pytest.mark.parametrize("field", ["bounceSecret", "webhookSecret"])
    @pytest.mark.parametrize("secret", ["", "fifteen letters"])
    def test_a_secret_that_could_be_guessed_is_refused(self, field: str, secret: str) -> None:
        with pytest.raises(MisconfiguredError, match=field):
            smtp(25, {field: secret})


class TestSignature:
    KEYS: Final[dict[str, JsonValue]] = {"bounceSecret": SECRET, "webhookSecret": "made up webhook secret"}

    @pytest.mark.parametrize("vector", VECTORS["signatures"], ids=lambda vector: repr(vector["body"]))
    def test_a_signature_is_as_it_is_described(self, vector: dict[str, str]) -> None:
        webhook = answer(vector["body"].encode(), vector["recipient"])
        assert signature_of(webhook, vector["secret"]) == vector["signature"]

    def test_an_address_made_with_the_secret_is_accepted(self) -> None:
        smtp(25, self.KEYS).verify(signed(answer(b"x"), "made up webhook secret"))

    def test_an_address_made_without_the_secret_is_refused(self) -> None:
        believed = signed(answer(b"x"), "made up webhook secret")
        for forged in (
            answer(b"x"),
            signed(answer(b"x"), SECRET),
            replace(believed, body=b"y"),
            replace(believed, headers={**believed.headers, "x-iris-recipient": OWN_ADDRESS.upper()}),
            replace(believed, headers={**believed.headers, "x-iris-signature": "ñ"}),
        ):
            assert not is_believed(smtp(25, self.KEYS), forged)

    def test_without_the_secret_the_address_is_enough(self) -> None:
        mail_receiver().verify(answer(b"x"))
