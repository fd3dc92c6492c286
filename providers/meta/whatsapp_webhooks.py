"""WhatsApp webhooks (https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Final

from pydantic import Field, JsonValue

from domain.events import InboundMessage, ProviderEvent, WebhookItem
from domain.gate.consent import ConsentState
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.lenient import Id, Optional, Part, ShortText, Text, Values, each, read, read_each, unsupported
from providers.meta.error_codes import WHATSAPP_FAILURES
from providers.meta.json_fields import JsonObject
from providers.meta.responses import code_of, detail_of
from providers.meta.webhook_parts import Instant
from providers.meta.whatsapp_identities import change_of, identities_of, sender_of
from providers.meta.whatsapp_inbound import to_payload

OBJECT: Final = "whatsapp_business_account"

STATUS_MAP: Final[Mapping[str, Milestone]] = {
    "sent": Milestone.SENT,
    "delivered": Milestone.DELIVERED,
    "read": Milestone.READ,
    "played": Milestone.READ,
    "failed": Milestone.FAILED,
}
"""Milestone of each `status`
(https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#statuses-object).

`deleted` and `warning` have been seen too: they are recorded, and prove nothing.
"""

_CONSENT_OF_PREFERENCE: Final[Mapping[str, ConsentState]] = {"stop": ConsentState.OUT, "resume": ConsentState.IN}
"""Consent to marketing by the `value` of a preference
(https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences).
"""

_SYSTEM: Final = "system"

_SUBSCRIBED_FIELDS: Final = frozenset({"messages", "user_preferences"})
"""Webhook fields with messages and with marketing preferences."""


_TARGETS: Final[Mapping[str, str]] = {
    "reaction": "message_id",
    "edit": "original_message_id",
    "revoke": "original_message_id",
}
"""Field with the id of the other message, by type of the messages that refer to one."""


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
    """Contact: since 2026 a number, a business-scoped id, or both."""

    profile: Optional[_Profile] = None
    wa_id: Text = ""
    user_id: Text = ""
    parent_user_id: Text = ""


class _Context(Part):
    id: Text = ""


class _Message(Part, extra="allow"):
    """Message; the content is under the name of its type."""

    id: Id
    type: Text = ""
    number: Annotated[Text, Field(alias="from")] = ""
    user_id: Annotated[Text, Field(alias="from_user_id")] = ""
    parent_user_id: Annotated[Text, Field(alias="from_parent_user_id")] = ""
    group_id: Text = ""
    timestamp: Instant = None
    context: Optional[_Context] = None

    @property
    def content(self) -> JsonValue:
        return (self.model_extra or {}).get(self.type)


class _Status(Part):
    id: Id
    status: ShortText
    timestamp: Instant = None
    recipient_id: Text = ""
    recipient_user_id: Text = ""
    recipient_parent_user_id: Text = ""
    biz_opaque_callback_data: Text = ""
    errors: Values = ()


class _Preference(Part):
    """Marketing preference of a user."""

    value: ShortText
    wa_id: Text = ""
    user_id: Text = ""
    timestamp: Instant = None


class _Whose(Part):
    """Phone number that a change is about."""

    metadata: _Metadata


class _Value(Part):
    contacts: Values = ()
    messages: Values = ()
    statuses: Values = ()
    user_preferences: Values = ()


def webhook_items(entries: Iterable[JsonValue], phone_number_id: str) -> Iterator[WebhookItem]:
    """Parse the items about one phone number; an app's webhook covers all its numbers."""
    return read_each(entries, partial(_of_entry, phone_number_id))


def _of_entry(phone_number_id: str, entry: JsonValue) -> Iterator[WebhookItem]:
    return read_each(read(_Entry, entry).changes, partial(_of_change, phone_number_id))


def _of_change(phone_number_id: str, content: JsonValue) -> Iterator[WebhookItem]:
    change = read(_Change, content)
    if change.field not in _SUBSCRIBED_FIELDS or read(_Whose, change.value).metadata.phone_number_id != phone_number_id:
        return
    value = read(_Value, change.value)
    contacts = tuple(each(_Contact, value.contacts))
    yield from read_each(value.statuses, _event)
    yield from read_each(value.messages, partial(_inbound, contacts))
    yield from read_each(value.user_preferences, _preference)


def _event(content: JsonValue) -> Iterator[ProviderEvent]:
    status = read(_Status, content)
    provider_status = status.status.lower()
    milestone = STATUS_MAP.get(provider_status, Milestone.NONE)
    errors = [error for error in status.errors if isinstance(error, dict)]
    error: JsonObject = errors[0] if errors else {}
    code = code_of(error, WHATSAPP_FAILURES)
    aliases = identities_of(status.recipient_id, status.recipient_user_id, status.recipient_parent_user_id)
    yield ProviderEvent(
        key=f"{status.id}:{provider_status}",
        provider_status=provider_status,
        milestone=milestone,
        reference=status.biz_opaque_callback_data or None,
        provider_message_id=status.id,
        destination=status.recipient_id or status.recipient_user_id or None,
        aliases=aliases if len(aliases) > 1 else (),
        occurred_at=status.timestamp,
        code=code,
        failure=WHATSAPP_FAILURES.get(code or "", FailureClass.OTHER) if milestone is Milestone.FAILED else None,
        detail=detail_of(error),
    )


def _inbound(contacts: Sequence[_Contact], content: JsonValue) -> Iterator[InboundMessage]:
    message = read(_Message, content)
    ids = {message.number, message.user_id} - {""}
    contact = next((who for who in contacts if ids & {who.wa_id, who.user_id}), _Contact())
    earlier, successors = change_of(message.content) if message.type == _SYSTEM else ((), ())
    named = (message.number, contact.wa_id, message.user_id, contact.user_id)
    sender, aliases = sender_of(*named, message.parent_user_id, contact.parent_user_id, *earlier)
    yield InboundMessage(
        provider_message_id=message.id,
        sender=sender.value,
        sender_kind=sender.kind,
        aliases=aliases,
        successors=successors,
        sender_name=contact.profile.name if contact.profile else "",
        payload=to_payload(message.type, message.content),
        in_reply_to=_answered(message),
        group_id=message.group_id or None,
        occurred_at=message.timestamp,
    )


def _preference(content: JsonValue) -> Iterator[InboundMessage]:
    """Parse `stop` or `resume`: a choice in WhatsApp's own menu, which has no id of its own."""
    preference = read(_Preference, content)
    sender, aliases = sender_of(preference.wa_id, preference.user_id)
    moment = "" if preference.timestamp is None else preference.timestamp.isoformat()
    yield InboundMessage(
        provider_message_id=f"{sender.value}:user_preferences:{preference.value}:{moment}",
        sender=sender.value,
        sender_kind=sender.kind,
        aliases=aliases,
        payload=unsupported(f"user_preferences/{preference.value}"),
        consent=_CONSENT_OF_PREFERENCE.get(preference.value),
        occurred_at=preference.timestamp,
    )


def _answered(message: _Message) -> str | None:
    target = message.content.get(_TARGETS.get(message.type, "")) if isinstance(message.content, dict) else None
    if isinstance(target, str) and target:
        return target
    return (message.context.id if message.context else "") or None
