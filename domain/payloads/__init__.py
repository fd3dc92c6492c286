"""Payloads of each channel: one class per payload `Type`; a new one adds a class and a line here."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue, ValidationError

from domain.channels import Channel
from domain.payloads.base import Payload, summary_text
from domain.payloads.email import Email
from domain.payloads.messenger import MessengerCard, MessengerMedia, QuickReplies
from domain.payloads.rcs import RcsCard, RcsCarousel, RcsMedia
from domain.payloads.texts import RcsText, SimpleText
from domain.payloads.whatsapp import WhatsAppButtons, WhatsAppCard, WhatsAppList, WhatsAppMedia, WhatsAppTemplate
from domain.problems import Problem, problems_of_validation

__all__ = [
    "PAYLOADS",
    "Channel",
    "Email",
    "InvalidPayloadError",
    "Payload",
    "SimpleText",
    "parse_payload",
    "summary_of",
]

PAYLOADS: Final[Mapping[Channel, Mapping[str, type[Payload]]]] = {
    channel: {payload.wire_type: payload for payload in payloads}
    for channel, payloads in (
        (Channel.SMS, (SimpleText,)),
        (
            Channel.WHATSAPP,
            (SimpleText, WhatsAppMedia, WhatsAppCard, WhatsAppTemplate, WhatsAppButtons, WhatsAppList),
        ),
        (Channel.RCS, (RcsText, RcsMedia, RcsCard, RcsCarousel)),
        (Channel.EMAIL, (Email,)),
        (Channel.MESSENGER, (SimpleText, MessengerMedia, MessengerCard, QuickReplies)),
    )
}


class InvalidPayloadError(Exception):
    """Payload that its channel cannot carry.

    Attributes:
        problems: every reason, each naming its field.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field} {problem.code}" for problem in problems))
        self.problems = problems


def parse_payload(channel: Channel, raw: Mapping[str, JsonValue]) -> Payload:
    """Parse the payload of a request for `channel`.

    Raises:
        InvalidPayloadError: with every reason at once.
    """
    wire_type = next((value for name, value in raw.items() if name.lower() == "type"), None)
    known = PAYLOADS[channel]
    if not isinstance(wire_type, str) or wire_type not in known:
        raise InvalidPayloadError([_type_problem(wire_type, known)])
    model = known[wire_type]
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        raise InvalidPayloadError(problems_of_validation(error.errors(), "payLoad", model)) from error


def summary_of(channel: Channel, raw: Mapping[str, JsonValue]) -> str:
    """Return the summary of a payload; empty if the payload is not valid."""
    try:
        return parse_payload(channel, raw).summary()
    except InvalidPayloadError:
        return summary_text()


def _type_problem(wire_type: JsonValue, known: Mapping[str, type[Payload]]) -> Problem:
    if wire_type is None:
        return Problem(field="payLoad.Type", code="missing")
    return Problem(field="payLoad.Type", code="not_allowed", details={"allowed": ", ".join(known)})
