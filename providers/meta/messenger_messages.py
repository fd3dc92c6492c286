"""Requests of the Messenger Send API (https://developers.facebook.com/docs/messenger-platform/reference/send-api)."""

from collections.abc import Mapping
from typing import Any, Final

from domain.outcomes import Accepted
from domain.payloads import Payload, SimpleText
from domain.payloads.base import Button, MediaType, ReplyButton
from domain.payloads.messenger import MessengerCard, MessengerMedia, QuickReplies
from providers.base import Outbound
from providers.meta.json_fields import JsonObject, UnsendableError, present
from providers.meta.settings import MetaConfiguration

PAYLOAD_TYPES: Final = frozenset(
    payload.wire_type for payload in (SimpleText, MessengerMedia, MessengerCard, QuickReplies)
)

MAX_TEXT_LENGTH: Final = 2_000
"""Maximum characters of `message.text`."""

ATTACHMENT_TYPES: Final[Mapping[MediaType, str]] = {
    MediaType.IMAGE: "image",
    MediaType.VIDEO: "video",
    MediaType.AUDIO: "audio",
    MediaType.DOCUMENT: "file",
}
"""Messenger's attachment types by kind of media
(https://developers.facebook.com/docs/messenger-platform/reference/send-api#attachment).
"""


def render(outbound: Outbound, configuration: MetaConfiguration) -> JsonObject:
    """Return the body of the request that sends a message.

    Raises:
        UnsendableError: if Messenger cannot carry something in the payload.
    """
    return {
        "recipient": {"id": outbound.destinations[0]},
        **present(messaging_type=configuration.messaging_type.value, tag=configuration.tag),
        "message": {**_message(outbound.payload), "metadata": outbound.reference},
    }


def accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - arbitrary JSON from the provider
    """Read the answer to an accepted message."""
    return Accepted(provider_message_id=body["message_id"]) if body["message_id"] else None


def _message(payload: Payload) -> JsonObject:
    match payload:
        case SimpleText():
            return {"text": payload.text}
        case QuickReplies():
            return {"text": payload.text, "quick_replies": [_quick_reply(reply) for reply in payload.replies]}
        case MessengerMedia():
            return {"attachment": _media(payload)}
        case MessengerCard():
            template: JsonObject = {"template_type": "generic", "elements": [_element(payload)]}
            return {"attachment": {"type": "template", "payload": template}}
        case _:
            raise UnsendableError(f"Messenger has no {payload.wire_type}")


def _quick_reply(reply: ReplyButton) -> JsonObject:
    return {"content_type": "text", "title": reply.title, "payload": reply.answer}


def _media(payload: MessengerMedia) -> JsonObject:
    return {"type": ATTACHMENT_TYPES[payload.media_type], "payload": {"url": payload.url}}


def _element(card: MessengerCard) -> JsonObject:
    buttons = [_button(button) for button in card.buttons]
    return present(title=card.title, subtitle=card.subtitle, image_url=card.image_url, buttons=[*buttons])


def _button(button: Button) -> JsonObject:
    """Render a button of a template (https://developers.facebook.com/docs/messenger-platform/send-messages/buttons)."""
    if button.url is not None:
        return {"type": "web_url", "title": button.title, "url": button.url}
    if button.phone_number is not None:
        number = f"+{button.phone_number.removeprefix('+')}"
        return {"type": "phone_number", "title": button.title, "payload": number}
    return {"type": "postback", "title": button.title, "payload": button.answer}
