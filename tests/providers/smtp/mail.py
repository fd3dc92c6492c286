"""A message, the provider that sends it to a server on loopback, and the mail that answers it."""

from collections.abc import Mapping

import httpx2
from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import Accepted, Outcome
from domain.payloads.email import Email
from providers.base import Outbound, TransientError, Webhook
from providers.smtp import Smtp
from providers.smtp.messages import compose
from providers.smtp.settings import SmtpConfiguration
from security.ssrf_guard import PRIVATE, AddressGuard
from tests.providers.smtp.report_mails import BOUNCES, SECRET, code, posted
from tests.providers.smtp.servers import LOOPBACK, PASSWORD, USERNAME, Mailroom, Received, mail_server

REFERENCE = "685bc5d05a72ed2a5f8d0e41"
MESSAGE_ID = f"<{REFERENCE}@example.com>"
INTEGRATION = "685bc5d05a72ed2a5f8d0e42"
URL = f"https://iris.example/webhooks/smtp/{INTEGRATION}"
OWN_ADDRESS = f"bounces+{REFERENCE}.{code(INTEGRATION, REFERENCE)}@example.com"
"""Address for answers to the message, if it has one of its own."""
KNOWN: Mapping[str, JsonValue] = {"username": USERNAME, "password": PASSWORD}

unused_http = httpx2.AsyncClient(transport=httpx2.AsyncBaseTransport())


def smtp(port: int, credentials: Mapping[str, JsonValue] | None = None, **configuration: JsonValue) -> Smtp:
    return Smtp.open(
        {
            "host": LOOPBACK,
            "port": port,
            "security": "none",
            "sender": "Iris <iris@example.com>",
            "timeoutSeconds": 5,
            **configuration,
        },
        credentials or {},
        unused_http,
        AddressGuard(PRIVATE),
    )


def mail_receiver(port: int = 1, **configuration: JsonValue) -> Smtp:
    """Provider that receives mail: its messages have addresses of their own."""
    return smtp(port, {"bounceSecret": SECRET}, bounceAddress=BOUNCES, **configuration)


def answer(body: bytes, recipient: str = OWN_ADDRESS) -> Webhook:
    """Mail to the message's own address."""
    return posted(body, recipient, URL)


def mail(*destinations: str, **payload: JsonValue) -> Outbound:
    return Outbound(
        reference=REFERENCE,
        channel=Channel.EMAIL,
        destinations=destinations or ("ana@example.com",),
        payload=Email.model_validate({"type": "email", "subject": "Hola", "body": "Hasta mañana", **payload}),
        callback_url=URL,
    )


async def received(
    outbound: Outbound, credentials: Mapping[str, JsonValue] | None = None, **configuration: JsonValue
) -> Received:
    """Message as a server received it."""
    mailroom = Mailroom()
    async with mail_server(mailroom, utf8=True) as port:
        outcome = await smtp(port, credentials, **configuration).send(outbound)
    assert isinstance(outcome, Accepted)
    (it,) = mailroom.received
    return it


def composed(outbound: Outbound) -> Received:
    """Message as a server would receive it."""
    letter = compose(SmtpConfiguration(host=LOOPBACK, port=25, sender="Iris <iris@example.com>"), outbound)
    return Received(sender=letter.sender.address, recipients=tuple(letter.recipients), content=letter.content)


async def verdict(provider: Smtp, outbound: Outbound | None = None) -> Outcome | TransientError:
    try:
        return await provider.send(outbound or mail())
    except TransientError as error:
        return error
