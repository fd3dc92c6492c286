"""Conversion of payloads to Sinch's generic messages (https://developers.sinch.com/docs/conversation/message-types/)."""

from collections.abc import Iterable, Mapping
from functools import singledispatch
from typing import Final

from pydantic import JsonValue

from domain.channels import Channel
from domain.outcomes import FailureClass, Rejected
from domain.payloads import PAYLOADS, Payload
from domain.payloads.base import Button, MediaPayload, MediaType, ReplyButton
from domain.payloads.rcs import Card, RcsCard, RcsCarousel, RcsMedia
from domain.payloads.texts import RcsText, SimpleText
from domain.payloads.whatsapp import (
    ListRow,
    WhatsAppButtons,
    WhatsAppCard,
    WhatsAppList,
    WhatsAppMedia,
    WhatsAppTemplate,
)

Json = dict[str, JsonValue]

MAX_TEXT_LENGTH: Final[Mapping[Channel, int]] = {Channel.RCS: 3_072, Channel.WHATSAPP: 4_096}
"""Maximum characters of a text (https://developers.sinch.com/docs/conversation/message-types/text-message/)."""

PICTURE_HEIGHT: Final = "MEDIUM"
"""Height of the picture of an RCS card."""

CAPTIONED: Final = frozenset({MediaType.IMAGE, MediaType.VIDEO})
"""Media that a card can show (https://developers.sinch.com/docs/conversation/message-types/card-message/); only a card
has a text beside its media.
"""


def payload_types(channel: Channel) -> frozenset[str]:
    """Return the payload types of a channel that Sinch carries."""
    return frozenset(wire_type for wire_type, payload in PAYLOADS[channel].items() if payload in render.registry)


def refusal_of(payload: Payload) -> Rejected | None:
    """Return why Sinch cannot carry a payload completely; None if it can."""
    if isinstance(payload, MediaPayload) and payload.caption and payload.media_type not in CAPTIONED:
        detail = f"Sinch carries no Caption with MediaType {payload.media_type}"
        return Rejected(code="caption_not_carried", failure=FailureClass.CONTENT, detail=detail)
    return None


@singledispatch
def render(payload: Payload) -> Json:
    """Render the `message` of a send for a payload without `refusal_of`; each class has a function below."""
    raise NotImplementedError(f"Sinch carries no {payload.wire_type}")


@render.register
def _text_message(payload: SimpleText) -> Json:
    return {"text_message": _text(payload.text)}


@render.register
def _whatsapp_buttons(payload: WhatsAppButtons) -> Json:
    return {"choice_message": {"text_message": _text(payload.text), "choices": _choices(payload.buttons)}}


@render.register
def _rcs_text(payload: RcsText) -> Json:
    if not payload.suggestions:
        return {"text_message": _text(payload.text)}
    return {"choice_message": {"text_message": _text(payload.text), "choices": _choices(payload.suggestions)}}


@render.register
def _rcs_media(payload: RcsMedia) -> Json:
    media = _media(payload)
    if not payload.caption:
        return {"media_message": media}
    return {"card_message": {"description": payload.caption, "height": PICTURE_HEIGHT, "media_message": media}}


@render.register
def _whatsapp_media(payload: WhatsAppMedia) -> Json:
    """Render media; a card without choices is media with a caption on WhatsApp.

    Source: https://developers.sinch.com/docs/conversation/channel-support/whatsapp/message-support/
    """
    media = _media(payload)
    if not payload.caption:
        return {"media_message": media}
    return {"card_message": {"title": payload.caption, "media_message": media}}


@render.register
def _whatsapp_card(payload: WhatsAppCard) -> Json:
    picture: Json = {"url": payload.image_url}
    choices = _choices(payload.buttons)
    return {"card_message": {"title": payload.text, "media_message": picture, "choices": choices}}


@render.register
def _rcs_card(payload: RcsCard) -> Json:
    return {"card_message": _card(payload)}


@render.register
def _rcs_carousel(carousel: RcsCarousel) -> Json:
    content: Json = {"cards": [_card(card) for card in carousel.cards]}
    if carousel.suggestions:
        content["choices"] = _choices(carousel.suggestions)
    return {"carousel_message": content}


@render.register
def _whatsapp_list(payload: WhatsAppList) -> Json:
    sections: JsonValue = [
        {"title": section.title, "items": [{"choice": _row(row)} for row in section.rows]}
        for section in payload.sections
    ]
    menu: Json = {"menu": payload.button}
    return {"list_message": {"title": payload.text, "sections": sections, "message_properties": menu}}


@render.register
def _whatsapp_template(payload: WhatsAppTemplate) -> Json:
    """Render a template by its name, with the parameters of its body counted from one.

    Source: https://developers.sinch.com/docs/conversation/channel-support/whatsapp/template-support/
    """
    template: Json = {"template_id": payload.name, "language_code": payload.language}
    if payload.parameters:
        template["parameters"] = {f"body[{place}]text": text for place, text in enumerate(payload.parameters, start=1)}
    return {"template_message": {"channel_template": {"WHATSAPP": template}}}


def _text(text: str) -> Json:
    return {"text": text}


def _media(payload: MediaPayload) -> Json:
    name: Json = {"filename_override": payload.file_name} if payload.file_name else {}
    return {"url": payload.url, **name}


def _choices(buttons: Iterable[Button | ReplyButton]) -> JsonValue:
    return [_choice(button) for button in buttons]


def _choice(button: Button | ReplyButton) -> Json:
    match button:
        case Button(url=str(url)):
            return {"url_message": {"title": button.title, "url": url}}
        case Button(phone_number=str(number)):
            return {"call_message": {"title": button.title, "phone_number": f"+{number.removeprefix('+')}"}}
        case _:
            return {"text_message": _text(button.title), "postback_data": button.answer}


def _card(card: Card) -> Json:
    content: Json = {"title": card.title}
    if card.description:
        content["description"] = card.description
    if card.image_url is not None:
        content |= {"height": PICTURE_HEIGHT, "media_message": {"url": card.image_url}}
    if card.suggestions:
        content["choices"] = _choices(card.suggestions)
    return content


def _row(row: ListRow) -> Json:
    description: Json = {"description": row.description} if row.description else {}
    return {"title": row.title, **description, "postback_data": row.id}
