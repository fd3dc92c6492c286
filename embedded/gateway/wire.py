"""What a message is on the gateway's wire, and how the gateway says no."""

import json
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from domain.channels import Channel
from domain.destinations import KIND_OF_CHANNEL, InvalidDestinationError, normalise

MOST_RECIPIENTS: Final = {channel: 10 if channel is Channel.EMAIL else 1 for channel in Channel}


class GatewayError(Exception):
    """A request that the gateway refuses.

    Attributes:
        status: of HTTP.
        code: one of `docs/providers/sandbox.md`, «Errors».
        retry_after: seconds to wait, where the same request may be made again.
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


class Submission(BaseModel):
    """One message to send, as it is posted to `/v1/messages`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)

    reference: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    channel: Channel
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    payload: Annotated[dict[str, JsonValue], AfterValidator(_finite)]
    callback_url: HttpUrl

    @model_validator(mode="after")
    def _respects_its_channel(self) -> Self:
        if len(self.to) > MOST_RECIPIENTS[self.channel]:
            raise ValueError(f"{self.channel} takes at most {MOST_RECIPIENTS[self.channel]} recipients")
        return self


def read_submission(body: bytes) -> Submission:
    """The message in a request's body.

    Raises:
        GatewayError: if there is none; the first reason only.
    """
    try:
        raw = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise GatewayError(400, "invalid_json", "the body is not JSON") from error
    try:
        submission = Submission.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        raise GatewayError(422, "invalid_request", f"{field}: {first['msg']}" if field else first["msg"]) from error
    _check_recipients(submission)
    return submission


def _check_recipients(submission: Submission) -> None:
    kind = KIND_OF_CHANNEL[submission.channel]
    for position, recipient in enumerate(submission.to):
        try:
            normalise(kind, recipient)
        except InvalidDestinationError as error:
            raise GatewayError(422, "invalid_recipient", f"to.{position}: not a {kind}") from error
