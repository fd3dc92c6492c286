"""One conversation with a mail server: a connection, one message, goodbye (RFC 5321 §3)."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import Final, cast

import aiosmtplib

from domain.outcomes import Accepted, FailureClass, Outcome, RefusedDestination, Rejected, Unanswered
from outbound_guard import AddressGuard
from providers.base import TransientError
from providers.redaction import redaction
from providers.smtp import notifications
from providers.smtp.mailbox import Mailbox
from providers.smtp.message import Mail
from providers.smtp.replies import Phase, RefusalError, detail_of, failure_class, is_refusal, is_temporary, judge
from providers.smtp.settings import Security, SmtpConfiguration, SmtpCredentials, tls_context

LONGEST_GOODBYE: Final = 2.0
"""Seconds that are given to QUIT: nothing depends on its reply."""

_CLOSING: Final = 421
"""The reply after which a server closes the connection, whatever it was asked (RFC 5321 §3.8)."""


class Conversation:
    """One message offered to one server.

    `aiosmtplib` raises the same exception for a connection lost before and after the message is handed over, so the
    phase is kept here: only a loss within DATA leaves it open whether the message was taken.
    """

    def __init__(
        self, configuration: SmtpConfiguration, credentials: SmtpCredentials, mail: Mail, guard: AddressGuard
    ) -> None:
        self._configuration = configuration
        self._credentials = credentials
        self._mail = mail
        self._guard = guard
        self._phase = Phase.CONNECT
        self._redact = redaction([credentials.password.get_secret_value()] if credentials.password else [])
        self._smtp = aiosmtplib.SMTP(
            hostname=configuration.host,  # what its certificate must say; the connection is made by the guard
            local_hostname=configuration.own_domain,
            use_tls=configuration.security is Security.TLS,
            start_tls=False,  # never left to what the server offers: `_secure` insists
            tls_context=tls_context(configuration.trusted_certificates),
            timeout=None,  # one deadline for the whole instead
        )

    async def hold(self) -> Outcome:
        """Offer the message, and judge what came of it.

        Raises:
            TransientError: when the server surely did not take it, and may later.
        """
        deadline = asyncio.get_running_loop().time() + self._configuration.timeout_seconds
        try:
            verdict = await self._verdict(deadline)
            await self._quit(deadline)
        finally:
            self._abort()
        if isinstance(verdict, TransientError):
            raise verdict
        return verdict

    async def _verdict(self, deadline: float) -> Outcome | TransientError:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._offer()
        except RefusalError as error:
            return error.rejected
        except aiosmtplib.SMTPResponseException as error:
            return judge(self._phase, error.code, self._redact(error.message))
        except (aiosmtplib.SMTPException, OSError) as error:
            self._abort()
            return self._judge_loss(error)

    async def _offer(self) -> Outcome:
        where = self._configuration
        connection = await self._guard.connect(where.host, where.port, where.timeout_seconds)
        await self._smtp.connect(sock=connection)
        await self._greet()
        if self._configuration.security is Security.STARTTLS:
            await self._secure()
            await self._greet()
        await self._authenticate()
        await self._give_sender()
        refused = await self._give_recipients()
        self._phase = Phase.DATA
        await self._smtp.data(self._mail.content)
        return Accepted(provider_message_id=self._mail.message_id, refused=refused)

    async def _greet(self) -> None:
        self._phase = Phase.EHLO
        await self._smtp.ehlo()

    async def _secure(self) -> None:
        self._phase = Phase.STARTTLS
        if not self._smtp.supports_extension("starttls"):
            raise RefusalError("starttls_not_offered", FailureClass.CONFIGURATION, "the server does not offer STARTTLS")
        await self._smtp.starttls()

    async def _authenticate(self) -> None:
        """Say who we are, by the first mechanism that the server offers.

        Only one is tried: trying the next after a refusal would count one wrong password twice.
        """
        username, password = self._credentials.username, self._credentials.password
        if username is None or password is None:
            return
        self._phase = Phase.AUTH
        offered = self._smtp.server_auth_methods
        if "plain" in offered:
            await self._smtp.auth_plain(username.get_secret_value(), password.get_secret_value())
        elif "login" in offered:
            await self._smtp.auth_login(username.get_secret_value(), password.get_secret_value())
        else:
            raise RefusalError(
                "auth_not_offered", FailureClass.CONFIGURATION, "the server offers no AUTH PLAIN or LOGIN"
            )

    async def _give_sender(self) -> None:
        self._phase = Phase.MAIL
        self._check_size()
        options = [f"SIZE={len(self._mail.content)}"] if self._smtp.supports_extension("size") else []
        if self._mail.is_international:
            self._check_international()
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        envelope_id = self._reported_id()
        if envelope_id is not None:
            options += notifications.mail_options(envelope_id)
        await self._smtp.mail(self._mail.sender.address, options=options, encoding="utf-8")

    def _check_size(self) -> None:
        """The largest message that the server takes, in octets; 0 or nothing where it sets no limit (RFC 1870 §4)."""
        limit = self._smtp.esmtp_extensions.get("size", "").strip()
        size = len(self._mail.content)
        if limit.isascii() and limit.isdigit() and 0 < int(limit) < size:
            raise RefusalError("too_big", FailureClass.CONTENT, f"{size} bytes, and the server takes {limit}")

    def _check_international(self) -> None:
        if not self._smtp.supports_extension("smtputf8"):
            raise RefusalError(
                "smtputf8_not_offered",
                FailureClass.DESTINATION,
                "the server does not take addresses with non-ASCII characters before the @",
            )

    async def _give_recipients(self) -> tuple[RefusedDestination, ...]:
        """Name every recipient; those that were refused, where at least one destination was not."""
        self._phase = Phase.RCPT
        refusals: dict[str, aiosmtplib.SMTPRecipientRefused] = {}
        for address, mailbox in self._mail.recipients.items():
            try:
                await self._smtp.rcpt(address, options=self._recipient_options(mailbox), encoding="utf-8")
            except aiosmtplib.SMTPRecipientRefused as error:
                if error.code == _CLOSING or not is_refusal(error.code):
                    raise
                refusals[address] = error
        if all(address in refusals for address in self._mail.destinations):
            # Without a destination nothing is sent, not even to the copies: a repetition would reach those twice.
            reasons = [refusals[address] for address in self._mail.destinations]
            raise next((error for error in reasons if is_temporary(error.code)), reasons[0])
        return tuple(self._refused(self._mail.recipients[address], refusal) for address, refusal in refusals.items())

    def _refused(self, mailbox: Mailbox, error: aiosmtplib.SMTPRecipientRefused) -> RefusedDestination:
        return RefusedDestination(
            destination=mailbox.written,
            code=str(error.code),
            failure=failure_class(Phase.RCPT, error.code, error.message),
            detail=detail_of(Phase.RCPT, self._redact(error.message)),
        )

    def _reported_id(self) -> str | None:
        """The envelope's id, where we want reports and the server can see to them."""
        return self._mail.envelope_id if self._smtp.supports_extension(notifications.KEYWORD) else None

    def _recipient_options(self, mailbox: Mailbox) -> Sequence[str]:
        if self._reported_id() is None:
            return ()
        return notifications.recipient_options(mailbox, is_copy=mailbox.address not in self._mail.destinations)

    def _judge_loss(self, error: Exception) -> Outcome | TransientError:
        """The verdict on a conversation that ended without a reply."""
        detail = f"{self._phase.name}: {type(error).__name__}: {error}"
        if self._phase is Phase.DATA:
            return Unanswered(detail=detail)
        if isinstance(error.__cause__ or error, ssl.SSLCertVerificationError):
            return Rejected(code="untrusted_certificate", failure=FailureClass.CONFIGURATION, detail=detail)
        if isinstance(error, TimeoutError):
            return TransientError("timeout", detail)
        return TransientError("unreachable" if self._phase is Phase.CONNECT else "disconnected", detail)

    async def _quit(self, deadline: float) -> None:
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout_at(min(deadline, now + LONGEST_GOODBYE)):
                await self._smtp.quit()

    def _abort(self) -> None:
        """Let go of the connection at once: a polite close waits until a peer that hangs has read everything."""
        if self._smtp.transport is not None:
            cast("asyncio.WriteTransport", self._smtp.transport).abort()
        self._smtp.close()
