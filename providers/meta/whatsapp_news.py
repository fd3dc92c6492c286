"""What WhatsApp tells (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Final

from pydantic import Field, JsonValue

from domain.destinations import DestinationKind
from domain.events import InboundMessage, News, ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError
from providers.lenient import Id, Optional, Part, Text, Values, Word, each, read, read_each, unsupported
from providers.meta.answers import code_of, detail_of
from providers.meta.codes import WHATSAPP_FAILURES
from providers.meta.webhooks import Instant, sender_id
from providers.meta.whatsapp_contents import to_payload
from providers.meta.wire import JsonObject

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


_TARGETS: Final[Mapping[str, str]] = {
    "reaction": "message_id",
    "edit": "original_message_id",
    "revoke": "original_message_id",
}
"""Where messages that are about another one name it, by their type."""


class _Change(Part):
    field: Text = ""
    value: JsonValue = None


class _Entry(Part):
    changes: Values = ()


class _Metadata(Part):
    phone_number_id: Id


class _Profile(Part):
    name: Text = ""


class _Contact(Part):
    """Who somebody is: since 2026 a number, a business-scoped id, or both."""

    profile: Optional[_Profile] = None
    wa_id: Text = ""
    user_id: Text = ""


class _Context(Part):
    id: Text = ""


class _Message(Part, extra="allow"):
    """A message; what it says is under the name of its type."""

    id: Id
    type: Text = ""
    number: Annotated[Text, Field(alias="from")] = ""
    user_id: Annotated[Text, Field(alias="from_user_id")] = ""
    group_id: Text = ""
    timestamp: Instant = None
    context: Optional[_Context] = None

    @property
    def content(self) -> JsonValue:
        return (self.model_extra or {}).get(self.type)


class _Status(Part):
    id: Id
    status: Word
    timestamp: Instant = None
    recipient_id: Text = ""
    recipient_user_id: Text = ""
    biz_opaque_callback_data: Text = ""
    errors: Values = ()


class _Preference(Part):
    """Whether somebody wants marketing."""

    value: Word
    wa_id: Text = ""
    user_id: Text = ""
    timestamp: Instant = None


class _Whose(Part):
    """Which phone number a change is about."""

    metadata: _Metadata


class _Value(Part):
    contacts: Values = ()
    messages: Values = ()
    statuses: Values = ()
    user_preferences: Values = ()


def news(entries: Iterable[JsonValue], phone_number_id: str) -> Iterator[News]:
    """What a webhook tells of one phone number; an app's webhook tells of all its numbers."""
    return read_each(entries, partial(_of_entry, phone_number_id))


def _of_entry(phone_number_id: str, entry: JsonValue) -> Iterator[News]:
    return read_each(read(_Entry, entry).changes, partial(_of_change, phone_number_id))


def _of_change(phone_number_id: str, content: JsonValue) -> Iterator[News]:
    change = read(_Change, content)
    if change.field not in _HEARD_FIELDS or read(_Whose, change.value).metadata.phone_number_id != phone_number_id:
        return
    value = read(_Value, change.value)
    contacts = tuple(each(_Contact, value.contacts))
    yield from read_each(value.statuses, _event)
    yield from read_each(value.messages, partial(_inbound, contacts))
    yield from read_each(value.user_preferences, _preference)


def _event(content: JsonValue) -> Iterator[ProviderEvent]:
    status = read(_Status, content)
    word = status.status.lower()
    milestone = WORDS.get(word, Milestone.NONE)
    error: JsonObject = next((error for error in status.errors if isinstance(error, dict)), {})
    code = code_of(error, WHATSAPP_FAILURES)
    yield ProviderEvent(
        key=f"{status.id}:{word}",
        word=word,
        milestone=milestone,
        reference=status.biz_opaque_callback_data or None,
        provider_message_id=status.id,
        destination=status.recipient_id or status.recipient_user_id or None,
        occurred_at=status.timestamp,
        code=code,
        failure=WHATSAPP_FAILURES.get(code or "", FailureClass.OTHER) if milestone is Milestone.FAILED else None,
        detail=detail_of(error),
    )


def _inbound(contacts: Sequence[_Contact], content: JsonValue) -> Iterator[InboundMessage]:
    message = read(_Message, content)
    kind, sender = _sender(message.number, message.user_id)
    ids = {message.number, message.user_id} - {""}
    contact = next((who for who in contacts if ids & {who.wa_id, who.user_id}), _Contact())
    yield InboundMessage(
        provider_message_id=message.id,
        sender=sender,
        sender_kind=kind,
        sender_name=contact.profile.name if contact.profile else "",
        payload=to_payload(message.type, message.content),
        in_reply_to=_answered(message),
        group_id=message.group_id or None,
        occurred_at=message.timestamp,
    )


def _preference(content: JsonValue) -> Iterator[InboundMessage]:
    """`stop` or `resume`: what somebody tapped in WhatsApp's own menu, which has no id of its own."""
    preference = read(_Preference, content)
    kind, sender = _sender(preference.wa_id, preference.user_id)
    moment = "" if preference.timestamp is None else preference.timestamp.isoformat()
    yield InboundMessage(
        provider_message_id=f"{sender}:user_preferences:{preference.value}:{moment}",
        sender=sender,
        sender_kind=kind,
        payload=unsupported(f"user_preferences/{preference.value}"),
        opted_out=preference.value == "stop",
        occurred_at=preference.timestamp,
    )


def _sender(number: str, user_id: str) -> tuple[DestinationKind, str]:
    """Whom an answer would be sent to: the number, or the business-scoped id of somebody who hides it."""
    if number:
        return DestinationKind.PHONE_NUMBER, sender_id(DestinationKind.PHONE_NUMBER, number)
    if user_id:
        return DestinationKind.BUSINESS_SCOPED_ID, sender_id(DestinationKind.BUSINESS_SCOPED_ID, user_id)
    raise UnreadableError("a message has a sender")


def _answered(message: _Message) -> str | None:
    target = message.content.get(_TARGETS.get(message.type, "")) if isinstance(message.content, dict) else None
    if isinstance(target, str) and target:
        return target
    return (message.context.id if message.context else "") or None
