"""E-mail through any server that speaks SMTP (RFC 5321)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from domain.channels import Channel
from domain.events import ProviderEvent
from domain.outcomes import Outcome
from domain.payloads.email import Email
from providers.base import Capabilities, Outbound, Provider, UnverifiedError, Webhook
from providers.smtp.conversation import Conversation
from providers.smtp.message import compose
from providers.smtp.replies import RefusalError
from providers.smtp.settings import SmtpConfiguration, SmtpCredentials


class Smtp(Provider[SmtpConfiguration, SmtpCredentials]):
    """One mail server, used by one integration; each message has a connection of its own."""

    name: ClassVar[str] = "smtp"
    title: ClassVar[str] = "SMTP"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        Channel.EMAIL: Capabilities(
            payload_types=frozenset({Email.wire_type}), max_destinations=50, reports_delivery=False
        )
    }
    configuration_type = SmtpConfiguration
    credentials_type = SmtpCredentials

    async def send(self, outbound: Outbound) -> Outcome:
        """Offer one message to the server for all of its destinations, once.

        Raises:
            TransientError: only when the server surely did not take it.
        """
        try:
            mail = compose(self._configuration, outbound)
        except RefusalError as error:
            return error.rejected
        return await Conversation(self._configuration, self._credentials, mail).hold()

    def verify(self, webhook: Webhook) -> None:
        """Mail servers call nobody.

        Raises:
            UnverifiedError: always.
        """
        raise UnverifiedError(f"mail servers make no webhooks, so nobody signed the one to {webhook.url}")

    def parse(self, webhook: Webhook) -> Sequence[ProviderEvent]:
        """Nothing: no webhook is a mail server's."""
        del webhook
        return ()
