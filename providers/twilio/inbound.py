"""Inbound messages (https://www.twilio.com/docs/messaging/guides/webhook-request)."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field, JsonValue

from domain.destinations import InvalidDestinationError
from domain.events import InboundMessage
from domain.gate.consent import ConsentState
from domain.payloads.base import MediaType
from domain.payloads.texts import SimpleText
from domain.payloads.whatsapp import WhatsAppMedia
from providers.base import UnreadableError
from providers.lenient import Optional
from providers.twilio.addresses import destination_of
from providers.twilio.webhook_form import Form, Present, read_as

INBOUND_WORDS: Final = frozenset({"received", "receiving"})
"""Statuses of messages from end users
(https://www.twilio.com/docs/messaging/api/message-resource#message-status-values).
"""

CONSENT_OF_TYPE: Final[Mapping[str, ConsentState]] = {"STOP": ConsentState.OUT, "START": ConsentState.IN}
"""Consent by the `OptOutType` of a message
(https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out)."""


class ReceivedMessage(Form):
    """Parameters that are read, except those of the media, which are numbered."""

    message_sid: Present
    sender: Annotated[Present, Field(alias="From")]
    body: str = ""
    message_type: str = "empty"
    profile_name: str = ""
    original_replied_message_sid: str | None = None
    button_text: str | None = None
    button_payload: str | None = None
    latitude: Optional[Annotated[float, Field(ge=-90, le=90)]] = None
    longitude: Optional[Annotated[float, Field(ge=-180, le=180)]] = None
    label: str | None = None
    address: str | None = None
    opt_out_type: str = ""


def is_message(parameters: Mapping[str, str]) -> bool:
    """Whether a webhook is a message from an end user, and not the status of one of ours."""
    word = parameters.get("MessageStatus") or parameters.get("SmsStatus")
    if word is None:
        return not parameters.keys().isdisjoint({"Body", "NumMedia"})
    return word.lower() in INBOUND_WORDS


def read_message(parameters: Mapping[str, str]) -> InboundMessage:
    """Parse the message of a webhook.

    Raises:
        UnreadableError: if it does not have the documented form, or its sender is not a destination.
    """
    message = read_as(ReceivedMessage, parameters)
    try:
        kind, sender = destination_of(message.sender)
    except InvalidDestinationError as error:
        raise UnreadableError("From is no destination that could be answered") from error
    return InboundMessage(
        provider_message_id=message.message_sid,
        sender=sender,
        sender_kind=kind,
        sender_name=message.profile_name,
        payload=_payload(message, list(_media(parameters))),
        in_reply_to=message.original_replied_message_sid,
        consent=CONSENT_OF_TYPE.get(message.opt_out_type.upper()),
    )


def _payload(message: ReceivedMessage, media: list[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    if message.button_text is not None:
        return {"Type": "reply", "Id": message.button_payload or message.button_text, "Title": message.button_text}
    if media:
        return _media_payload(message.body, media)
    if message.latitude is not None and message.longitude is not None:
        place: dict[str, JsonValue] = {"Latitude": message.latitude, "Longitude": message.longitude}
        return {"Type": "location"} | place | _given(Name=message.label, Address=message.address)
    if message.body:
        return {"Type": SimpleText.wire_type, "Text": message.body}
    return {"Type": "unsupported", "Kind": message.message_type}


def _media_payload(caption: str, media: list[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return one payload for all the media of a message: an MMS has up to ten under one text."""
    first, *others = media
    more: dict[str, JsonValue] = {"More": [*others]} if others else {}
    return {"Type": WhatsAppMedia.wire_type} | first | _given(Caption=caption or None) | more


def _media(parameters: Mapping[str, str]) -> Iterator[dict[str, JsonValue]]:
    for number in itertools.count():
        url = parameters.get(f"MediaUrl{number}")
        if url is None:
            return
        yield {"Url": url, "MediaType": _media_type(parameters.get(f"MediaContentType{number}", ""))}


def _media_type(content_type: str) -> MediaType:
    """Return the kind of media of a content type; other types are documents."""
    kind = content_type.partition("/")[0].lower()
    return MediaType(kind) if kind in {MediaType.IMAGE, MediaType.VIDEO, MediaType.AUDIO} else MediaType.DOCUMENT


def _given(**fields: str | None) -> dict[str, JsonValue]:
    return {name: value for name, value in fields.items() if value is not None}
