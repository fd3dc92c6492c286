"""Sinch webhooks (https://developers.sinch.com/docs/conversation/callbacks/).

Their bodies do not name the trigger: the present key identifies it. Other triggers give no items.
"""

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from domain.destinations import Destination, InvalidDestinationError
from domain.events import InboundMessage, WebhookItem
from domain.gate.consent import ConsentState
from providers import lenient
from providers.base import UnreadableError
from providers.lenient import Id, Optional, Part, Text, read_document, unsupported
from providers.sinch.error_codes import CHANNELS
from providers.sinch.inbound import payload_of
from providers.sinch.status_events import DeliveryReport
from providers.sinch.webhook_parts import ChannelIdentity, Moment

TO_CONTACT: Final = "TO_CONTACT"
UNREACT: Final = "REACTION_ACTION_UNREACT"
SUCCEEDED: Final = "_SUCCEEDED"


class _Message(Part):
    id: Id
    direction: Text = ""
    app_message: JsonValue = None
    channel_identity: ChannelIdentity
    contact_message: Optional[dict[str, JsonValue]] = None
    accept_time: Moment = None


class _Reaction(Part):
    emoji: Text = ""
    action: Text = ""
    message_id: Text = ""


class _ContactMessageEvent(Part):
    reaction_event: Optional[_Reaction] = None


class _Event(Part):
    id: Id
    channel_identity: Optional[ChannelIdentity] = None
    contact_message_event: Optional[_ContactMessageEvent] = None
    accept_time: Moment = None


class _Consent(Part):
    """Change of an end user's consent to receive messages.

    https://developers.sinch.com/docs/conversation/callbacks/ (OPT_IN, OPT_OUT)
    """

    request_id: Text = ""
    channel: Text = ""
    identity: Text = ""
    status: Text = ""


class _Callback(Part):
    event_time: Moment = None
    accepted_time: Moment = None
    correlation_id: Text = ""
    message_metadata: Text = ""
    message_delivery_report: DeliveryReport | None = None
    message: _Message | None = None
    event: _Event | None = None
    opt_out_notification: Optional[_Consent] = None
    opt_in_notification: Optional[_Consent] = None

    def item(self) -> WebhookItem | None:
        """Return the item, if there is one.

        Raises:
            UnreadableError: if a message's sender is not a destination.
        """
        if self.message_delivery_report is not None:
            reference = self.correlation_id or self.message_metadata
            return self.message_delivery_report.event(reference, self.event_time or self.accepted_time)
        if self.message is not None:
            return self._inbound(self.message)
        if self.event is not None:
            return self._reaction(self.event)
        if self.opt_out_notification is not None:
            return self._consent(self.opt_out_notification, "opt_out")
        return None if self.opt_in_notification is None else self._consent(self.opt_in_notification, "opt_in")

    def _inbound(self, message: _Message) -> InboundMessage | None:
        is_ours = message.direction == TO_CONTACT or message.app_message is not None
        sender = None if is_ours else _sender_of(message.channel_identity)
        if sender is None:
            return None
        payload, answered = payload_of(CHANNELS[message.channel_identity.channel], message.contact_message or {})
        return InboundMessage(
            provider_message_id=message.id,
            sender=sender.value,
            sender_kind=sender.key,
            payload=payload,
            in_reply_to=answered,
            occurred_at=self.event_time or message.accept_time,
        )

    def _reaction(self, event: _Event) -> InboundMessage | None:
        reaction = event.contact_message_event and event.contact_message_event.reaction_event
        if reaction is None:
            return None
        if event.channel_identity is None:
            raise UnreadableError("a reaction has a sender")
        sender = _sender_of(event.channel_identity)
        if sender is None:
            return None
        return InboundMessage(
            provider_message_id=event.id,
            sender=sender.value,
            sender_kind=sender.key,
            payload=_reacted(reaction),
            in_reply_to=reaction.message_id or None,
            occurred_at=self.event_time or event.accept_time,
        )

    def _consent(self, consent: _Consent, kind: str) -> InboundMessage | None:
        """Return an opt-out or an opt-in as a message; one that Sinch could not carry out gives none.

        An end user that Sinch names only by its own contact id is unknown to us.
        """
        if not (consent.channel and consent.identity and consent.status.endswith(SUCCEEDED)):
            return None
        sender = _sender_of(ChannelIdentity(channel=consent.channel, identity=consent.identity))
        if sender is None:
            return None
        moment = "" if self.event_time is None else self.event_time.isoformat()
        return InboundMessage(
            provider_message_id=f"{sender.value}:{kind}:{consent.request_id or moment}",
            sender=sender.value,
            sender_kind=sender.key,
            payload=unsupported(kind),
            consent=ConsentState.OUT if kind == "opt_out" else ConsentState.IN,
            occurred_at=self.event_time or self.accepted_time,
        )


def _reacted(reaction: _Reaction) -> dict[str, JsonValue]:
    """Return the emoji, empty if Sinch says that the reaction is removed."""
    if reaction.action == UNREACT:
        return {"Type": "reaction", "Emoji": ""}
    if not reaction.emoji:
        return unsupported("reaction")
    return {"Type": "reaction", "Emoji": reaction.emoji}


def read(body: bytes) -> Sequence[WebhookItem]:
    """Parse the body of a webhook.

    Raises:
        UnreadableError: if it does not have the documented form.
    """
    item = lenient.read(_Callback, read_document(body)).item()
    return () if item is None else (item,)


def _sender_of(identity: ChannelIdentity) -> Destination | None:
    try:
        return identity.destination()
    except InvalidDestinationError as error:
        raise UnreadableError(f"a sender who is no destination: {error.code}") from error
