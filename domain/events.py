"""Items of a provider's webhook: events of sent messages, inbound messages, and unreadable items."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from domain.clock import to_milliseconds
from domain.destinations import Destination, DestinationKind
from domain.gate.consent import ConsentState
from domain.identifiers import ForeignId
from domain.outcomes import Detail, FailureClass, ShortText
from domain.status import Milestone


def _storable(instant: datetime | None) -> datetime | None:
    try:
        return to_milliseconds(instant) if instant else None
    except OverflowError:
        return None


Instant = Annotated[datetime | None, AfterValidator(_storable)]
"""Instant by the provider's clock; None if it is outside the range of UTC."""


Name = Annotated[str, AfterValidator(lambda text: text[:200])]
"""Display name that a provider gives for a person."""


class Identity(BaseModel):
    """Identifier by which a provider knows a person: a destination in the provider's own spelling."""

    model_config = ConfigDict(frozen=True)

    kind: DestinationKind
    value: ForeignId

    @classmethod
    def of(cls, destination: Destination) -> "Identity":
        """Convert a destination to an identity."""
        return cls(kind=destination.key, value=destination.value)


class ProviderEvent(BaseModel):
    """Provider event about one message.

    Attributes:
        key: the same for every repetition of the same event, different for any other.
        provider_status: the provider's own status, in lower case.
        milestone: the meaning of `provider_status`; `NONE` for an unknown status, which is recorded and not applied.
        reference: our interaction id, if the provider returns it.
        provider_message_id: the provider's id of the message.
        destination: the destination that the event is about, if the provider names it.
        aliases: all identities of that destination, if the provider names more than one; not stored with the event.
        up_to: for an event without message id: it is about every message to `destination` sent until then.
        occurred_at: when it happened, by the provider's clock.
        code: the provider's error code.
        failure: the class of that code.
        detail: the provider's own text, cut.
    """

    model_config = ConfigDict(frozen=True)

    key: ForeignId
    provider_status: ShortText
    milestone: Milestone
    reference: ForeignId | None = None
    provider_message_id: ForeignId | None = None
    destination: ForeignId | None = None
    aliases: Annotated[tuple[Identity, ...], Field(exclude=True)] = ()
    up_to: Instant = None
    occurred_at: Instant = None
    code: ShortText | None = None
    failure: FailureClass | None = None
    detail: Detail = ""


class ReceivedEvent(BaseModel):
    """Provider event on its way to its interaction.

    Attributes:
        id: of this receipt; a repetition of the same event has another.
        received_at: when the webhook arrived, by our clock.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    received_at: datetime
    event: ProviderEvent


class InboundMessage(BaseModel):
    """Message that an end user sent to us.

    Attributes:
        provider_message_id: the provider's id of the message; a repeated webhook has the same.
        sender: the sender as a destination: in the network's spelling, where an answer would go.
        sender_kind: the kind of that destination.
        aliases: other identities of the sender.
        successors: identities of the sender from now on, which replace those above of the same kinds.
        sender_name: the provider's name for the sender, or empty.
        payload: the content, in the format of sent payloads: `{"Type": "simple-text", "Text": "hola"}`; media as
            references (`Url`, or the provider's `MediaId`); content without a type of ours is `Type: "unsupported"`.
        in_reply_to: the provider's id of the message that it answers, if the provider gives it.
        group_id: the provider's id of the group; None for a message of a private conversation.
        consent: the opt-out or opt-in that the provider itself takes it for, if any.
        occurred_at: when it was sent, by the provider's clock.
    """

    model_config = ConfigDict(frozen=True)

    provider_message_id: ForeignId
    sender: ForeignId
    sender_kind: DestinationKind
    aliases: tuple[Identity, ...] = ()
    successors: tuple[Identity, ...] = ()
    sender_name: Name = ""
    payload: dict[str, JsonValue]
    in_reply_to: ForeignId | None = None
    group_id: ForeignId | None = None
    consent: ConsentState | None = None
    occurred_at: Instant = None


MAX_UNREADABLE_CHARACTERS: Final = 10_000
"""Maximum characters stored of an unreadable item."""


class UnreadableItem(BaseModel):
    """Item of a webhook for this integration that could not be parsed.

    Attributes:
        reason: what is wrong with it; names fields, not their values.
        content: the item as it came, cut.
    """

    model_config = ConfigDict(frozen=True)

    reason: Detail
    content: Annotated[str, AfterValidator(lambda text: text[:MAX_UNREADABLE_CHARACTERS])]


WebhookItem = ProviderEvent | InboundMessage | UnreadableItem
"""Item that a provider's webhook carries."""
