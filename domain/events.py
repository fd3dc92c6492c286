"""What is received from a provider: news of messages that went out, and messages that came in."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from domain.clock import to_milliseconds
from domain.destinations import Destination, DestinationKind
from domain.identifiers import ForeignId
from domain.outcomes import Detail, FailureClass, Word
from domain.status import Milestone


def _storable(instant: datetime | None) -> datetime | None:
    try:
        return to_milliseconds(instant) if instant else None
    except OverflowError:
        return None


Instant = Annotated[datetime | None, AfterValidator(_storable)]
"""A moment by the provider's clock; none if it lies before or after all time in UTC."""


Name = Annotated[str, AfterValidator(lambda text: text[:200])]
"""What a provider calls somebody."""


class Identity(BaseModel):
    """By what a provider knows somebody: a destination in the provider's own spelling."""

    model_config = ConfigDict(frozen=True)

    kind: DestinationKind
    value: ForeignId

    @classmethod
    def of(cls, destination: Destination) -> "Identity":
        """A destination as an identity."""
        return cls(kind=destination.key, value=destination.value)


class ProviderEvent(BaseModel):
    """One piece of news that a provider tells about one message.

    Attributes:
        key: the same for every repetition of the same news, different for any other.
        word: the provider's own word, in lower case.
        milestone: what the word means; `NONE` for a word that means nothing to us, which is recorded and not applied.
        reference: our interaction id, where the provider gives it back.
        provider_message_id: the provider's id of the message.
        destination: the destination that the news is about, where the provider says so.
        aliases: everything by which the provider knows whom the news is about, where that is more than one identity;
            not kept with the news.
        up_to: for news without an id of a message: it is about every message to `destination` sent until then.
        occurred_at: when it happened, by the provider's clock.
        code: the provider's error code.
        failure: what kind of failure that code is.
        detail: the provider's own text, cut.
    """

    model_config = ConfigDict(frozen=True)

    key: ForeignId
    word: Word
    milestone: Milestone
    reference: ForeignId | None = None
    provider_message_id: ForeignId | None = None
    destination: ForeignId | None = None
    aliases: Annotated[tuple[Identity, ...], Field(exclude=True)] = ()
    up_to: Instant = None
    occurred_at: Instant = None
    code: Word | None = None
    failure: FailureClass | None = None
    detail: Detail = ""


class ReceivedEvent(BaseModel):
    """One piece of news on its way to its interaction.

    Attributes:
        id: of this hearing; a provider's repetition of the same news is another hearing.
        received_at: when the provider told it, by our clock.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    received_at: datetime
    event: ProviderEvent


class InboundMessage(BaseModel):
    """A message that an end user sent to us.

    Attributes:
        provider_message_id: the provider's id of it; the same message told twice has the same.
        sender: who sent it, as a destination: in the network's spelling, what an answer would be sent to.
        sender_kind: what kind of destination that is.
        aliases: by what else the provider knows the sender.
        successors: by what the provider knows the sender from now on, instead of what is named above of the same kinds.
        sender_name: what the provider calls the sender, or nothing.
        payload: what it says, in the spelling of what is sent: `{"Type": "simple-text", "Text": "hola"}`; media as
            references (`Url`, or the provider's `MediaId`); what has no type of ours is `Type: "unsupported"`.
        in_reply_to: the provider's id of the message that it answers, if it says so.
        group_id: the provider's id of the group that it was sent to; None for a message of a private conversation.
        opted_out: whether the provider itself took it as a wish to apply no more.
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
    opted_out: bool = False
    occurred_at: Instant = None


MAX_UNREADABLE_CHARACTERS: Final = 10_000
"""Characters that are kept of an item that could not be read."""


class UnreadableItem(BaseModel):
    """One item of a webhook that is ours and could not be read.

    Attributes:
        reason: what is wrong with it; names fields, not their values.
        content: the item as it came, cut.
    """

    model_config = ConfigDict(frozen=True)

    reason: Detail
    content: Annotated[str, AfterValidator(lambda text: text[:MAX_UNREADABLE_CHARACTERS])]


News = ProviderEvent | InboundMessage | UnreadableItem
"""Whatever a provider tells."""
