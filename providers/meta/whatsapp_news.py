"""What WhatsApp tells (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field, JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, News, ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError
from providers.meta.answers import code_of, detail_of
from providers.meta.codes import WHATSAPP_FAILURES
from providers.meta.webhooks import Id, Instant, Part, read, sender_id, unsupported
from providers.meta.whatsapp_contents import to_payload

OBJECT: Final = "whatsapp_business_account"

WORDS: Final[Mapping[str, Milestone]] = {
    "sent": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "played": Milestone.READ,
    "failed": Milestone.FAILED,
}
"""What each `status` means
(https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#statuses-object).

`deleted` and `warning` have been seen too: they are recorded, and prove nothing.
"""

_HEARD_FIELDS: Final = frozenset({"messages", "user_preferences"})
"""The webhook fields that tell of messages, and of the wish to get no more marketing."""


class _Change(Part):
    field: str
    value: JsonValue = None


class _Entry(Part):
    changes: tuple[_Change, ...] = ()


class _Metadata(Part):
    phone_number_id: str


class _Profile(Part):
    name: str = ""


class _Contact(Part):
    """Who somebody is: since 2026 a number, a business-scoped id, or both."""

    profile: _Profile = _Profile()
    wa_id: str | None = None
    user_id: str | None = None


class _Context(Part):
    id: str | None = None


class _Message(Part, extra="allow"):
    """A message; what it says is under the name of its type."""

    id: Id
    type: Id
    number: Annotated[Id | None, Field(alias="from")] = None
    user_id: Annotated[Id | None, Field(alias="from_user_id")] = None
    timestamp: Instant = None
    context: _Context | None = None

    @property
    def content(self) -> JsonValue:
        return (self.model_extra or {}).get(self.type)


class _Status(Part):
    id: Id
    status: Id
    timestamp: Instant = None
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    errors: tuple[dict[str, JsonValue], ...] = ()


class _Preference(Part):
    """Whether somebody wants marketing."""

    value: Id
    wa_id: Id | None = None
    user_id: Id | None = None
    timestamp: Instant = None


class _Value(Part):
    metadata: _Metadata
    contacts: tuple[_Contact, ...] = ()
    messages: tuple[_Message, ...] = ()
    statuses: tuple[_Status, ...] = ()
    user_preferences: tuple[_Preference, ...] = ()


def news(entries: Iterable[JsonValue], phone_number_id: str) -> Iterator[News]:
    """What a webhook tells of one phone number; an app's webhook tells of all its numbers.

    Raises:
        UnreadableError: if an entry is not of the documented form.
    """
    for entry in entries:
        for change in read(_Entry, entry).changes:
            if change.field not in _HEARD_FIELDS:
                continue
            value = read(_Value, change.value)
            if value.metadata.phone_number_id == phone_number_id:
                yield from map(_event, value.statuses)
                yield from (_inbound(message, value.contacts) for message in value.messages)
                yield from map(_preference, value.user_preferences)


def _event(status: _Status) -> ProviderEvent:
    word = status.status.lower()
    milestone = WORDS.get(word, Milestone.NONE)
    error = status.errors[0] if status.errors else {}
    code = code_of(error, WHATSAPP_FAILURES)
    return ProviderEvent(
        key=f"{status.id}:{word}",
        word=word,
        milestone=milestone,
        reference=status.biz_opaque_callback_data,
        provider_message_id=status.id,
        destination=status.recipient_id or status.recipient_user_id,
        occurred_at=status.timestamp,
        code=code,
        failure=WHATSAPP_FAILURES.get(code or "", FailureClass.OTHER) if milestone is Milestone.FAILED else None,
        detail=detail_of(error),
    )


def _inbound(message: _Message, contacts: Iterable[_Contact]) -> InboundMessage:
    kind, sender = _sender(message.number, message.user_id)
    ids = {message.number, message.user_id} - {None}
    contact = next((who for who in contacts if ids & {who.wa_id, who.user_id}), _Contact())
    return InboundMessage(
        provider_message_id=message.id,
        sender=sender,
        sender_kind=kind,
        sender_name=contact.profile.name,
        payload=to_payload(message.type, message.content),
        in_reply_to=_answered(message),
        occurred_at=message.timestamp,
    )


def _preference(preference: _Preference) -> InboundMessage:
    """`stop` or `resume`: what somebody tapped in WhatsApp's own menu, which has no id of its own."""
    kind, sender = _sender(preference.wa_id, preference.user_id)
    moment = "" if preference.timestamp is None else preference.timestamp.isoformat()
    return InboundMessage(
        provider_message_id=f"{sender}:user_preferences:{preference.value}:{moment}",
        sender=sender,
        sender_kind=kind,
        payload=unsupported(f"user_preferences/{preference.value}"),
        opted_out=preference.value == "stop",
        occurred_at=preference.timestamp,
    )


def _sender(number: str | None, user_id: str | None) -> tuple[DestinationKind, str]:
    """Whom an answer would be sent to: the number, or the business-scoped id of somebody who hides it."""
    if number is not None:
        return DestinationKind.PHONE_NUMBER, sender_id(DestinationKind.PHONE_NUMBER, number)
    if user_id is not None:
        return DestinationKind.BUSINESS_SCOPED_ID, sender_id(DestinationKind.BUSINESS_SCOPED_ID, user_id)
    raise UnreadableError("a message has a sender")


def _answered(message: _Message) -> str | None:
    if message.type == "reaction" and isinstance(message.content, dict):
        target = message.content.get("message_id")
        return target if isinstance(target, str) else None
    return message.context.id if message.context else None
