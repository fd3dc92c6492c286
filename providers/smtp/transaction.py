"""Conversation with a mail server: a connection, one message, quit (RFC 5321 §3)."""

from collections.abc import Sequence
from typing import Final

import aiosmtplib

from domain.outcomes import Accepted, FailureClass, Outcome, RefusedDestination
from providers.smtp import dsn_parameters
from providers.smtp.mailbox import Mailbox
from providers.smtp.messages import Mail
from providers.smtp.responses import Phase, RefusalError, detail_of, failure_class, is_refusal, is_temporary
from providers.smtp.session import Session
from providers.smtp.settings import SmtpConfiguration, SmtpCredentials
from security.ssrf_guard import AddressGuard

_CLOSING: Final = 421
"""Reply code after which a server closes the connection, in reply to any command (RFC 5321 §3.8)."""


class Conversation(Session):
    """Delivery of one message to one server."""

    def __init__(
        self, configuration: SmtpConfiguration, credentials: SmtpCredentials, mail: Mail, guard: AddressGuard
    ) -> None:
        super().__init__(configuration, credentials, guard)
        self._mail = mail

    async def deliver(self) -> Outcome:
        """Offer the message, and classify the outcome.

        Raises:
            TransientError: when the server certainly did not accept it, and may later.
            UnsentError: when our side failed before anything of the message was handed over.
        """
        return await self._run(self._offer)

    async def _offer(self) -> Outcome:
        await self._introduce()
        await self._give_sender()
        refused = await self._give_recipients()
        self._phase = Phase.DATA
        await self._smtp.data(self._mail.content)
        return Accepted(provider_message_id=self._mail.message_id, refused=refused)

    async def _give_sender(self) -> None:
        self._phase = Phase.MAIL
        self._check_size()
        options = [f"SIZE={len(self._mail.content)}"] if self._smtp.supports_extension("size") else []
        if self._mail.is_international:
            self._check_international()
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        envelope_id = self._reported_id()
        if envelope_id is not None:
            options += dsn_parameters.mail_options(envelope_id)
        await self._smtp.mail(self._mail.sender.address, options=options, encoding="utf-8")

    def _check_size(self) -> None:
        """Check the message against the server's maximum size in octets; 0 or nothing means no limit (RFC 1870 §4)."""
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
        """Name every recipient; return the refused ones if the server accepted at least one destination."""
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
            # Without a destination nothing is sent, not even copies: a retry would send those twice.
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
        """Return the envelope's id if delivery reports are wanted and the server supports them."""
        return self._mail.envelope_id if self._smtp.supports_extension(dsn_parameters.KEYWORD) else None

    def _recipient_options(self, mailbox: Mailbox) -> Sequence[str]:
        if self._reported_id() is None:
            return ()
        return dsn_parameters.recipient_options(mailbox, is_copy=mailbox.address not in self._mail.destinations)
