"""The one place where what happened over HTTP becomes a verdict on a send (`providers.md` §0.2)."""

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final, TypeVar

import httpx2
from pydantic_core import from_json

from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, Rejected
from providers.base import Check, TransientError
from providers.redaction import Redaction, redaction_for

T = TypeVar("T")

MAX_WAIT: Final = timedelta(hours=1)
"""The longest `Retry-After` that is believed."""


class Ambiguity(Enum):
    """What an error code of a provider may mean besides a refusal."""

    NOT_ACCEPTED = auto()
    """Surely not taken: may be sent again."""
    PERHAPS_TAKEN = auto()
    """May have been taken: never sent again blindly."""


Meaning = FailureClass | Ambiguity


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """A provider's error body: its code and its text."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ResponseMapping:
    """How one provider answers a send.

    Attributes:
        accepted: reads the body of a success; None when it names no message.
        complaint: reads the body of an error; None when it is not in the provider's form.
        meanings: what the provider's error codes mean; data with its source beside it.
    """

    accepted: Callable[[Any], Accepted | None]
    complaint: Callable[[Any], ErrorBody | None]
    meanings: Mapping[str, Meaning]


async def send(http: httpx2.AsyncClient, request: httpx2.Request, dialect: ResponseMapping) -> Outcome:
    """Make one request that sends a message, and judge what came of it; nothing told in confidence is told on.

    Raises:
        TransientError: when the message was surely not taken.
    """
    try:
        response = await http.send(request)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise TransientError("unreachable", describe(error)) from error
    except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
        return Rejected(code="bad_request", failure=FailureClass.CONFIGURATION, detail=describe(error))
    except httpx2.RequestError as error:
        return OutcomeUnknown(detail=describe(error))
    return judge(response, dialect, redaction_for(request))


async def check(
    http: httpx2.AsyncClient, request: httpx2.Request, dialect: ResponseMapping, read: Callable[[Any], Check | None]
) -> Check:
    """Make one request that sends nothing, and judge by its answer whether the credentials are good.

    Args:
        http: the client.
        request: who it is from is what is asked about.
        dialect: how the provider complains.
        read: what the body of a success says; None when it is not of the documented form.

    Raises:
        TransientError: when there is no answer that says either.
    """
    try:
        response = await http.send(request)
    except httpx2.RequestError as error:
        raise TransientError("unreachable", describe(error)) from error
    if response.is_success:
        said = _read(read, read_json(response.content))
        if said is None:
            raise TransientError("unreadable", f"HTTP {response.status_code} not in the provider's form")
        return said
    outcome = judge(response, dialect, redaction_for(request))
    if isinstance(outcome, Rejected):
        return refused(outcome)
    raise TransientError("unanswered", f"HTTP {response.status_code}")


def refused(rejected: Rejected) -> Check:
    """What a refusal says of the credentials."""
    return Check(ok=False, reason=f"{rejected.code}: {rejected.detail}" if rejected.detail else rejected.code)


def describe(error: httpx2.RequestError) -> str:
    """What kept a request from its answer, in words; of one that is no HTTP only the kind, for they quote headers."""
    kind = type(error).__name__
    return f"{kind}: {error}" if str(error) and not isinstance(error, httpx2.LocalProtocolError) else kind


def judge(response: httpx2.Response, dialect: ResponseMapping, redact: Redaction = str) -> Outcome:
    """The verdict on a send by the provider's answer.

    Args:
        response: the answer.
        dialect: how the provider answers.
        redact: hides in its words what they must not tell, before they are cut.

    Raises:
        TransientError: when the answer says that the message was not taken and may be sent again.
    """
    body = read_json(response.content)
    if response.is_success:
        return _read(dialect.accepted, body) or OutcomeUnknown(detail=f"HTTP {response.status_code} naming no message")
    complaint = _read(dialect.complaint, body)
    if complaint is None:
        return _judge_foreign(response)
    meaning = _meaning_of(dialect, complaint.code, response.status_code)
    code, detail = redact(complaint.code), redact(complaint.detail)
    if meaning is Ambiguity.NOT_ACCEPTED:
        raise TransientError(code, detail, retry_after(response))
    if meaning is Ambiguity.PERHAPS_TAKEN:
        return OutcomeUnknown(detail=f"{code}: {detail}")
    return Rejected(code=code, failure=meaning, detail=detail)


def read_json(content: bytes) -> Any:  # noqa: ANN401 - whatever the far end wrote
    """A JSON body, or None for anything else, such as text that could not be stored or nesting without end."""
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        return None


def word_of(value: object) -> str:
    """A provider's word for the first state of a message that it took, in lower case; `accepted` where it has none."""
    return value.lower() if isinstance(value, str) and value else "accepted"


def retry_after(response: httpx2.Response) -> timedelta | None:
    """What `Retry-After` asks (RFC 9110 §10.2.3): seconds or a date, at most an hour."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), MAX_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(wait, timedelta()), MAX_WAIT)


def _read(reader: Callable[[Any], T | None], body: object) -> T | None:
    """What a reader finds; a body of another form than documented is a body that says nothing."""
    try:
        return reader(body)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError):
        return None


def _judge_foreign(response: httpx2.Response) -> Outcome:
    """An error that is not in the provider's own form: a proxy's, perhaps, and so perhaps after the send."""
    status = response.status_code
    detail = f"HTTP {status} not in the provider's form"
    ambiguous = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in ambiguous:
        return OutcomeUnknown(detail=detail)
    meaning = _meaning_of_status(status)
    failure = meaning if isinstance(meaning, FailureClass) else FailureClass.OTHER
    return Rejected(code=f"http_{status}", failure=failure, detail=detail)


def _meaning_of(dialect: ResponseMapping, code: str, status: int) -> Meaning:
    """What a provider's own complaint means: one about the rate is no refusal, whatever older list its code is from."""
    meaning = dialect.meanings.get(code) or _meaning_of_status(status)
    too_many = status == HTTPStatus.TOO_MANY_REQUESTS and isinstance(meaning, FailureClass)
    return Ambiguity.NOT_ACCEPTED if too_many else meaning


def _meaning_of_status(status: int) -> Meaning:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Ambiguity.NOT_ACCEPTED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ambiguity.PERHAPS_TAKEN
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return FailureClass.CONFIGURATION
    return FailureClass.OTHER
