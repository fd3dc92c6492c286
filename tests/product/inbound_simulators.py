"""Simulators of each vendor's inbound webhooks, signed with the current time (the fake providers sign with a fixed
July).
"""

import base64
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode

from pydantic import JsonValue

from domain.channels import Channel
from domain.identifiers import new_id
from providers.base import Webhook
from tests.providers.fake_provider import REFERENCE, FakeProvider
from tests.providers.fake_providers import meta, sinch, twilio, vonage
from tests.providers.smtp.report_mails import BOUNCES, SECRET, code, posted, signed
from tests.providers.twilio import vendor as vendor_twilio

Json = dict[str, Any]

PICTURE: Final = "https://media.example/1.jpg"
"""URL at which the vendor serves received media."""


@dataclass(frozen=True)
class InboundSimulator(ABC):
    """Inbound messages of end users through a fake provider, in its vendor's format.

    Attributes:
        content_type: of its webhooks.
        media: expected reference of a picture or a file.
    """

    fake_provider: FakeProvider
    content_type: ClassVar[str] = "application/json"
    media: ClassVar[Mapping[str, JsonValue]] = {"Type": "media", "Url": PICTURE, "MediaType": "image"}

    @abstractmethod
    def text(self, sender: str, text: str, message_id: str) -> bytes:
        """Body of a webhook with a text."""

    @abstractmethod
    def picture(self, sender: str, message_id: str) -> bytes:
        """Body of a webhook with a picture or a file."""

    @abstractmethod
    def sign(self, webhook: Webhook) -> Webhook:
        """Add the vendor's signature with the current time."""

    def today(self, receipt: Webhook) -> Webhook:
        """A fake provider's receipt with the current time, signed."""
        return self.sign(receipt)


class TwilioSimulator(InboundSimulator):
    """https://www.twilio.com/docs/messaging/guides/webhook-request."""

    content_type = twilio.FORM

    def text(self, sender: str, text: str, message_id: str) -> bytes:
        return self._message(sender, message_id, Body=text, NumMedia="0")

    def picture(self, sender: str, message_id: str) -> bytes:
        return self._message(sender, message_id, NumMedia="1", MediaUrl0=PICTURE, MediaContentType0="image/jpeg")

    def _message(self, sender: str, message_id: str, **content: str) -> bytes:
        scheme = "whatsapp:" if self.fake_provider.channel is Channel.WHATSAPP else ""
        addresses = {"From": f"{scheme}+{sender}", "To": f"{scheme}{twilio.SENDER}"}
        return urlencode({"MessageSid": message_id, "SmsStatus": "received", **addresses, **content}).encode()

    def sign(self, webhook: Webhook) -> Webhook:
        parameters = dict(parse_qsl(webhook.body.decode(errors="replace"), keep_blank_values=True))
        signature = vendor_twilio.validator(twilio.TOKEN).compute_signature(webhook.url, parameters)
        return replace(webhook, headers={**webhook.headers, "x-twilio-signature": signature})


class SinchSimulator(InboundSimulator):
    """https://developers.sinch.com/docs/conversation/callbacks/, «MESSAGE_INBOUND»."""

    def text(self, sender: str, text: str, message_id: str) -> bytes:
        return self._message(sender, message_id, {"text_message": {"text": text}})

    def picture(self, sender: str, message_id: str) -> bytes:
        return self._message(sender, message_id, {"media_message": {"url": PICTURE}})

    def _message(self, sender: str, message_id: str, content: Json) -> bytes:
        identity = {"channel": self.fake_provider.channel.upper(), "identity": sender, "app_id": sinch.APP}
        message = {"id": message_id, "direction": "TO_APP", "channel_identity": identity, "contact_message": content}
        return json.dumps({"app_id": sinch.APP, "project_id": sinch.PROJECT, "message": message}).encode()

    def sign(self, webhook: Webhook) -> Webhook:
        nonce, timestamp = new_id(), str(int(time.time()))
        header = "x-sinch-webhook-signature"
        headers = {
            header: sinch.signature(sinch.WEBHOOK_SECRET, webhook.body, nonce, timestamp),
            f"{header}-nonce": nonce,
            f"{header}-timestamp": timestamp,
            f"{header}-algorithm": "HmacSHA256",
        }
        return replace(webhook, headers={**webhook.headers, **headers})


class VonageSimulator(InboundSimulator):
    """https://developer.vonage.com/en/api/messages#inbound-message."""

    def text(self, sender: str, text: str, message_id: str) -> bytes:
        return self._message(sender, message_id, {"message_type": "text", "text": text})

    def picture(self, sender: str, message_id: str) -> bytes:
        return self._message(sender, message_id, {"message_type": "image", "image": {"url": PICTURE}})

    def _message(self, sender: str, message_id: str, content: Json) -> bytes:
        channel = self.fake_provider.channel
        wire = "messenger" if channel is Channel.MESSENGER else channel.lower()
        message = {"channel": wire, "message_uuid": message_id, "from": sender, "to": "15005550006"}
        return json.dumps(message | content).encode()

    def sign(self, webhook: Webhook) -> Webhook:
        return vonage.signed(webhook, vonage.SIGNATURE_SECRET, iat=int(time.time()), jti=new_id())


class _MetaSimulator(InboundSimulator):
    def sign(self, webhook: Webhook) -> Webhook:
        return meta.sign(webhook, meta.APP_SECRET)


class WhatsAppSimulator(_MetaSimulator):
    """https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#messages-object."""

    media: ClassVar[Mapping[str, JsonValue]] = {"Type": "media", "MediaId": "1003383421387256", "MediaType": "image"}

    def text(self, sender: str, text: str, message_id: str) -> bytes:
        return self._message(sender, message_id, {"type": "text", "text": {"body": text}})

    def picture(self, sender: str, message_id: str) -> bytes:
        image = {"id": self.media["MediaId"], "mime_type": "image/jpeg", "sha256": "x"}
        return self._message(sender, message_id, {"type": "image", "image": image})

    def _message(self, sender: str, message_id: str, content: Json) -> bytes:
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15005550006", "phone_number_id": meta.PHONE_NUMBER_ID},
            "messages": [{"from": sender, "id": message_id, "timestamp": str(int(time.time())), **content}],
        }
        entry = {"id": "100000000000001", "changes": [{"field": "messages", "value": value}]}
        return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


class MessengerSimulator(_MetaSimulator):
    """https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages."""

    def text(self, sender: str, text: str, message_id: str) -> bytes:
        return self.event(sender, message={"mid": message_id, "text": text})

    def picture(self, sender: str, message_id: str) -> bytes:
        image = {"type": "image", "payload": {"url": PICTURE}}
        return self.event(sender, message={"mid": message_id, "attachments": [image]})

    def event(self, sender: str, **event: Json) -> bytes:
        """A Messenger event between a user and the page."""
        between = {"sender": {"id": sender}, "recipient": {"id": meta.PAGE_ID}}
        now = int(time.time() * 1_000)
        entry = {"id": meta.PAGE_ID, "time": now, "messaging": [{**between, "timestamp": now, **event}]}
        return json.dumps({"object": "page", "entry": [entry]}).encode()

    def today(self, receipt: Webhook) -> Webhook:
        content = json.loads(receipt.body)
        for event in content["entry"][0]["messaging"]:
            for kind in event.keys() & {"delivery", "read"}:
                event[kind]["watermark"] = int(time.time() * 1_000)
        return self.sign(replace(receipt, body=json.dumps(content).encode()))


class MailSimulator(InboundSimulator):
    """A reply to a message's address, posted as `docs/providers/smtp.md` describes it."""

    content_type = "message/rfc822"
    media: ClassVar[Mapping[str, JsonValue]] = {
        "Attachments": [{"FileName": "1.jpg", "MediaType": "image/jpeg", "Size": 3}]
    }

    def text(self, sender: str, text: str, message_id: str) -> bytes:
        return self._mail(sender, message_id, "text/plain; charset=utf-8", text)

    def picture(self, sender: str, message_id: str) -> bytes:
        content = base64.b64encode(b"jpg").decode()
        transfer = "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=1.jpg"
        part = f"--_1\r\nContent-Type: image/jpeg\r\n{transfer}\r\n\r\n{content}\r\n--_1--"
        return self._mail(sender, message_id, "multipart/mixed; boundary=_1", part)

    def _mail(self, sender: str, message_id: str, content_type: str, content: str) -> bytes:
        headers = {
            "From": sender,
            "Subject": "Re: Su cita",
            "Message-ID": f"<{message_id}@example.com>",
            "MIME-Version": "1.0",
            "Content-Type": content_type,
        }
        return "\r\n".join([*(f"{name}: {value}" for name, value in headers.items()), "", content, ""]).encode()

    def sign(self, webhook: Webhook) -> Webhook:
        integration_id = webhook.url.rpartition("/")[2]
        local_part, _, domain = BOUNCES.partition("@")
        to = f"{local_part}+{REFERENCE}.{code(integration_id, REFERENCE)}@{domain}"
        return signed(posted(webhook.body, to, webhook.url))

    def today(self, receipt: Webhook) -> Webhook:
        return self.fake_provider.sign(receipt, SECRET)


_SIMULATORS: Final[Mapping[str, type[InboundSimulator]]] = {
    "twilio": TwilioSimulator,
    "sinch": SinchSimulator,
    "vonage": VonageSimulator,
    "meta": WhatsAppSimulator,
    "smtp": MailSimulator,
}


def simulator_of(fake_provider: FakeProvider) -> InboundSimulator:
    """Simulator of a fake provider's inbound messages."""
    if isinstance(fake_provider, meta.Messenger):
        return MessengerSimulator(fake_provider)
    return _SIMULATORS[fake_provider.provider.name](fake_provider)
