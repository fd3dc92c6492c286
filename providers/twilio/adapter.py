"""Twilio adapter: sends through its Messages API, parses its webhooks, and searches for sends of unknown outcome."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from domain.channels import Channel
from domain.events import WebhookItem
from domain.gate.consent import ConsentCategory, ConsentSource
from domain.gate.throttle_setting import PER_PAIR, Throttle
from domain.outcomes import Accepted, Rejected
from domain.payloads.texts import SimpleText
from domain.payloads.whatsapp import WhatsAppMedia, WhatsAppTemplate
from domain.texts import both
from providers import http
from providers.base import GOOD, Attempt, Capabilities, Check, Outbound, Provider, UnverifiedError, Webhook
from providers.opt_outs import OptOut
from providers.twilio import find_sent
from providers.twilio.addresses import SCHEMES, address_of
from providers.twilio.inbound import is_message, read_message
from providers.twilio.messages import MAX_BODY_LENGTH, content_of, with_reference
from providers.twilio.responses import RESPONSE_MAPPING
from providers.twilio.settings import VALIDITY_SECONDS, TwilioConfiguration, TwilioCredentials
from providers.twilio.signature import is_signed
from providers.twilio.status_events import read_receipt
from providers.twilio.webhook_form import read_form


def _of_account(body: Any) -> Check | None:  # noqa: ANN401 - arbitrary JSON from the provider
    status = body["status"]
    return (
        GOOD
        if status == "active"
        else Check(ok=False, reason=both(f"la cuenta está {status}", f"the account is {status}"))
    )


def _of_messages(body: Any) -> Check | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return GOOD if isinstance(body["messages"], list) else None


class Twilio(Provider[TwilioConfiguration, TwilioCredentials]):
    """Sends SMS and WhatsApp through Twilio."""

    name = "twilio"
    opt_outs: ClassVar[Mapping[str, OptOut]] = {
        # https://www.twilio.com/docs/api/errors/21610
        "21610": OptOut(ConsentCategory.ALL, ConsentSource.PROVIDER),
    }
    title = "Twilio"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        Channel.SMS: Capabilities(
            payload_types=frozenset({SimpleText.wire_type}),
            max_text_length=MAX_BODY_LENGTH,
            finds_sent=True,
            # Of a US or Canadian long code (https://www.twilio.com/docs/api/errors/21611).
            throttle=Throttle(rate=1, unit="segment"),
            min_validity=timedelta(seconds=VALIDITY_SECONDS[0]),
            # https://help.twilio.com/articles/223134027: it answers a word that stands alone, and no other.
            answered_opt_outs=frozenset(
                {"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"}
            ),
        ),
        Channel.WHATSAPP: Capabilities(
            # Buttons, lists and cards are content templates at Twilio, sent as `template`.
            payload_types=frozenset({SimpleText.wire_type, WhatsAppMedia.wire_type, WhatsAppTemplate.wire_type}),
            max_text_length=MAX_BODY_LENGTH,
            reports_reads=True,
            finds_sent=True,
            throttle=Throttle(rate=80, perRecipient=PER_PAIR),
        ),
    }
    configuration_type = TwilioConfiguration
    credentials_type = TwilioCredentials
    setup = (
        "Nothing for receipts: each message names the webhook URL. For messages from end users, set it as what is "
        "called when a message comes in (HTTP POST), at the phone number, the Messaging Service or the WhatsApp sender."
    )
    # Forms of some dozens of short fields, all of which are parsed and sorted before the signature is verified.
    max_webhook_bytes: ClassVar[int] = 262_144

    @property
    def sender(self) -> str:
        """Account, and Messaging Service or number."""
        configuration = self._configuration
        return f"{self._credentials.account_sid} {configuration.messaging_service_sid or configuration.sender}"

    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose a message (https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource)."""
        content = content_of(outbound.payload)
        if isinstance(content, Rejected):
            return content
        request = self._http.build_request(
            "POST",
            self._messages_url(),
            data=self._envelope(outbound) | content,
            headers={"Authorization": self._credentials.authorization()},
        )
        return partial(http.send, self._http, request, RESPONSE_MAPPING)

    def _messages_url(self) -> str:
        return f"{self._account_url()}/Messages.json"

    def _account_url(self) -> str:
        base_url = str(self._configuration.base_url).rstrip("/")
        return f"{base_url}/2010-04-01/Accounts/{self._credentials.account_sid}"

    def _envelope(self, outbound: Outbound) -> dict[str, str]:
        """Return the fields of the form that do not depend on the content."""
        configuration = self._configuration
        form = {
            "To": address_of(outbound.channel, outbound.destinations[0]),
            "From": self._sender(outbound.channel),
            "MessagingServiceSid": configuration.messaging_service_sid,
            "StatusCallback": with_reference(outbound.callback_url, outbound.reference),
            "ValidityPeriod": outbound.seconds_valid(configuration.validity_period, *VALIDITY_SECONDS),
        }
        return {name: str(value) for name, value in form.items() if value is not None}

    def _sender(self, channel: Channel) -> str | None:
        sender = self._configuration.sender
        return None if sender is None else f"{SCHEMES[channel]}{sender}"

    def verify(self, webhook: Webhook) -> None:
        """Check the signature. It covers no time, so a repeated webhook is recognised by its events' keys."""
        if not is_signed(webhook, tuple(self._credentials.signing_keys())):
            raise UnverifiedError("the signature is not Twilio's")

    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """Parse a status callback or a message from an end user; each webhook is one of them."""
        parameters = read_form(webhook.body)
        if is_message(parameters):
            return (read_message(parameters),)
        return (read_receipt(parameters, webhook.url),)

    async def check(self) -> Check:
        """Fetch the account with its Auth Token, which must also be valid for webhooks; list a message with an API key.

        https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource and
        https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources: most API keys may
        not read the account (https://www.twilio.com/docs/iam/api-keys/key-resource-v1).
        """
        credentials = self._credentials
        account = await self._get(f"{self._account_url()}.json", credentials.account_authorization(), _of_account)
        if not account.ok or credentials.api_key_sid is None:
            return account
        return await self._get(f"{self._messages_url()}?PageSize=1", credentials.authorization(), _of_messages)

    async def _get(self, url: str, authorization: str, read: Callable[[Any], Check | None]) -> Check:
        request = self._http.build_request("GET", url, headers={"Authorization": authorization})
        return await http.check(self._http, request, RESPONSE_MAPPING, read)

    async def find_sent(self, outbound: Outbound, since: datetime) -> Accepted | None:
        """Find the only message of the account with the same text, sent alike no earlier than the second of `since`.

        Media and templates are never found, because Twilio's list does not identify them.
        """
        if not isinstance(outbound.payload, SimpleText):
            return None
        text = find_sent.SentText(
            to=address_of(outbound.channel, outbound.destinations[0]),
            sender=self._sender(outbound.channel),
            service=self._configuration.messaging_service_sid,
            body=outbound.payload.text,
            since=since,
        )
        return await find_sent.find(self._http, self._messages_url(), self._credentials.authorization(), text)
