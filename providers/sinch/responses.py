"""Sinch's answers: acceptances, errors in Google's form, and lists of messages."""

import re
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

import httpx2
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from domain.outcomes import Accepted
from providers.http import MAX_WAIT, ErrorBody, ResponseMapping
from providers.sinch.error_codes import MEANINGS

RETRY_INFO: Final = "google.rpc.RetryInfo"
_DURATION: Final = re.compile(r"\d{1,9}(\.\d{1,9})?s", re.ASCII)


def is_momentary(response: httpx2.Response) -> bool:
    """Whether an error is temporary, so that the request may be repeated."""
    waits = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    return response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in waits


@dataclass(slots=True)
class Answer:
    """Answer to one send.

    Attributes:
        wait: the delay of its `google.rpc.RetryInfo`, which an `ErrorBody` does not hold.
    """

    wait: timedelta | None = None

    def response_mapping(self) -> ResponseMapping:
        """Return the response mapping of this answer."""
        return ResponseMapping(_accepted, self._error_body, MEANINGS)

    def _error_body(self, body: Any) -> ErrorBody | None:  # noqa: ANN401 - arbitrary JSON from the provider
        """Read an error (https://cloud.google.com/apis/design/errors); without `status` it is not Sinch's."""
        error = body["error"]
        status, message = error["status"], error.get("message")
        if not isinstance(status, str) or not status:
            return None
        self.wait = _retry_delay(error.get("details"))
        return ErrorBody(status, message if isinstance(message, str) else "")


def _accepted(body: Any) -> Accepted | None:  # noqa: ANN401 - arbitrary JSON from the provider
    return Accepted(provider_message_id=body["message_id"]) if body["message_id"] else None


class _Detail(BaseModel):
    """Detail of an error; `google.rpc.RetryInfo` has a delay, such as `"7.5s"`.

    Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
    """

    model_config = ConfigDict(frozen=True)

    kind: Annotated[str, Field(alias="@type")]
    delay: Annotated[str, Field(validation_alias=AliasChoices("retryDelay", "retry_delay"))]

    def wait(self) -> timedelta | None:
        """Delay, at most an hour."""
        if not (self.kind.endswith(RETRY_INFO) and _DURATION.fullmatch(self.delay)):
            return None
        return timedelta(seconds=min(float(self.delay.removesuffix("s")), MAX_WAIT.total_seconds()))


def _retry_delay(details: JsonValue) -> timedelta | None:
    for detail in details if isinstance(details, list) else ():
        try:
            wait = _Detail.model_validate(detail).wait()
        except ValidationError:
            continue
        if wait is not None:
            return wait
    return None


class _SentMessage(BaseModel):
    """Message that the app sent, with the `metadata` of its send."""

    model_config = ConfigDict(frozen=True)

    id: str
    metadata: str | None = None


class _Page(BaseModel):
    """List of messages."""

    model_config = ConfigDict(frozen=True)

    messages: list[_SentMessage] = []


def find_reference(content: object, reference: str) -> Accepted | None:
    """Return the message with our reference; None also if the list does not have the documented form."""
    try:
        messages = _Page.model_validate(content).messages
    except ValidationError:
        return None
    return next(
        (Accepted(provider_message_id=message.id) for message in messages if message.metadata == reference), None
    )
