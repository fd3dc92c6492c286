"""Fake mail server with a script (RFC 5321): it refuses by reply codes, and loses answers after the message.

Its receipts are delivery reports, which come as mail to the message's own address. The status `delivered` is not among
them, since not every server reports it: see `test_smtp_reports.py`.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import ClassVar, Final

from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import FailureClass
from domain.payloads.email import Email
from domain.status import Milestone
from providers.base import Webhook
from providers.smtp import Smtp
from tests.providers.fake_provider import Delivery, FakeProvider, Settings, with_another_body, with_another_url, without
from tests.providers.smtp.report_mails import BOUNCES, SECRET, code, posted, report, signed
from tests.providers.smtp.servers import BODY, CLOSE, LOOPBACK, PASSWORD, POLITE, USERNAME, Reply, ScriptedServer

LOSSES: Final[Mapping[str, Reply]] = {
    "closed after the message": CLOSE,
    "no answer to the message in time": None,
    "half an answer": b"250-2.0.0 queued\r\n",
    "not SMTP": b"HTTP/1.1 200 OK\r\n",
    "neither yes nor no": b"199 2.0.0 well\r\n",
}


class SmtpEmail(FakeProvider):
    """Mail server for one user."""

    provider = Smtp
    channel = Channel.EMAIL
    payload = Email(type="email", subject="Su cita, mañana", body="¿Vendrá?\n.\nHasta mañana — Iris")
    destinations = ("ana@example.com", "Luis.Gil@example.org")
    refusals: ClassVar = {
        "550": FailureClass.DESTINATION,
        "551": FailureClass.DESTINATION,
        "530": FailureClass.CONFIGURATION,
    }
    throttles: ClassVar = {"421": None, "450": None, "451": None, "452": None}
    losses: ClassVar[Iterable[str]] = LOSSES
    unknown_credentials: ClassVar = ({"password": "a wrong one"}, "535")
    invalid_credentials: ClassVar = {"535": {"password": "a wrong one"}}
    status_map: ClassVar = {
        "delayed": Milestone.SENT,
        "relayed": Milestone.SENT,
        "expanded": Milestone.SENT,
        "failed": Milestone.FAILED,
        "expired": Milestone.FAILED,
    }
    unknown_statuses = ("teleported",)
    forgeries: ClassVar = {
        "unsigned": without("x-iris-recipient"),
        "posted by somebody else": without("x-iris-signature"),
        "another body": with_another_body,
        "another URL": with_another_url,
        "another recipient": lambda webhook: signed(posted(webhook.body, BOUNCES, webhook.url)),
    }
    secretless: ClassVar[Mapping[str, JsonValue] | None] = {"bounceSecret": None}
    bad_configurations: ClassVar = {
        "host": {"host": "mx example"},
        "port": {"port": 0},
        "security": {"host": "mx.example.net", "security": "none"},
        "sender": {"sender": "Iris <iris@example.com>\r\nBcc: eve@example.com"},
        "envelopeSender": {"envelopeSender": "iris"},
        "bounceAddress": {"bounceAddress": "Iris <bounces@example.com>"},
        "repliesToIris": {"bounceAddress": None, "repliesToIris": True},
        "messageIdDomain": {"messageIdDomain": "example.com>"},
        "timeoutSeconds": {"timeoutSeconds": 0},
        "trustedCertificates": {"trustedCertificates": "none"},
        "server": {"server": "mx.example.net"},
    }
    bad_credentials: ClassVar = {
        "password": {"password": "new\r\nline"},
        "username": {"username": None},
        "bounceSecret": {"bounceSecret": "too short"},
        "webhookSecret": {"webhookSecret": ""},
        "token": {"token": "not a field"},
    }

    def __init__(self) -> None:
        super().__init__()
        self._timeout = 30.0
        self._server = ScriptedServer(CONNECT=self._count, AUTH=self._know, BODY=self._take)

    async def listen(self) -> int:
        return await self._server.listen()

    async def stop(self) -> None:
        await self._server.stop()

    def configuration(self) -> Settings:
        return {
            "host": LOOPBACK,
            "port": self.port,
            "security": "none",
            "sender": "Iris <iris@example.com>",
            "bounceAddress": BOUNCES,
            "repliesToIris": True,
            "timeoutSeconds": self._timeout,
        }

    def credentials(self) -> Settings:
        return {"username": USERNAME, "password": PASSWORD, "bounceSecret": SECRET, "webhookSecret": SECRET}

    def secrets(self) -> Sequence[str]:
        return (PASSWORD, _plain(USERNAME, PASSWORD), SECRET)

    def quote(self, code: str) -> None:
        self._server.script["RCPT"] = f"{code} no: AUTH PLAIN {_plain(USERNAME, PASSWORD)} {PASSWORD}\r\n".encode()

    def refuse(self, code: str) -> None:
        self._server.script["RCPT"] = f"{code} no\r\n".encode()

    def throttle(self, code: str) -> None:
        self._server.script["RCPT"] = f"{code} later\r\n".encode()

    def lose_answer(self, loss: str) -> None:
        self._server.script[BODY] = LOSSES[loss]
        self._timeout = 0.5

    def receipt(self, delivery: Delivery, word: str) -> Webhook:
        url = self.outbound().callback_url
        address = _own_address(url, delivery.reference, SECRET)
        action, status = ("failed", "4.4.7") if word == "expired" else (word, "5.1.1" if word == "failed" else "2.0.0")
        mail_id = f"<{delivery.reference}.{word}@mx.example.net>"
        recipient = delivery.destinations[0]
        return signed(posted(report(address, recipient, action, status, mail_id=mail_id), address, url))

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        reference = webhook.headers["x-iris-recipient"].partition("+")[2].partition(".")[0]
        return signed(posted(webhook.body, _own_address(webhook.url, reference, secret), webhook.url), secret)

    def _count(self, _command: str) -> Reply:
        self.attempts += 1
        return POLITE["CONNECT"]

    def _know(self, command: str) -> Reply:
        known = command == f"AUTH PLAIN {_plain(USERNAME, PASSWORD)}"
        return POLITE["AUTH"] if known else f"535 5.7.8 {command} is wrong\r\n".encode()

    def _take(self, _command: str) -> Reply:
        content = self._server.bodies[-1].removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
        message = message_from_bytes(content, EmailMessage, policy=policy.default)
        message_id = message["Message-ID"]
        text = "\n".join(message.get_content().splitlines())
        self.deliveries.append(
            Delivery(
                destinations=tuple(address.addr_spec for address in message["To"].addresses),
                text=text,
                reference=message_id.strip("<>").partition("@")[0],
                provider_message_id=message_id,
            )
        )
        return POLITE[BODY]


def _own_address(url: str, reference: str, secret: str) -> str:
    local_part, _, domain = BOUNCES.partition("@")
    return f"{local_part}+{reference}.{code(url.rpartition('/')[2], reference, secret)}@{domain}"


def _plain(username: str, password: str) -> str:
    """RFC 4616."""
    return base64.b64encode(f"\0{username}\0{password}".encode()).decode()


FAKE_PROVIDERS = (SmtpEmail,)
