"""Mail servers on loopback: a real one, aiosmtpd, and a scripted one that fails at any phase."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Final, Protocol, cast

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LOOPBACK: Final = "127.0.0.1"
USERNAME: Final = "iris"
PASSWORD: Final = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Received:
    """Message as a server accepted it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    options: tuple[str, ...] = ()
    under_tls: bool = False

    @property
    def message(self) -> EmailMessage:
        return BytesParser(policy=default).parsebytes(self.content)


@dataclass  # without slots: aiosmtpd reads all members, which Python 3.11.2 cannot of a class with slots
class Mailroom:
    """Handler of an aiosmtpd server: accepts everything, except for scripted replies."""

    received: list[Received] = field(default_factory=list[Received])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    sender_reply: str = "250 2.1.0 OK"
    data_reply: str = "250 2.0.0 queued as 4ZQ"
    not_taken: int = 0

    async def handle_MAIL(  # noqa: N802 - aiosmtpd names its hooks after the commands
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return self.sender_reply

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names its hooks after the commands
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd names its hooks after the commands
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.data_reply.startswith("2"):
            self.received.append(
                Received(
                    sender=envelope.mail_from or "",
                    recipients=tuple(envelope.rcpt_tos),
                    content=cast("bytes", envelope.original_content),
                    options=tuple(envelope.mail_options),
                    under_tls=session.ssl is not None,
                )
            )
        else:
            self.not_taken += 1
        return self.data_reply


class _Certificate(Protocol):
    """The used part of trustme's certificates, fully typed."""

    def configure_cert(self, ctx: ssl.SSLContext) -> None: ...


@dataclass(frozen=True, slots=True)
class Authority:
    """Certificate authority, and a server on loopback with its certificate."""

    root: trustme.CA = field(default_factory=trustme.CA)

    @property
    def certificate(self) -> str:
        return self.root.cert_pem.bytes().decode()

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        cast("_Certificate", self.root.issue_cert(LOOPBACK)).configure_cert(context)
        return context


@asynccontextmanager
async def mail_server(  # noqa: PLR0913 - each is one thing that a server may be set up with
    mailroom: Mailroom,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    auth: bool = False,
    utf8: bool = False,
    size_limit: int = 33_554_432,
) -> AsyncGenerator[int]:
    """Start an aiosmtpd server, and return its port."""

    def protocol() -> SMTP:
        return SMTP(
            mailroom,
            hostname="mx.example.net",
            ident="ESMTP",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=_authenticate if auth else None,
            auth_required=auth,
            auth_require_tls=starttls is not None,
            enable_SMTPUTF8=utf8,
            data_size_limit=size_limit,
        )

    server = await asyncio.get_running_loop().create_server(protocol, LOOPBACK, 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object) -> AuthResult:
    known = LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=login == known, handled=False)


Reply = bytes | None
"""Reply of the scripted server; None for no reply until the client gives up."""

CLOSE: Final = b""
"""Reply of a server that closes the connection instead."""

CONNECTED: Final = "CONNECT"
BODY: Final = "BODY"

POLITE: Final[Mapping[str, Reply]] = {
    CONNECTED: b"220 mx.example.net ESMTP\r\n",
    "EHLO": b"250-mx.example.net\r\n250-STARTTLS\r\n250-SIZE 0\r\n250 AUTH PLAIN LOGIN\r\n",
    "AUTH": b"235 2.7.0 OK\r\n",
    "MAIL": b"250 2.1.0 OK\r\n",
    "RCPT": b"250 2.1.5 OK\r\n",
    "DATA": b"354 Go ahead\r\n",
    BODY: b"250 2.0.0 queued as 4ZQ\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
}
"""Successful replies to each command, and to the message itself."""


class ScriptedServer:
    """Server with scripted replies.

    Attributes:
        script: the reply to each command; a function of the whole command if it depends on more than its verb.
        commands: the received commands, in order.
        bodies: the complete messages, with their dots still stuffed.
        open_connections: the number of clients that have not disconnected.
    """

    def __init__(self, **script: Reply | Callable[[str], Reply]) -> None:
        self.script: dict[str, Reply | Callable[[str], Reply]] = {**POLITE, **script}
        self.commands: list[str] = []
        self.bodies: list[bytes] = []
        self.open_connections = 0
        self.changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    @property
    def verbs(self) -> list[str]:
        return [command.partition(" ")[0] for command in self.commands]

    async def listen(self) -> int:
        """Start listening, and return the port."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=2**24)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def received(self, command: str) -> None:
        """Wait until a command has come."""
        async with self.changed:
            await self.changed.wait_for(lambda: command in self.verbs)

    async def left_alone(self) -> None:
        """Wait until every client has disconnected."""
        async with self.changed:
            await self.changed.wait_for(lambda: not self.open_connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._count(1)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self.changed:
            self.open_connections += change
            self.changed.notify_all()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = CONNECTED
        while True:
            reply = self._reply(command)
            if reply is None:
                await reader.read()
                return
            if reply == CLOSE:
                return
            writer.write(reply)
            if command == "QUIT":
                await writer.drain()
                return
            command = await self._next(reader, body=reply.startswith(b"354"))

    def _reply(self, command: str) -> Reply:
        reply = self.script.get(command.partition(" ")[0], b"502 5.5.1 Unknown\r\n")
        return reply(command) if callable(reply) else reply

    async def _next(self, reader: asyncio.StreamReader, *, body: bool) -> str:
        if body:
            self.bodies.append(await reader.readuntil(b"\r\n.\r\n"))
            command = BODY
        else:
            command = (await reader.readuntil(b"\r\n")).decode().strip()
        async with self.changed:
            self.commands.append(command)
            self.changed.notify_all()
        return command


@asynccontextmanager
async def scripted_server(**script: Reply | Callable[[str], Reply]) -> AsyncGenerator[tuple[ScriptedServer, int]]:
    """Start a scripted server; return it and its port."""
    server = ScriptedServer(**script)
    port = await server.listen()
    try:
        yield server, port
    finally:
        await server.stop()
