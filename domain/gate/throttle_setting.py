"""Throttle of an integration: the rate of its sender, and of the messages to one recipient."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.channels import Channel
from domain.durations import parse_duration
from domain.gate.throttle import Pace
from domain.json_objects import JsonObject
from domain.payloads import Payload
from domain.problems import Problem
from domain.segments import segments

MIN_RATE: Final = 0.01
MAX_RATE: Final = 10_000
MAX_BURST: Final = 10_000
MAX_PER_RECIPIENT: Final = 100
MAX_EVERY: Final = timedelta(days=1)


def _rate(rate: float) -> float:
    if not rate >= MIN_RATE:
        raise PydanticCustomError("too_small", "too small", {"limit": str(MIN_RATE)})
    return rate


def _every(text: str) -> str:
    duration = parse_duration(text)
    if not duration or duration > MAX_EVERY:
        raise PydanticCustomError("bad_interval", "not an interval")
    return text


class RecipientRate(JsonObject):
    """Maximum number of messages from the sender to one recipient.

    Attributes:
        rate: the number of messages.
        every: the time within which there are no more: an ISO 8601 duration.
    """

    model_config = ConfigDict(frozen=True)

    rate: int = Field(ge=1, le=MAX_PER_RECIPIENT, examples=[1])
    every: Annotated[str, AfterValidator(_every)] = Field(examples=["PT6S"])

    @property
    def interval(self) -> timedelta:
        """Return `every`."""
        return parse_duration(self.every) or MAX_EVERY


class Throttle(JsonObject):
    """Rates that an integration keeps to; messages that would exceed them wait.

    Attributes:
        rate: the units per second of the sender; None for no limit.
        unit: what counts: messages, or segments of an SMS.
        burst: the units that may go at once after a pause.
        per_recipient: the limit for each recipient; None for no limit.
    """

    model_config = ConfigDict(frozen=True)

    rate: Annotated[float, Field(le=MAX_RATE), AfterValidator(_rate)] | None = Field(default=None, examples=[1])
    unit: Literal["message", "segment"] = "message"
    burst: int = Field(default=1, ge=1, le=MAX_BURST)
    per_recipient: RecipientRate | None = Field(default=None, alias="perRecipient")

    @property
    def pace(self) -> Pace | None:
        """Return the rate of the sender; None if it has no limit."""
        return Pace(1_000 / self.rate, self.burst) if self.rate else None

    @property
    def limits_nothing(self) -> bool:
        """Whether it has neither limit."""
        return self.rate is None and self.per_recipient is None

    def cost(self, payload: Payload) -> int:
        """Return the units of a message."""
        return segments(payload.displayed_text()).parts if self.unit == "segment" else 1


PER_PAIR: Final = RecipientRate(rate=1, every="PT6S")
"""WhatsApp's limit for the messages of one number to one user: one in six seconds; more are borrowed from later
(https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput)."""


def problems_of_throttle(throttle: Throttle, channel: Channel) -> list[Problem]:
    """Return the problems of a throttle on a channel."""
    if throttle.unit == "segment" and channel is not Channel.SMS:
        return [Problem(field="throttle.unit", code="not_allowed", details={"allowed": "message"})]
    return [Problem(field="throttle", code="no_default_throttle")] if throttle.limits_nothing else []
