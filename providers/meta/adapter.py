"""Meta adapter: sends to WhatsApp and Messenger through the Graph API, and parses their webhooks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from domain.channels import Channel
from domain.events import WebhookItem
from domain.gate.consent import ConsentCategory, ConsentSource
from domain.gate.throttle_setting import PER_PAIR, Throttle
from domain.outcomes import Accepted, FailureClass, Rejected
from providers import http
from providers.base import (
    GOOD,
    Attempt,
    Capabilities,
    Check,
    CoolDown,
    Outbound,
    Provider,
    UnverifiedError,
    Webhook,
)
from providers.lenient import read, read_document
from providers.meta import messenger_messages, messenger_webhooks, whatsapp_messages, whatsapp_webhooks
from providers.meta.error_codes import (
    MESSENGER_COOL_DOWNS,
    MESSENGER_MEANINGS,
    WHATSAPP_COOL_DOWNS,
    WHATSAPP_MEANINGS,
)
from providers.meta.json_fields import JsonObject, UnsendableError
from providers.meta.responses import response_mapping
from providers.meta.settings import MetaConfiguration, MetaCredentials
from providers.meta.signature import is_signed, knows_token, proof_of
from providers.meta.webhook_parts import Envelope
from providers.opt_outs import OptOut


@dataclass(frozen=True, slots=True)
class _Wire:
    """Request and response format of a channel.

    Attributes:
        render: makes the body of a request; raises `UnsendableError`.
        accepted: reads the body of a success.
        meanings: the channel's error codes.
        cool_downs: the channel's pauses by code.
    """

    render: Callable[[Outbound, MetaConfiguration], JsonObject]
    accepted: Callable[[Any], Accepted | None]
    meanings: Mapping[str, http.ErrorMeaning]
    cool_downs: Mapping[str, CoolDown]


_WIRES: Final[Mapping[Channel, _Wire]] = {
    Channel.WHATSAPP: _Wire(
        whatsapp_messages.render, whatsapp_messages.accepted, WHATSAPP_MEANINGS, WHATSAPP_COOL_DOWNS
    ),
    Channel.MESSENGER: _Wire(
        messenger_messages.render, messenger_messages.accepted, MESSENGER_MEANINGS, MESSENGER_COOL_DOWNS
    ),
}

_READERS: Final[Mapping[str, Callable[[Iterable[JsonValue], str], Iterator[WebhookItem]]]] = {
    whatsapp_webhooks.OBJECT: whatsapp_webhooks.webhook_items,
    messenger_webhooks.OBJECT: messenger_webhooks.webhook_items,
}
"""Parsers of webhooks by the `object` that they are about."""


_ALL_MEANINGS: Final = {**MESSENGER_MEANINGS, **WHATSAPP_MEANINGS}


def _unsent(_body: object) -> None:
    """Read a body that names no message because none was sent."""


class Meta(Provider[MetaConfiguration, MetaCredentials]):
    """Sends to WhatsApp and to Facebook Messenger; the message's channel decides the format."""

    name = "meta"
    opt_outs: ClassVar[Mapping[str, OptOut]] = {
        # https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
        "131050": OptOut(ConsentCategory.MARKETING, ConsentSource.PROVIDER),
    }
    title = "Meta"
    channels: ClassVar[Mapping[Channel, Capabilities]] = {
        Channel.WHATSAPP: Capabilities(
            payload_types=whatsapp_messages.PAYLOAD_TYPES,
            max_text_length=whatsapp_messages.MAX_TEXT_LENGTH,
            reports_reads=True,
            # https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
            throttle=Throttle(rate=80, perRecipient=PER_PAIR),
        ),
        Channel.MESSENGER: Capabilities(
            payload_types=messenger_messages.PAYLOAD_TYPES,
            max_text_length=messenger_messages.MAX_TEXT_LENGTH,
            reports_reads=True,
            # Of texts (https://developers.facebook.com/docs/messenger-platform/overview/rate-limiting).
            throttle=Throttle(rate=300),
        ),
    }
    configuration_type = MetaConfiguration
    credentials_type = MetaCredentials
    setup = (
        "Point the app's webhook at the webhook URL, with the verifyToken. WhatsApp: subscribe the field messages, and "
        "the app to the WhatsApp Business Account. Messenger: subscribe the page with messages, message_deliveries, "
        "message_reads and message_echoes."
    )

    @property
    def sender(self) -> str:
        """WhatsApp phone number or Facebook page."""
        return self._configuration.sender_id

    async def prepare(self, outbound: Outbound) -> Attempt | Rejected:
        """Compose a message from the phone number, or from the page.

        https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages and
        https://developers.facebook.com/docs/messenger-platform/reference/send-api
        """
        wire = _WIRES[outbound.channel]
        try:
            body = wire.render(outbound, self._configuration)
        except UnsendableError as error:
            return Rejected(code="unsendable", failure=FailureClass.CONTENT, detail=str(error))
        token = self._credentials.access_token.get_secret_value()
        request = self._http.build_request(
            "POST", self._configuration.messages_url, json=body, headers={"Authorization": f"Bearer {token}"}
        )
        return partial(http.send, self._http, request, response_mapping(wire.accepted, wire.meanings, wire.cool_downs))

    async def check(self) -> Check:
        """Read the sender's id, with a proof that the app's secret belongs to the token.

        https://developers.facebook.com/docs/whatsapp/business-management-api/manage-phone-numbers,
        https://developers.facebook.com/docs/graph-api/reference/page and
        https://developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof
        """
        token = self._credentials.access_token.get_secret_value()
        proof = proof_of(token, self._credentials.app_secret.get_secret_value())
        request = self._http.build_request(
            "GET",
            self._configuration.sender_url,
            params={"fields": "id", "appsecret_proof": proof},
            headers={"Authorization": f"Bearer {token}"},
        )
        return await http.check(self._http, request, response_mapping(_unsent, _ALL_MEANINGS), self._of_sender)

    def _of_sender(self, body: Any) -> Check | None:  # noqa: ANN401 - arbitrary JSON from the provider
        return GOOD if body["id"] == self._configuration.sender_id else None

    def verify(self, webhook: Webhook) -> None:
        """Check the signature. It covers no time, so a repeated webhook is recognised by its events' keys."""
        if not is_signed(webhook, self._credentials.app_secret.get_secret_value()):
            raise UnverifiedError("the signature is not Meta's")

    def challenge(self, query: Mapping[str, str]) -> str:
        """Return Meta's challenge if the request contains the verify token."""
        challenge = query.get("hub.challenge", "")
        if not challenge or not knows_token(query, self._credentials.verify_token.get_secret_value()):
            raise UnverifiedError("the verify token is not the one that was agreed")
        return challenge

    def parse(self, webhook: Webhook) -> Sequence[WebhookItem]:
        """Parse the items about this integration's phone number or page; other kinds of objects have none."""
        envelope = read(Envelope, read_document(webhook.body))
        reader = _READERS.get(envelope.object)
        return () if reader is None else tuple(reader(envelope.entry, self._configuration.sender_id))
