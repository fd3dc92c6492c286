"""What Vonage's webhooks tell: statuses of messages that went out, and messages that came in.

https://developer.vonage.com/en/api/messages#message-status and #inbound-message
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from domain.channels import Channel
from domain.destinations import InvalidDestinationError, kind_of, normalise
from domain.events import InboundMessage, News, ProviderEvent
from domain.outcomes import FailureClass
from domain.payloads.texts import RcsText, SimpleText
from domain.status import Milestone
from providers.base import UnreadableError
from providers.http import read_json
from providers.vonage.codes import FAILURES, UNCERTAIN
from providers.vonage.problems import Problem

WORDS: Final[Mapping[str, Milestone]] = {
    "submitted": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "rejected": Milestone.FAILED,
    "undeliverable": Milestone.FAILED,
}
"""What each `status` means (https://developer.vonage.com/en/messages/concepts/messages-api-status-callbacks)."""

CHANNELS: Final[Mapping[str, Channel]] = {
    "sms": Channel.SMS,
    "mms": Channel.SMS,
    "whatsapp": Channel.WHATSAPP,
    "messenger": Channel.MESSENGER,
    "rcs": Channel.RCS,
}
"""The channels of webhooks that are ours; a number for SMS hears MMS too."""

MEDIA: Final[Mapping[str, str]] = {
    "image": "image",
    "sticker": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "vcard": "document",
}
"""What kind of media an attachment is, by its `message_type`."""


def _instant(value: object, handler: ValidatorFunctionWrapHandler) -> datetime | None:
    """An unreadable time is no reason to lose the news."""
    try:
        instant: datetime | None = handler(value)
        return instant and instant.astimezone(UTC)
    except (ValidationError, OverflowError):
        return None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _News(_Part):
    message_uuid: Annotated[str, Field(min_length=1, max_length=200)]
    channel: str
    timestamp: Annotated[AwareDatetime | None, WrapValidator(_instant)] = None


class _Status(_News):
    status: Annotated[str, Field(min_length=1)]
    to: str | None = None
    client_ref: str | None = None
    error: Problem | None = None


class _Profile(_Part):
    name: str | None = None


class _Context(_Part):
    message_uuid: str | None = None


class _Inbound(_News):
    model_config = ConfigDict(extra="allow")

    message_type: Annotated[str, Field(min_length=1)]
    sender: Annotated[str, Field(alias="from")]
    profile: _Profile | None = None
    context: _Context | None = None

    def content(self) -> JsonValue:
        """The field that has the name of the message's type."""
        return (self.model_extra or {}).get(self.message_type)


class _Attachment(_Part):
    url: str
    caption: str | None = None
    name: str | None = None


class _Location(_Part):
    lat: FiniteFloat
    long: FiniteFloat
    name: str | None = None
    address: str | None = None


class _Reply(_Part):
    id: str
    title: str


class _Button(_Part):
    payload: JsonValue
    text: str | None = None


class _Reaction(_Part):
    emoji: str = ""


_TEXT: Final = TypeAdapter(str, config=ConfigDict(hide_input_in_errors=True))


def read_news(body: bytes) -> Sequence[News]:
    """What a webhook tells: one status, one message, or nothing when its channel is none of ours.

    Raises:
        UnreadableError: if the body is neither.
    """
    content: Any = read_json(body)
    if not isinstance(content, dict):
        raise UnreadableError("not a JSON object")
    try:
        if "status" in content:
            return (_event(_Status.model_validate(content)),)
        message = _Inbound.model_validate(content)
        channel = CHANNELS.get(message.channel)
        return (_message(message, channel),) if channel else ()
    except (ValidationError, InvalidDestinationError) as error:
        raise UnreadableError(str(error)) from error


def _event(heard: _Status) -> ProviderEvent:
    word = heard.status.lower()
    code = heard.error.code if heard.error else None
    milestone = Milestone.NONE if code in UNCERTAIN else WORDS.get(word, Milestone.NONE)
    return ProviderEvent(
        key=f"{heard.message_uuid}:{word}",
        word=word,
        milestone=milestone,
        reference=heard.client_ref,
        provider_message_id=heard.message_uuid,
        destination=_destination(heard),
        occurred_at=heard.timestamp,
        code=code,
        failure=FAILURES.get(code or "", FailureClass.OTHER) if milestone is Milestone.FAILED else None,
        detail=heard.error.text if heard.error else "",
    )


def _destination(heard: _Status) -> str | None:
    channel = CHANNELS.get(heard.channel)
    if channel is None or heard.to is None:
        return None
    try:
        return normalise(kind_of(channel, heard.to), heard.to)
    except InvalidDestinationError:
        return None


def _message(heard: _Inbound, channel: Channel) -> InboundMessage:
    kind = kind_of(channel, heard.sender)
    return InboundMessage(
        provider_message_id=heard.message_uuid,
        sender=normalise(kind, heard.sender),
        sender_kind=kind,
        sender_name=(heard.profile and heard.profile.name) or "",
        payload=_payload(heard, channel),
        in_reply_to=heard.context.message_uuid if heard.context else None,
        occurred_at=heard.timestamp,
    )


def _payload(  # noqa: PLR0911 - one for each kind of message
    heard: _Inbound, channel: Channel
) -> dict[str, JsonValue]:
    content = heard.content()
    match heard.message_type:
        case "text":
            text_type = RcsText.wire_type if channel is Channel.RCS else SimpleText.wire_type
            return {"Type": text_type, "Text": _TEXT.validate_python(content)}
        case kind if kind in MEDIA:
            return _media(_Attachment.model_validate(content), MEDIA[kind])
        case "location":
            return _location(_Location.model_validate(content))
        case "reply":
            reply = _Reply.model_validate(content)
            return {"Type": "reply", "Id": reply.id, "Title": reply.title}
        case "button":
            return _tap(_Button.model_validate(content))
        case "reaction":
            return {"Type": "reaction", "Emoji": _Reaction.model_validate(content).emoji}
        case other:
            return _unsupported(other)


def _media(attachment: _Attachment, media_type: str) -> dict[str, JsonValue]:
    further = {"Caption": attachment.caption, "FileName": attachment.name}
    return {"Type": "media", "Url": attachment.url, "MediaType": media_type, **_given(further)}


def _location(place: _Location) -> dict[str, JsonValue]:
    further = {"Name": place.name, "Address": place.address}
    return {"Type": "location", "Latitude": place.lat, "Longitude": place.long, **_given(further)}


def _tap(button: _Button) -> dict[str, JsonValue]:
    """A button of a template or a card; what a WhatsApp Flow collected is an object, and has no type of ours."""
    if not isinstance(button.payload, str):
        return _unsupported("button")
    return {"Type": "reply", "Id": button.payload, "Title": button.text or button.payload}


def _unsupported(kind: str) -> dict[str, JsonValue]:
    return {"Type": "unsupported", "Kind": kind}


def _given(fields: Mapping[str, str | None]) -> dict[str, JsonValue]:
    return {name: text for name, text in fields.items() if text}
