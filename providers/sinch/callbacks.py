"""What Sinch's webhooks tell (https://developers.sinch.com/docs/conversation/callbacks/).

Their bodies do not name the trigger: it is known by the key that is present. Those of other triggers tell nothing.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from domain.destinations import Destination, InvalidDestinationError, kind_of, normalise
from domain.events import InboundMessage, News, ProviderEvent
from domain.outcomes import FailureClass
from domain.status import Milestone
from providers.base import UnreadableError
from providers.http import read_json
from providers.sinch.codes import CHANNELS, FAILURES, WORDS
from providers.sinch.inbound import payload_of

NO_SUB_CODE: Final = "UNSPECIFIED_SUB_CODE"
TO_APP: Final = "TO_APP"
UNREACT: Final = "REACTION_ACTION_UNREACT"


def _or_none(value: object, validate: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - a moment, or None
    try:
        return validate(value)
    except ValidationError:
        return None


Moment = Annotated[AwareDatetime | None, WrapValidator(_or_none)]
"""A time; what is none is as good as absent, for no news should be lost over it."""

Id = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _ChannelIdentity(_Part):
    channel: str
    identity: str

    def destination(self) -> Destination | None:
        """The end user as a destination of ours; None on a channel that is not ours.

        Raises:
            InvalidDestinationError: if the identity is none of its channel.
        """
        channel = CHANNELS.get(self.channel)
        if channel is None:
            return None
        kind = kind_of(channel, self.identity)
        return Destination(key=kind, value=normalise(kind, self.identity))


class _Reason(_Part):
    code: str | None = None
    description: str | None = None
    sub_code: str | None = None
    channel_code: str | None = None

    def detail(self) -> str:
        """The description, and the finer codes in brackets."""
        finer = ", ".join(code for code in (self.sub_code, self.channel_code) if code and code != NO_SUB_CODE)
        return " ".join(filter(None, (self.description, finer and f"[{finer}]")))


class _DeliveryReport(_Part):
    message_id: Id
    status: Id
    channel_identity: _ChannelIdentity | None = None
    reason: _Reason | None = None
    metadata: str | None = None


class _Message(_Part):
    id: Id
    direction: str | None = None
    channel_identity: _ChannelIdentity
    contact_message: dict[str, JsonValue] | None = None
    accept_time: Moment = None


class _Reaction(_Part):
    emoji: str = ""
    action: str | None = None
    message_id: str | None = None


class _ContactMessageEvent(_Part):
    reaction_event: _Reaction | None = None


class _Event(_Part):
    id: Id
    channel_identity: _ChannelIdentity
    contact_message_event: _ContactMessageEvent | None = None
    accept_time: Moment = None


class _Callback(_Part):
    event_time: Moment = None
    accepted_time: Moment = None
    correlation_id: str | None = None
    message_metadata: str | None = None
    message_delivery_report: _DeliveryReport | None = None
    message: _Message | None = None
    event: _Event | None = None

    def news(self) -> News | None:
        """What it tells, if it tells anything.

        Raises:
            UnreadableError: if a message came from somebody who is no destination.
        """
        if self.message_delivery_report is not None:
            return self._status(self.message_delivery_report)
        if self.message is not None:
            return self._inbound(self.message)
        return None if self.event is None else self._reaction(self.event)

    def _status(self, report: _DeliveryReport) -> ProviderEvent:
        word = report.status.lower()
        milestone = WORDS.get(word, Milestone.NONE)
        reason = report.reason or _Reason()
        failure = FAILURES.get(reason.code or "", FailureClass.OTHER)
        return ProviderEvent(
            key=f"{report.message_id}:{word}",
            word=word,
            milestone=milestone,
            reference=self.correlation_id or self.message_metadata or report.metadata or None,
            provider_message_id=report.message_id,
            destination=_destination_of(report.channel_identity),
            occurred_at=self.event_time or self.accepted_time,
            code=reason.code or None,
            failure=failure if milestone is Milestone.FAILED else None,
            detail=reason.detail(),
        )

    def _inbound(self, message: _Message) -> InboundMessage | None:
        sender = _sender_of(message.channel_identity)
        if sender is None or message.contact_message is None or message.direction not in {None, TO_APP}:
            return None
        payload, answered = payload_of(CHANNELS[message.channel_identity.channel], message.contact_message)
        return InboundMessage(
            provider_message_id=message.id,
            sender=sender.value,
            sender_kind=sender.key,
            payload=payload,
            in_reply_to=answered,
            occurred_at=self.event_time or message.accept_time,
        )

    def _reaction(self, event: _Event) -> InboundMessage | None:
        reaction = event.contact_message_event and event.contact_message_event.reaction_event
        sender = _sender_of(event.channel_identity) if reaction else None
        if not reaction or sender is None:
            return None
        return InboundMessage(
            provider_message_id=event.id,
            sender=sender.value,
            sender_kind=sender.key,
            payload={"Type": "reaction", "Emoji": "" if reaction.action == UNREACT else reaction.emoji},
            in_reply_to=reaction.message_id or None,
            occurred_at=self.event_time or event.accept_time,
        )


def read(body: bytes) -> Sequence[News]:
    """What the body of a webhook tells.

    Raises:
        UnreadableError: if it is not of the documented form.
    """
    try:
        news = _Callback.model_validate(read_json(body)).news()
    except ValidationError as error:
        raise UnreadableError(str(error)) from error
    return () if news is None else (news,)


def _sender_of(identity: _ChannelIdentity) -> Destination | None:
    try:
        return identity.destination()
    except InvalidDestinationError as error:
        raise UnreadableError(f"a sender who is no destination: {error.code}") from error


def _destination_of(identity: _ChannelIdentity | None) -> str | None:
    """The destination that a report names, where it names one of ours: the message is known by its id anyway."""
    try:
        destination = identity and identity.destination()
    except InvalidDestinationError:
        return None
    return destination.value if destination else None
