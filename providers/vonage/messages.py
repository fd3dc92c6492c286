"""Conversion of payloads for the Messages API (https://developer.vonage.com/en/api/messages#SendMessage)."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from domain.channels import Channel
from domain.payloads import Payload
from domain.payloads.base import Button, MediaPayload, MediaType
from domain.payloads.messenger import MessengerMedia
from domain.payloads.rcs import Card, RcsCard, RcsCarousel, RcsMedia
from domain.payloads.texts import RcsText, SimpleText
from domain.payloads.whatsapp import (
    ListRow,
    ListSection,
    WhatsAppButtons,
    WhatsAppCard,
    WhatsAppList,
    WhatsAppMedia,
    WhatsAppTemplate,
)

Body = dict[str, JsonValue]

ATTACHMENTS: Final[Mapping[type[MediaPayload], Mapping[MediaType, frozenset[str]]]] = {
    WhatsAppMedia: {
        MediaType.IMAGE: frozenset({"caption"}),
        MediaType.VIDEO: frozenset({"caption"}),
        MediaType.AUDIO: frozenset(),
        MediaType.DOCUMENT: frozenset({"caption", "name"}),
    },
    MessengerMedia: dict.fromkeys(MediaType, frozenset[str]()),
    RcsMedia: dict.fromkeys((MediaType.IMAGE, MediaType.VIDEO, MediaType.DOCUMENT), frozenset[str]()),
}
"""Kinds of media that each channel has at Vonage, and the fields of an attachment besides its URL."""


CARRIED: Final[Mapping[Channel, Sequence[type[Payload]]]] = {
    Channel.SMS: (SimpleText,),
    Channel.WHATSAPP: (SimpleText, WhatsAppMedia, WhatsAppCard, WhatsAppTemplate, WhatsAppButtons, WhatsAppList),
    Channel.MESSENGER: (SimpleText, MessengerMedia),
    Channel.RCS: (RcsText, RcsMedia, RcsCard, RcsCarousel),
}
"""Payloads that Vonage has messages for; on Messenger it has no buttons, quick replies or templates."""


class NotCarriedError(Exception):
    """Payload with content for which Vonage has no field."""


def content_of(payload: Payload) -> Body:  # noqa: PLR0911 - one for each kind of payload
    """Return a payload's content as the fields of a message.

    Raises:
        NotCarriedError: if something in it would be lost.
    """
    match payload:
        case SimpleText():
            return {"message_type": "text", "text": payload.text}
        case RcsText():
            return {"message_type": "text", "text": payload.text, **_suggestions(payload.suggestions)}
        case WhatsAppMedia() | MessengerMedia() | RcsMedia():
            return _attachment(payload)
        case WhatsAppTemplate():
            return _template(payload)
        case WhatsAppButtons():
            return _interactive("button", payload.text, _header(payload), _reply_buttons(payload))
        case WhatsAppList():
            return _interactive("list", payload.text, {}, _choices(payload))
        case RcsCard():
            return {"message_type": "card", "card": _card(payload), "rcs": {"card_orientation": "VERTICAL"}}
        case RcsCarousel():
            return {
                "message_type": "carousel",
                "carousel": {"cards": [_card(card) for card in payload.cards]},
                "rcs": {"card_width": "MEDIUM"},
                **_suggestions(payload.suggestions),
            }
        case _:
            raise NotCarriedError(f"Vonage has no message like {payload.wire_type}")


def _attachment(payload: MediaPayload) -> Body:
    kinds = ATTACHMENTS[type(payload)]
    if payload.media_type not in kinds:
        raise NotCarriedError(f"MediaType: Vonage has no {payload.media_type} on this channel")
    fields = kinds[payload.media_type]
    if payload.caption and "caption" not in fields:
        raise NotCarriedError(f"Caption: Vonage has none with {payload.media_type} on this channel")
    said = {"caption": payload.caption, "name": payload.file_name}
    attachment: Body = {"url": payload.url, **{name: text for name, text in said.items() if text and name in fields}}
    kind = "file" if payload.media_type is MediaType.DOCUMENT else payload.media_type.value
    return {"message_type": kind, kind: attachment}


def _template(payload: WhatsAppTemplate) -> Body:
    template: Body = {"name": payload.name}
    if payload.parameters:
        template["parameters"] = [*payload.parameters]
    settings: Body = {"policy": "deterministic", "locale": payload.language}
    return {"message_type": "template", "template": template, "whatsapp": settings}


def _interactive(kind: str, text: str, header: Body, action: Body) -> Body:
    """Return Meta's own object, which Vonage forwards.

    https://developer.vonage.com/en/messages/concepts/custom-objects
    """
    interactive: Body = {"type": kind, **header, "body": {"text": text}, "action": action}
    return {"message_type": "custom", "custom": {"type": "interactive", "interactive": interactive}}


def _header(payload: WhatsAppButtons) -> Body:
    if not isinstance(payload, WhatsAppCard):
        return {}
    return {"header": {"type": "image", "image": {"link": payload.image_url}}}


def _reply_buttons(payload: WhatsAppButtons) -> Body:
    replies: list[Body] = [{"id": button.answer, "title": button.title} for button in payload.buttons]
    return {"buttons": [{"type": "reply", "reply": reply} for reply in replies]}


def _choices(payload: WhatsAppList) -> Body:
    return {"button": payload.button, "sections": [_section(section) for section in payload.sections]}


def _section(section: ListSection) -> Body:
    return {"title": section.title, "rows": [_row(row) for row in section.rows]}


def _row(row: ListRow) -> Body:
    described: Body = {"description": row.description} if row.description else {}
    return {"id": row.id, "title": row.title, **described}


def _card(card: Card) -> Body:
    if not card.description or card.image_url is None:
        raise NotCarriedError("Description, ImageUrl: Vonage's cards need both")
    return {
        "title": card.title,
        "text": card.description,
        "media_url": card.image_url,
        "media_height": "MEDIUM",
        **_suggestions(card.suggestions),
    }


def _suggestions(buttons: Sequence[Button]) -> Body:
    return {"suggestions": [_suggestion(button) for button in buttons]} if buttons else {}


def _suggestion(button: Button) -> Body:
    chip: Body = {"text": button.title, "postback_data": button.answer}
    if button.url is not None:
        return {"type": "open_url", **chip, "url": button.url, "description": button.title}
    if button.phone_number is not None:
        return {"type": "dial", **chip, "phone_number": button.phone_number.removeprefix("+")}
    return {"type": "reply", **chip}
