"""Channels and what may be sent through them: one class per payload `Type` within a channel."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, ValidationError

from domain.problems import Problem, problems_of_validation


class Channel(StrEnum):
    """The channels of the specification; the value is the answer's `integrationTypeName`."""

    SMS = "SMS"
    WHATSAPP = "WhatsApp"
    RCS = "RCS"
    EMAIL = "Email"
    MESSENGER = "FacebookMessenger"


Text = Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
"""A text that says something; a provider's own limit (`Capabilities.longest_text`) is tighter."""

HeaderText = Annotated[str, StringConstraints(max_length=998, pattern=r"^[^\r\n]*$")]
"""One line of a mail header (RFC 5322 §2.1.1: at most 998 characters), so that no header can be smuggled in."""


class Payload(BaseModel):
    """What is sent. Field names are matched in any letter case; unknown fields are refused.

    A field's wire name is its own without underscores: `is_html` is `IsHtml`, `ishtml` or `ISHTML`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "")
    )
    wire_type: ClassVar[str]
    type: str

    def displayed_text(self) -> str:
        """The text that a person reads, which the providers' length limits count."""
        raise NotImplementedError

    def addresses(self) -> Mapping[str, list[str]]:
        """Further e-mail addresses that the payload names, by field; they are checked as destinations are."""
        return {}

    def summary(self) -> str:
        """The interaction's `summary`: a string that holds JSON (specification, «summary»)."""
        return summary_text(body=self.displayed_text())


class TextPayload(Payload):
    """A plain text."""

    text: Text

    def displayed_text(self) -> str:
        """The text itself."""
        return self.text


class SimpleText(TextPayload):
    """`simple-text`: a text by SMS, WhatsApp or Messenger."""

    wire_type = "simple-text"


class RcsText(TextPayload):
    """`text-message-rcs`: a text by RCS (the specification's example)."""

    wire_type = "text-message-rcs"


class Email(Payload):
    """`email`: a subject and a body, which is HTML when `IsHtml` says so."""

    wire_type = "email"
    subject: HeaderText = ""
    body: Text
    is_html: bool = False
    cc: list[str] = []
    bcc: list[str] = []
    reply_to: HeaderText | None = None

    def displayed_text(self) -> str:
        """The body."""
        return self.body

    def addresses(self) -> Mapping[str, list[str]]:
        """Copies, blind copies, and where answers go."""
        reply_to = [] if self.reply_to is None else [self.reply_to]
        return {"Cc": self.cc, "Bcc": self.bcc, "ReplyTo": reply_to}

    def summary(self) -> str:
        """Subject and body."""
        return summary_text(subject=self.subject, body=self.body)


PAYLOADS: Final[Mapping[Channel, Mapping[str, type[Payload]]]] = {
    channel: {payload.wire_type: payload for payload in payloads}
    for channel, payloads in (
        (Channel.SMS, (SimpleText,)),
        (Channel.WHATSAPP, (SimpleText,)),
        (Channel.RCS, (RcsText,)),
        (Channel.EMAIL, (Email,)),
        (Channel.MESSENGER, (SimpleText,)),
    )
}


class InvalidPayloadError(Exception):
    """A payload that its channel cannot take.

    Attributes:
        problems: every reason, each naming its field.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field} {problem.code}" for problem in problems))
        self.problems = problems


def parse_payload(channel: Channel, raw: Mapping[str, JsonValue]) -> Payload:
    """The typed payload of what a caller sent through `channel`.

    Raises:
        InvalidPayloadError: with every reason at once.
    """
    named = _fold_keys(raw)
    wire_type = named.get("type")
    known = PAYLOADS[channel]
    if not isinstance(wire_type, str) or wire_type not in known:
        raise InvalidPayloadError([_type_problem(wire_type, known)])
    model = known[wire_type]
    try:
        return model.model_validate(named)
    except ValidationError as error:
        fields = [field.alias or name for name, field in model.model_fields.items()]
        raise InvalidPayloadError(problems_of_validation(error.errors(), "payLoad", fields)) from error


def summary_of(channel: Channel, raw: Mapping[str, JsonValue]) -> str:
    """The summary of a payload, empty when the payload is not valid."""
    try:
        return parse_payload(channel, raw).summary()
    except InvalidPayloadError:
        return summary_text()


def summary_text(subject: str = "", body: str = "", generic: str | None = None) -> str:
    """A summary as the specification writes it: JSON without spaces, in a string."""
    content = {"subject": subject, "body": body, "generic": generic}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _type_problem(wire_type: JsonValue, known: Mapping[str, type[Payload]]) -> Problem:
    if wire_type is None:
        return Problem(field="payLoad.Type", code="missing")
    return Problem(field="payLoad.Type", code="not_allowed", details={"allowed": ", ".join(known)})


def _fold_keys(raw: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    folded: dict[str, JsonValue] = {}
    repeated: list[Problem] = []
    for name, value in raw.items():
        if name.lower() in folded:
            repeated.append(Problem(field=f"payLoad.{name}", code="duplicate_field"))
        folded[name.lower()] = value
    if repeated:
        raise InvalidPayloadError(repeated)
    return folded
