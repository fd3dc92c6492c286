"""Twilio as a provider: sends through its Messages API, hears its webhooks, asks what became of a send."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from domain.channels import Channel
from domain.events import News
from domain.outcomes import Accepted, Outcome, Rejected
from domain.payloads.texts import SimpleText
from domain.payloads.whatsapp import WhatsAppMedia, WhatsAppTemplate
from providers import http
from providers.base import Capabilities, Outbound, Provider, UnverifiedError, Webhook
from providers.twilio import sent
from providers.twilio.addresses import SCHEMES, address_of
from providers.twilio.forms import read_form
from providers.twilio.inbound import is_message, read_message
from providers.twilio.messages import DIALECT, LONGEST_BODY, content_of, with_reference
from providers.twilio.receipts import read_receipt
from providers.twilio.settings import TwilioConfiguration, TwilioCredentials
from providers.twilio.signature import is_signed


class Twilio(Provider[TwilioConfiguration, TwilioCredentials]):
    """Sends SMS and WhatsApp through Twilio."""

    name = "twilio"
    title = "Twilio"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        Channel.SMS: Capabilities(
            payload_types=frozenset({SimpleText.wire_type}), longest_text=LONGEST_BODY, finds_sent=True
        ),
        Channel.WHATSAPP: Capabilities(
            # Buttons, lists and cards are content templates at Twilio: sent as `template`.
            payload_types=frozenset({SimpleText.wire_type, WhatsAppMedia.wire_type, WhatsAppTemplate.wire_type}),
            longest_text=LONGEST_BODY,
            reports_reads=True,
            finds_sent=True,
        ),
    }
    configuration_type = TwilioConfiguration
    credentials_type = TwilioCredentials
    # Forms of some dozens of short fields; all of them are read and sorted before it is known who signed them.
    largest_webhook: ClassVar[int] = 262_144

    async def send(self, outbound: Outbound) -> Outcome:
        """Create a message (https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource)."""
        content = content_of(outbound.payload)
        if isinstance(content, Rejected):
            return content
        request = self._http.build_request(
            "POST",
            self._messages_url(),
            data=self._envelope(outbound) | content,
            headers={"Authorization": self._credentials.authorization()},
        )
        return await http.send(self._http, request, DIALECT)

    def _messages_url(self) -> str:
        base_url = str(self._configuration.base_url).rstrip("/")
        return f"{base_url}/2010-04-01/Accounts/{self._credentials.account_sid}/Messages.json"

    def _envelope(self, outbound: Outbound) -> dict[str, str]:
        """The fields of the form that do not depend on what the message says."""
        configuration = self._configuration
        form = {
            "To": address_of(outbound.channel, outbound.destinations[0]),
            "From": self._sender(outbound.channel),
            "MessagingServiceSid": configuration.messaging_service_sid,
            "StatusCallback": with_reference(outbound.callback_url, outbound.reference),
            "ValidityPeriod": configuration.validity_period,
        }
        return {name: str(value) for name, value in form.items() if value is not None}

    def _sender(self, channel: Channel) -> str | None:
        sender = self._configuration.sender
        return None if sender is None else f"{SCHEMES[channel]}{sender}"

    def verify(self, webhook: Webhook) -> None:
        """Check the signature. It covers no time, so an old webhook repeated is told apart by its events' keys."""
        if not is_signed(webhook, tuple(self._credentials.signing_keys())):
            raise UnverifiedError("the signature is not Twilio's")

    def parse(self, webhook: Webhook) -> Sequence[News]:
        """Read a status callback or a message from an end user; each webhook is one of them."""
        parameters = read_form(webhook.body)
        if is_message(parameters):
            return (read_message(parameters),)
        return (read_receipt(parameters, webhook.url),)

    async def find_sent(self, outbound: Outbound, since: datetime) -> Accepted | None:
        """The only message of the account with the same text, sent alike no earlier than the second of `since`.

        Media and templates are never found: Twilio's list does not say which they were.
        """
        if not isinstance(outbound.payload, SimpleText):
            return None
        text = sent.SentText(
            to=address_of(outbound.channel, outbound.destinations[0]),
            sender=self._sender(outbound.channel),
            service=self._configuration.messaging_service_sid,
            body=outbound.payload.text,
            since=since,
        )
        return await sent.find(self._http, self._messages_url(), self._credentials.authorization(), text)
