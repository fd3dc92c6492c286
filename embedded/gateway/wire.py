"""Messages and errors in the gateway's wire format."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    HttpUrl,
    JsonValue,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from domain.channels import Channel
from domain.clock import to_wire
from domain.destinations import InvalidDestinationError, kind_of, normalise

MAX_RECIPIENTS: Final = {channel: 10 if channel is Channel.EMAIL else 1 for channel in Channel}


class GatewayError(Exception):
    """An error response of the gateway.

    Attributes:
        status: of HTTP.
        code: one of `docs/providers/sandbox.md`, «Errors».
        retry_after: seconds until the same request may be retried, if it may.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


def _finite(payload: dict[str, JsonValue]) -> dict[str, JsonValue]:
    json.dumps(payload, allow_nan=False)
    return payload


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)


class Submission(_Request):
    """One message to send, as posted to `/v1/messages`."""

    reference: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    channel: Channel
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    payload: Annotated[dict[str, JsonValue], AfterValidator(_finite)]
    callback_url: HttpUrl

    @model_validator(mode="after")
    def _respects_its_channel(self) -> Self:
        if len(self.to) > MAX_RECIPIENTS[self.channel]:
            raise ValueError(f"{self.channel} takes at most {MAX_RECIPIENTS[self.channel]} recipients")
        return self


FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,99}$")]
FieldValue = StrictStr | StrictBool | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)] | FiniteFloat
Name = Annotated[str, StringConstraints(max_length=200)]
MessageId = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class InboundMessage(_Request):
    """One message of an end user, as posted to `/v1/inbound`.

    Attributes:
        id: generated unless given.
        sender: the author, `from` on the wire.
        to: the recipient, forwarded unchanged.
        payload: the contents; a flat object.
        in_reply_to: the id of the message that it replies to.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,200}$")] | None = None
    channel: Channel
    sender: Annotated[str, Field(alias="from")]
    to: Name | None = None
    name: Name = ""
    payload: Annotated[dict[FieldName, FieldValue], Field(min_length=1)]
    in_reply_to: MessageId | None = None
    callback_url: HttpUrl


def instant(seconds: float) -> str:
    """An instant in Unix seconds, in the gateway's wire format."""
    return to_wire(datetime.fromtimestamp(seconds, UTC))


def read_submission(body: bytes) -> Submission:
    """Parse a message from a request's body.

    Raises:
        GatewayError: if it is invalid; with the first reason only.
    """
    submission = _read(Submission, body)
    _check_destinations(submission.channel, {f"to.{place}": text for place, text in enumerate(submission.to)})
    return submission


def read_inbound(body: bytes) -> InboundMessage:
    """Parse an end user's message from a request's body.

    Raises:
        GatewayError: if it is invalid; with the first reason only.
    """
    message = _read(InboundMessage, body)
    _check_destinations(message.channel, {"from": message.sender})
    return message


_Model = TypeVar("_Model", bound=_Request)


def _read(model: type[_Model], body: bytes) -> _Model:
    try:
        raw = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise GatewayError(400, "invalid_json", "the body is not JSON") from error
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        raise GatewayError(422, "invalid_request", f"{field}: {first['msg']}" if field else first["msg"]) from error


def _check_destinations(channel: Channel, given: Mapping[str, str]) -> None:
    for field, text in given.items():
        kind = kind_of(channel, text)
        try:
            normalise(kind, text)
        except InvalidDestinationError as error:
            raise GatewayError(422, "invalid_recipient", f"{field}: not a {kind}") from error
