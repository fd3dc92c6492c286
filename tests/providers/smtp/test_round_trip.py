"""Message to a real server, aiosmtpd, and the bounce to the address that the server received."""

from typing import Final

import pytest

from domain.events import InboundMessage, ProviderEvent
from domain.outcomes import Accepted, FailureClass, RefusedDestination
from domain.status import Milestone
from providers.base import UnverifiedError
from providers.smtp import Smtp
from tests.providers.smtp.mail import KNOWN, MESSAGE_ID, REFERENCE, URL, mail, smtp
from tests.providers.smtp.report_mails import BOUNCES, SECRET, posted, report, signed
from tests.providers.smtp.servers import Authority, Mailroom, Received, mail_server

THREE: Final = ("ana@example.com", "luis@example.com", "eva@example.com")
WEBHOOK_SECRET: Final = "made up webhook secret"

authority = Authority()


def provider(port: int, bounce_secret: str = SECRET) -> Smtp:
    return smtp(
        port,
        {**KNOWN, "bounceSecret": bounce_secret, "webhookSecret": WEBHOOK_SECRET},
        security="starttls",
        trustedCertificates=authority.certificate,
        bounceAddress=BOUNCES,
        repliesToIris=True,
    )


@pytest.fixture
async def sent() -> Received:
    """Message that the server accepted over STARTTLS, after refusing one of three recipients."""
    mailroom = Mailroom(refused={"luis@example.com": "550 5.1.1 unknown"})
    async with mail_server(mailroom, starttls=authority.server_context(), auth=True) as port:
        outcome = await provider(port).send(mail(*THREE, body="<p>Hasta <b>mañana</b></p>", ishtml=True))
    refused = RefusedDestination(
        destination="luis@example.com", code="550", failure=FailureClass.DESTINATION, detail="5.1.1 unknown"
    )
    assert outcome == Accepted(provider_message_id=MESSAGE_ID, refused=(refused,))
    (it,) = mailroom.received
    return it


async def test_the_message_goes_out_in_two_forms_under_tls_to_those_who_were_not_refused(sent: Received) -> None:
    assert sent.under_tls
    assert sent.recipients == ("ana@example.com", "eva@example.com")
    assert [part.get_content_type() for part in sent.message.iter_parts()] == ["text/plain", "text/html"]


async def test_its_bounce_finds_it(sent: Received) -> None:
    body = report(sent.sender, "eva@example.com", "failed", "5.2.1", diagnostic="550 5.2.1 disabled")
    bounce = signed(posted(body, sent.sender, URL), WEBHOOK_SECRET)
    hearer = provider(1)
    hearer.verify(bounce)
    (event,) = hearer.parse(bounce)
    assert isinstance(event, ProviderEvent)
    assert (event.reference, event.provider_message_id) == (REFERENCE, sent.message["Message-ID"])
    assert (event.provider_status, event.milestone, event.destination) == (
        "failed",
        Milestone.FAILED,
        "eva@example.com",
    )
    assert (event.code, event.failure) == ("5.2.1", FailureClass.DESTINATION)


async def test_a_reply_to_it_finds_it(sent: Received) -> None:
    to = sent.message["Reply-To"].addresses[0].addr_spec
    reply = signed(posted(b"From: Ana <ana@example.com>\r\n\r\nAll right", to, URL), WEBHOOK_SECRET)
    hearer = provider(1)
    hearer.verify(reply)
    (message,) = hearer.parse(reply)
    assert isinstance(message, InboundMessage)
    assert (message.in_reply_to, message.sender) == (sent.message["Message-ID"], "ana@example.com")


async def test_a_bounce_to_an_address_that_was_tampered_with_is_refused(sent: Received) -> None:
    to = sent.sender.replace(REFERENCE, "685bc5d05a72ed2a5f8d0e40")
    with pytest.raises(UnverifiedError):
        provider(1).verify(signed(posted(report(to, THREE[0], "failed", "5.1.1"), to, URL), WEBHOOK_SECRET))


async def test_a_bounce_to_another_integration_is_refused(sent: Received) -> None:
    bounce = report(sent.sender, THREE[0], "failed", "5.1.1")
    with pytest.raises(UnverifiedError):
        provider(1).verify(signed(posted(bounce, sent.sender, URL[:-1] + "3"), WEBHOOK_SECRET))
    with pytest.raises(UnverifiedError):
        provider(1, "another bounce secret").verify(signed(posted(bounce, sent.sender, URL), WEBHOOK_SECRET))
