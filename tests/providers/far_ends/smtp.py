"""A mail server's side, by a script (RFC 5321): it says no by reply codes, and loses answers after the message."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import ClassVar, Final

from domain.channels import Channel
from domain.outcomes import FailureClass
from domain.payloads.email import Email
from providers.smtp import Smtp
from tests.providers.far_end import Delivery, FarEnd, Settings
from tests.providers.smtp_servers import BODY, CLOSE, LOOPBACK, PASSWORD, POLITE, USERNAME, Reply, ScriptedServer

LOSSES: Final[Mapping[str, Reply]] = {
    "closed after the message": CLOSE,
    "no answer to the message in time": None,
    "half an answer": b"250-2.0.0 queued\r\n",
    "not SMTP": b"HTTP/1.1 200 OK\r\n",
    "neither yes nor no": b"199 2.0.0 well\r\n",
}


class SmtpEmail(FarEnd):
    """A mail server that one user may use."""

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
    stranger: ClassVar = ({"password": "a wrong one"}, "535")
    bad_configurations: ClassVar = {
        "host": {"host": "mx example"},
        "port": {"port": 0},
        "security": {"host": "mx.example.net", "security": "none"},
        "sender": {"sender": "Iris <iris@example.com>\r\nBcc: eve@example.com"},
        "envelopeSender": {"envelopeSender": "iris"},
        "messageIdDomain": {"messageIdDomain": "example.com>"},
        "timeoutSeconds": {"timeoutSeconds": 0},
        "trustedCertificates": {"trustedCertificates": "none"},
        "server": {"server": "mx.example.net"},
    }
    bad_credentials: ClassVar = {
        "password": {"password": "new\r\nline"},
        "username": {"username": None},
        "token": {"token": "not a field"},
    }

    def __init__(self) -> None:
        super().__init__()
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
            "timeoutSeconds": 0.5,
        }

    def credentials(self) -> Settings:
        return {"username": USERNAME, "password": PASSWORD}

    def secrets(self) -> Sequence[str]:
        return (PASSWORD, _plain(USERNAME, PASSWORD))

    def refuse(self, code: str) -> None:
        self._server.script["RCPT"] = f"{code} no\r\n".encode()

    def throttle(self, code: str) -> None:
        self._server.script["RCPT"] = f"{code} later\r\n".encode()

    def lose_answer(self, loss: str) -> None:
        self._server.script[BODY] = LOSSES[loss]

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


def _plain(username: str, password: str) -> str:
    """RFC 4616."""
    return base64.b64encode(f"\0{username}\0{password}".encode()).decode()


FAR_ENDS = (SmtpEmail,)
