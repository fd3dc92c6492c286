"""Requests of the WhatsApp Cloud API (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages)."""

from typing import Any, Final

from domain.channels import Channel
from domain.destinations import DestinationKind, kind_of
from domain.outcomes import Accepted
from domain.payloads import Payload, SimpleText
from domain.payloads.base import MediaType, ReplyButton
from domain.payloads.whatsapp import (
    ListRow,
    ListSection,
    WhatsAppButtons,
    WhatsAppCard,
    WhatsAppList,
    WhatsAppMedia,
    WhatsAppTemplate,
)
from providers.base import Outbound
from providers.http import first_status
from providers.meta.json_fields import JsonObject, UnsendableError, present
from providers.meta.settings import MetaConfiguration

PAYLOAD_TYPES: Final = frozenset(
    payload.wire_type
    for payload in (SimpleText, WhatsAppMedia, WhatsAppCard, WhatsAppTemplate, WhatsAppButtons, WhatsAppList)
)

MAX_TEXT_LENGTH: Final = 4_096
"""Maximum characters of `text.body`."""


def render(outbound: Outbound, configuration: MetaConfiguration) -> JsonObject:
    """Return the body of the request that sends a message.

    Raises:
        UnsendableError: if WhatsApp cannot carry something in the payload.
    """
    del configuration
    kind, content = _content(outbound.payload)
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(outbound.destinations[0]),
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": outbound.reference,
    }


def accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - arbitrary JSON from the provider
    """Read the answer to an accepted message."""
    message = body["messages"][0]
    word = first_status(message.get("message_status"))
    return Accepted(provider_message_id=message["id"], provider_status=word) if message["id"] else None


def _recipient(destination: str) -> JsonObject:
    """Return the recipient. Without its `+`, Meta may put the country code of the business before a number."""
    if kind_of(Channel.WHATSAPP, destination) is DestinationKind.BUSINESS_SCOPED_ID:
        return {"recipient": destination}
    return {"to": f"+{destination}"}


def _content(payload: Payload) -> tuple[str, JsonObject]:
    """Return the type of a message, and its content."""
    match payload:
        case SimpleText():
            return "text", {"body": payload.text, "preview_url": False}
        case WhatsAppMedia():
            return payload.media_type, _media(payload)
        case WhatsAppCard():  # before the buttons, which a card has too
            picture: JsonObject = {"type": "image", "image": {"link": payload.image_url}}
            return "interactive", {"type": "button", "header": picture, **_buttons(payload)}
        case WhatsAppButtons():
            return "interactive", {"type": "button", **_buttons(payload)}
        case WhatsAppList():
            return "interactive", _list(payload)
        case WhatsAppTemplate():
            return "template", _template(payload)
        case _:
            raise UnsendableError(f"WhatsApp has no {payload.wire_type}")


def _media(payload: WhatsAppMedia) -> JsonObject:
    name = payload.file_name if payload.media_type is MediaType.DOCUMENT else None
    return present(link=payload.url, caption=payload.caption, filename=name)


def _buttons(payload: WhatsAppButtons) -> JsonObject:
    return {"body": {"text": payload.text}, "action": {"buttons": [_button(button) for button in payload.buttons]}}


def _button(button: ReplyButton) -> JsonObject:
    return {"type": "reply", "reply": {"id": button.answer, "title": button.title}}


def _list(payload: WhatsAppList) -> JsonObject:
    sections = [_section(section) for section in payload.sections]
    return {
        "type": "list",
        "body": {"text": payload.text},
        "action": {"button": payload.button, "sections": [*sections]},
    }


def _section(section: ListSection) -> JsonObject:
    return {"title": section.title, "rows": [_row(row) for row in section.rows]}


def _row(row: ListRow) -> JsonObject:
    return present(id=row.id, title=row.title, description=row.description)


def _template(payload: WhatsAppTemplate) -> JsonObject:
    language: JsonObject = {"code": payload.language, "policy": "deterministic"}
    parameters: list[JsonObject] = [{"type": "text", "text": text} for text in payload.parameters]
    body: list[JsonObject] = [{"type": "body", "parameters": [*parameters]}] if parameters else []
    return present(name=payload.name, language=language, components=[*body])
