"""Requests for delivery reports (RFC 3461)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from domain.outcomes import Accepted
from providers.smtp.dsn_parameters import xtext
from tests.providers.smtp.mail import OWN_ADDRESS, REFERENCE, mail, mail_receiver, smtp, verdict
from tests.providers.smtp.servers import scripted_server

OFFERED = b"250-mx\r\n250-SMTPUTF8\r\n250-SIZE 0\r\n250 DSN\r\n"


def commands_of(commands: list[str], verb: str) -> list[str]:
    return [command for command in commands if command.startswith(verb)]


async def test_every_report_is_asked_for_where_the_server_offers_them() -> None:
    async with scripted_server(EHLO=OFFERED) as (server, port):
        assert isinstance(
            await verdict(mail_receiver(port), mail("ana+x@example.com", "luis@españa.example")), Accepted
        )
    (sender,) = commands_of(server.commands, "MAIL")
    assert sender.startswith(f"MAIL FROM:<{OWN_ADDRESS}> ")
    assert sender.endswith(f" RET=HDRS ENVID={REFERENCE}")
    assert commands_of(server.commands, "RCPT") == [
        "RCPT TO:<ana+x@example.com> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;ana+2Bx@example.com",
        "RCPT TO:<luis@xn--espaa-rta.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;luis@xn--espaa-rta.example",
    ]


async def test_none_is_asked_for_of_copies() -> None:
    async with scripted_server(EHLO=OFFERED) as (server, port):
        await verdict(mail_receiver(port), mail(cc=["eva@example.com"], bcc=["archive@example.com", "ana@example.com"]))
    assert [command.partition("> ")[2] for command in commands_of(server.commands, "RCPT")] == [
        "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;ana@example.com",
        "NOTIFY=NEVER",
        "NOTIFY=NEVER",
    ]


async def test_an_address_that_is_not_ascii_is_not_repeated() -> None:
    async with scripted_server(EHLO=OFFERED) as (server, port):
        await verdict(mail_receiver(port), mail("mónica@example.com"))
    assert commands_of(server.commands, "RCPT") == ["RCPT TO:<mónica@example.com> NOTIFY=SUCCESS,FAILURE,DELAY"]


async def test_none_is_asked_for_where_the_server_offers_none() -> None:
    async with scripted_server() as (server, port):
        assert isinstance(await verdict(mail_receiver(port)), Accepted)
    assert not [command for command in server.commands if "NOTIFY" in command or "RET=" in command]


@pytest.mark.parametrize("credentials", [None, {"bounceSecret": "made up bounce secret"}])
async def test_no_reports_are_requested_if_they_could_not_be_received(credentials: dict[str, JsonValue] | None) -> None:
    async with scripted_server(EHLO=OFFERED) as (server, port):
        await verdict(smtp(port, credentials))
    assert not [command for command in server.commands if "NOTIFY" in command or "RET=" in command]


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_parameter_is_written_in_the_characters_it_may_have_and_reads_as_it_was(text: str) -> None:
    written = xtext(text)
    assert re.fullmatch(r"([!-*,-<>-~]|\+[0-9A-F]{2})*", written)
    read = re.sub(rb"\+(..)", lambda escaped: bytes.fromhex(escaped[1].decode()), written.encode())
    assert read.decode() == text
