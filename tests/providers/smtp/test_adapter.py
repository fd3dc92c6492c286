import asyncio
import base64
import logging
import ssl
import traceback
from dataclasses import replace
from typing import Any, cast

import pytest
from pydantic import JsonValue

from domain.outcomes import Accepted, FailureClass, Rejected
from providers.base import MisconfiguredError, TransientError
from tests.providers.smtp.mail import KNOWN, MESSAGE_ID, mail, received, smtp, verdict
from tests.providers.smtp.servers import PASSWORD, USERNAME, Authority, Mailroom, Reply, mail_server, scripted_server

authority = Authority()


class TestSecurity:
    async def test_starttls_protects_the_conversation(self) -> None:
        mailroom = Mailroom()
        async with mail_server(mailroom, starttls=authority.server_context(), auth=True) as port:
            provider = smtp(port, KNOWN, security="starttls", trustedCertificates=authority.certificate)
            assert await verdict(provider) == Accepted(provider_message_id=MESSAGE_ID)
        assert [it.under_tls for it in mailroom.received] == [True]

    async def test_tls_from_the_first_byte(self) -> None:
        mailroom = Mailroom()
        async with mail_server(mailroom, tls=authority.server_context()) as port:
            provider = smtp(port, security="tls", trustedCertificates=authority.certificate)
            assert await verdict(provider) == Accepted(provider_message_id=MESSAGE_ID)
        assert len(mailroom.received) == 1

    @pytest.mark.parametrize("trusted", [Authority().certificate, None], ids=["another authority", "the system's"])
    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_a_certificate_that_is_not_trusted_gets_nothing(self, security: str, trusted: str | None) -> None:
        mailroom = Mailroom()
        contexts: dict[str, ssl.SSLContext] = {security: authority.server_context()}
        async with mail_server(mailroom, **cast("dict[str, Any]", contexts)) as port:
            outcome = await verdict(smtp(port, KNOWN, security=security, trustedCertificates=trusted))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("untrusted_certificate", FailureClass.CONFIGURATION)
        assert mailroom.received == []

    async def test_a_certificate_for_another_host_gets_nothing(self) -> None:
        async with mail_server(Mailroom(), tls=authority.server_context()) as port:
            provider = smtp(port, host="localhost", security="tls", trustedCertificates=authority.certificate)
            outcome = await verdict(provider)
        assert isinstance(outcome, Rejected)
        assert outcome.code == "untrusted_certificate"

    async def test_nothing_is_sent_to_a_server_without_starttls(self) -> None:
        async with scripted_server(EHLO=b"250-mx\r\n250 AUTH PLAIN\r\n") as (server, port):
            outcome = await verdict(smtp(port, KNOWN, security="starttls"))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("starttls_not_offered", FailureClass.CONFIGURATION)
        assert server.verbs == ["EHLO", "QUIT"]

    @pytest.mark.parametrize("host", ["mx.example.net", "192.0.2.1", "2001:db8::1", "localhost.example.com"])
    def test_a_clear_connection_over_a_network_is_refused(self, host: str) -> None:
        with pytest.raises(MisconfiguredError, match="security"):
            smtp(25, host=host)

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
    def test_a_clear_connection_within_the_machine_is_not(self, host: str) -> None:
        smtp(25, host=host)

    @pytest.mark.parametrize("sender", ["iris", "a@example.com, b@example.com", "I\r\nris <iris@example.com>", ""])
    @pytest.mark.parametrize("field", ["sender", "envelopeSender"])
    def test_a_sender_that_is_no_address_is_refused(self, field: str, sender: str) -> None:
        with pytest.raises(MisconfiguredError, match=field):
            smtp(25, None, **{field: sender})


class TestAuthentication:
    async def test_a_wrong_password_is_refused_and_tried_once(self) -> None:
        async with scripted_server(AUTH=b"535 5.7.8 no\r\n") as (server, port):
            outcome = await verdict(smtp(port, KNOWN))
        assert outcome == Rejected(code="535", failure=FailureClass.CONFIGURATION, detail="5.7.8")
        assert server.verbs == ["EHLO", "AUTH", "QUIT"]

    @pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
    @pytest.mark.parametrize("password", [PASSWORD, "wrong"])
    async def test_a_real_server_knows_its_own(self, password: str) -> None:
        mailroom = Mailroom()
        async with mail_server(mailroom, auth=True) as port:
            outcome = await verdict(smtp(port, {"username": USERNAME, "password": password}))
        assert (isinstance(outcome, Accepted), len(mailroom.received)) == (password == PASSWORD, password == PASSWORD)

    async def test_a_server_that_only_offers_login_gets_a_login(self) -> None:
        def reply(command: str) -> Reply:
            assert command == f"AUTH LOGIN {base64.b64encode(USERNAME.encode()).decode()}"
            return b"334 UGFzc3dvcmQ6\r\n"

        password = base64.b64encode(PASSWORD.encode()).decode()
        script: dict[str, Any] = {"EHLO": b"250-mx\r\n250 AUTH LOGIN\r\n", "AUTH": reply, password: b"235 OK\r\n"}
        async with scripted_server(**script) as (server, port):
            assert isinstance(await verdict(smtp(port, KNOWN)), Accepted)
        assert len(server.bodies) == 1

    @pytest.mark.parametrize("offer", [b"250 mx\r\n", b"250-mx\r\n250 AUTH XOAUTH2 CRAM-MD5\r\n"])
    async def test_a_server_that_offers_no_password_login_gets_nothing(self, offer: bytes) -> None:
        async with scripted_server(EHLO=offer) as (server, port):
            outcome = await verdict(smtp(port, KNOWN))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("auth_not_offered", FailureClass.CONFIGURATION)
        assert server.verbs == ["EHLO", "QUIT"]

    async def test_a_server_that_cannot_check_now_may_be_asked_again(self) -> None:
        async with scripted_server(AUTH=b"454 4.7.0 later\r\n") as (_, port):
            outcome = await verdict(smtp(port, KNOWN))
        assert isinstance(outcome, TransientError)
        assert outcome.code == "454"

    @pytest.mark.parametrize("code", [b"535 5.7.8", b"454", b"", b"299"])
    async def test_the_password_is_never_reported_even_if_a_server_repeats_it(
        self, code: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with scripted_server(AUTH=lambda command: code + b" " + command.encode() + b"\r\n") as (_, port):
            outcome = await verdict(smtp(port, KNOWN))
        traceback_text = "".join(traceback.format_exception(outcome)) if isinstance(outcome, TransientError) else ""
        everything = f"{outcome!r}{outcome}{traceback_text}{caplog.text}"
        encoded = base64.b64encode(f"\0{USERNAME}\0{PASSWORD}".encode()).decode()
        assert PASSWORD not in everything
        assert encoded not in everything

    @pytest.mark.parametrize("credentials", [{"username": "iris"}, {"password": "x"}, {"username": "", "password": ""}])
    def test_half_a_login_is_refused(self, credentials: dict[str, JsonValue]) -> None:
        with pytest.raises(MisconfiguredError, match="username"):
            smtp(25, credentials)


class TestSize:
    async def test_a_message_larger_than_the_server_takes_is_not_offered(self) -> None:
        async with scripted_server(EHLO=b"250-mx\r\n250 SIZE 1000\r\n") as (server, port):
            outcome = await verdict(smtp(port), mail(body="x" * 1000))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.failure) == ("too_big", FailureClass.CONTENT)
        assert server.verbs == ["EHLO", "QUIT"]

    async def test_the_size_is_declared_as_it_is(self) -> None:
        async with scripted_server() as (server, port):
            await smtp(port).send(mail(body="1\n2\n.\n4"))
        (declared,) = [command for command in server.commands if command.startswith("MAIL")]
        unstuffed = server.bodies[0].removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        assert declared.endswith(f"SIZE={len(unstuffed)}")

    @pytest.mark.parametrize("limit", [b"SIZE", b"SIZE 0", b"SIZE many", b"8BITMIME"])
    async def test_a_server_that_sets_no_limit_has_none(self, limit: bytes) -> None:
        async with scripted_server(EHLO=b"250-mx\r\n250 " + limit + b"\r\n") as (_, port):
            assert isinstance(await verdict(smtp(port)), Accepted)

    async def test_a_real_server_takes_what_is_large_and_allowed(self) -> None:
        body = "ñandú\n" * 30_000
        assert (await received(mail(body=body))).message.get_content().split() == body.split()


async def test_many_send_at_once() -> None:
    mailroom = Mailroom()
    async with mail_server(mailroom) as port:
        provider = smtp(port)
        await asyncio.gather(*(provider.send(replace(mail(), reference=f"{number}")) for number in range(50)))
    assert {it.message["Message-ID"] for it in mailroom.received} == {f"<{n}@example.com>" for n in range(50)}
