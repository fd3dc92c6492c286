"""SMTP adapter: sends through any mail server, and parses the mail that answers."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from typing_extensions import override

from domain.channels import Channel
from domain.events import WebhookItem
from domain.gate.consent import ConsentCategory, ConsentSource
from domain.outcomes import Rejected
from domain.payloads.email import Email
from providers.base import (
    Attempt,
    Capabilities,
    Check,
    Outbound,
    Provider,
    UnreadableError,
    UnverifiedError,
    Webhook,
)
from providers.opt_outs import OptOut
from providers.smtp.inbound import read_mail
from providers.smtp.mailbox import Mailbox, read_mailbox
from providers.smtp.messages import compose, message_id
from providers.smtp.responses import RefusalError
from providers.smtp.session import Session
from providers.smtp.settings import SmtpConfiguration, SmtpCredentials
from providers.smtp.signature import RECIPIENT, is_signed
from providers.smtp.status_events import COMPLAINT, EXPIRED
from providers.smtp.transaction import Conversation
from providers.smtp.verp import Verp

_NO_MAILBOX: Final = OptOut(ConsentCategory.ALL, ConsentSource.BOUNCE, is_of_channel=True)

_SOFT_BOUNCE: Final = OptOut(ConsentCategory.ALL, ConsentSource.BOUNCE, is_of_channel=True, is_soft=True)

_STATUS: Final = re.compile(r"\b5\.1\.(?:1|10)\b")
"""Enhanced status (RFC 3463) of a mailbox that does not exist, in the reply to a send."""

_GIVEN_UP: Final = frozenset({"failed", EXPIRED})
_MAILBOX_FULL: Final = "5.2.2"
_SOFT: Final = re.compile(rf"4\.[1-4]\.\d+|{re.escape(_MAILBOX_FULL)}")
"""Enhanced statuses of an address that did not take a message and may take another one (RFC 3463 §2, §3.3): those
about address, mailbox, mail system and network, and a full mailbox. Those about protocol, content and policy say
something of the message or of the sender."""


class Smtp(Provider[SmtpConfiguration, SmtpCredentials]):
    """Mail server of one integration; each message has its own connection.

    Its webhooks are mail to our addresses, posted by the tenant's own mail system.
    """

    name: ClassVar[str] = "smtp"
    title: ClassVar[str] = "SMTP"
    opt_outs: ClassVar[Mapping[str, OptOut]] = {
        # No such mailbox, and a domain that takes no mail (RFC 3463 §3.2, RFC 7505 §4.2).
        "5.1.1": _NO_MAILBOX,
        "5.1.10": _NO_MAILBOX,
        COMPLAINT: OptOut(ConsentCategory.MARKETING, ConsentSource.COMPLAINT),
    }
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        # Only some servers send delivery reports, so none are expected.
        Channel.EMAIL: Capabilities(
            payload_types=frozenset({Email.wire_type}), max_destinations=50, reports_delivery=False
        )
    }
    configuration_type = SmtpConfiguration
    credentials_type = SmtpCredentials
    setup: ClassVar[str] = (
        "Nothing to send. For bounces, reports and replies: a bounceAddress and a bounceSecret, and a mail system that "
        "posts what comes to that address, with any +suffix, to the webhook URL (docs/providers/smtp.md)."
    )
    max_webhook_bytes: ClassVar[int] = 26_214_400

    @classmethod
    @override
    def opt_out_of(cls, code: str, provider_status: str, detail: str) -> OptOut | None:
        """Return what a reply, a bounce or a complaint says; a reply has its enhanced status in its text."""
        found = super().opt_out_of(code, provider_status, detail)
        if found is not None:
            return found
        if code.startswith("55"):
            if _STATUS.search(detail):
                return _NO_MAILBOX
            return _SOFT_BOUNCE if _MAILBOX_FULL in detail.split() else None
        return _SOFT_BOUNCE if provider_status in _GIVEN_UP and _SOFT.fullmatch(code) else None

    @property
    def sender(self) -> str:
        """Mail server, and address."""
        return f"{self._configuration.host}:{self._configuration.port} {self._configuration.sender}"

    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose one message, which is offered to the server for all of its destinations, once."""
        try:
            # In a thread: a mail with large files takes a second.
            mail = await asyncio.to_thread(compose, self._configuration, outbound, self._return_path(outbound))
        except RefusalError as error:
            return error.rejected
        return Conversation(self._configuration, self._credentials, mail, self._guard).deliver

    async def check(self) -> Check:
        """Connect, greet, secure the connection and authenticate as for a message, and quit (RFC 5321 §4.1.1.10).

        The secrets of inbound mail are known only to us, so no call can check them.
        """
        return await Session(self._configuration, self._credentials, self._guard).check()

    def verify(self, webhook: Webhook) -> None:
        """Check that the mail came to an address of ours, and its signature if a webhook secret is configured.

        Neither covers a time: repeated mail is recognised by its events' keys.
        """
        if self._reference(webhook) is None:
            raise UnverifiedError("the recipient bears no code of ours")
        secret = self._credentials.webhook_secret
        if secret is not None and not is_signed(webhook, secret.get_secret_value()):
            raise UnverifiedError("the signature is not that of the mail system")

    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """Parse a mail: a delivery report, a complaint, a bounce for people only, or a reply."""
        reference = self._reference(webhook)
        if reference is None:
            raise UnreadableError("the recipient bears no reference")
        return read_mail(
            webhook.body, reference, message_id(self._configuration, reference), self._configuration.own_addresses
        )

    def _return_path(self, outbound: Outbound) -> Mailbox | None:
        verp, address = self._verp(outbound.callback_url), self._configuration.bounce_address
        return verp.address(read_mailbox(address), outbound.reference) if verp and address else None

    def _reference(self, webhook: Webhook) -> str | None:
        verp = self._verp(webhook.url)
        return verp.reference(webhook.headers.get(RECIPIENT, "")) if verp else None

    def _verp(self, webhook_url: str) -> Verp | None:
        secret = self._credentials.bounce_secret
        return None if secret is None else Verp(secret, webhook_url)
