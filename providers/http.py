"""Classification of HTTP responses and errors as outcomes of a send (`providers.md` §0.2); the only such place."""

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final, TypeVar

import httpx2
from pydantic_core import from_json

from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, Rejected
from domain.strategy.recall import RecallResult
from providers.base import Check, CoolDown, TransientError
from providers.redaction import Redaction, redaction_for

T = TypeVar("T")

MAX_WAIT: Final = timedelta(hours=1)
"""Maximum `Retry-After` that is respected."""


class Ambiguity(Enum):
    """Meaning of a provider's error code that is not a refusal."""

    NOT_ACCEPTED = auto()
    """Certainly not accepted: may be sent again."""
    PERHAPS_ACCEPTED = auto()
    """Possibly accepted: never sent again blindly."""


ErrorMeaning = FailureClass | Ambiguity


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """Provider's error body: its code and its text."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ResponseMapping:
    """Rules for reading a provider's answers to a send.

    Attributes:
        accepted: reads the body of a success; None if it names no message.
        error_body: reads the body of an error; None if it is not in the provider's form.
        meanings: the meaning of the provider's error codes; data with its source beside it.
        cool_downs: the pauses by code; any other answer 429 pauses the sender.
    """

    accepted: Callable[[Any], Accepted | None]
    error_body: Callable[[Any], ErrorBody | None]
    meanings: Mapping[str, ErrorMeaning]
    cool_downs: Mapping[str, CoolDown] = field(default_factory=dict[str, CoolDown])


async def send(http: httpx2.AsyncClient, request: httpx2.Request, mapping: ResponseMapping) -> Outcome:
    """Make one request that sends a message, and classify the outcome without quoting secrets.

    Raises:
        TransientError: when the message was certainly not accepted.
    """
    try:
        response = await http.send(request)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise TransientError("unreachable", describe(error)) from error
    except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
        return Rejected(code="bad_request", failure=FailureClass.CONFIGURATION, detail=describe(error))
    except httpx2.RequestError as error:
        return OutcomeUnknown(detail=describe(error))
    return classify_response(response, mapping, redaction_for(request))


async def check(
    http: httpx2.AsyncClient, request: httpx2.Request, mapping: ResponseMapping, read: Callable[[Any], Check | None]
) -> Check:
    """Make one request that sends nothing, and derive from its answer whether the credentials are valid.

    Args:
        http: the client.
        request: uses the credentials to check.
        mapping: reads the provider's errors.
        read: reads the body of a success; None if it is not of the documented form.

    Raises:
        TransientError: when no answer decides it.
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
    outcome = classify_response(response, mapping, redaction_for(request))
    if isinstance(outcome, Rejected):
        return refused(outcome)
    raise TransientError("unanswered", f"HTTP {response.status_code}")


async def recall(
    http: httpx2.AsyncClient, request: httpx2.Request, results: Mapping[int, RecallResult]
) -> RecallResult:
    """Ask a provider to take a message back.

    Args:
        http: the client.
        request: the recall.
        results: what each HTTP status means; any other status below 500, except 429, is `NOT_RECALLED`.

    Raises:
        TransientError: when no answer decides it.
    """
    try:
        response = await http.send(request)
    except httpx2.RequestError as error:
        raise TransientError("unreachable", describe(error)) from error
    if response.is_server_error or response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise TransientError("unanswered", f"HTTP {response.status_code}", retry_after(response))
    return results.get(response.status_code, RecallResult.NOT_RECALLED)


def refused(rejected: Rejected) -> Check:
    """Convert a refusal to the result of a credentials check."""
    return Check(ok=False, reason=f"{rejected.code}: {rejected.detail}" if rejected.detail else rejected.code)


def describe(error: httpx2.RequestError) -> str:
    """Describe why a request got no answer; a non-HTTP answer only by its kind, because its error quotes headers."""
    kind = type(error).__name__
    return f"{kind}: {error}" if str(error) and not isinstance(error, httpx2.LocalProtocolError) else kind


def classify_response(response: httpx2.Response, mapping: ResponseMapping, redact: Redaction = str) -> Outcome:
    """Classify the outcome of a send by the provider's answer.

    Args:
        response: the answer.
        mapping: reads the provider's answers.
        redact: removes secrets from its texts before they are cut.

    Raises:
        TransientError: when the answer shows that the message was not accepted and may be sent again.
    """
    body = read_json(response.content)
    if response.is_success:
        return _read(mapping.accepted, body) or OutcomeUnknown(detail=f"HTTP {response.status_code} naming no message")
    error_body = _read(mapping.error_body, body)
    if error_body is None:
        return _classify_foreign(response)
    meaning = _meaning_of(mapping, error_body.code, response.status_code)
    code, detail = redact(error_body.code), redact(error_body.detail)
    if meaning is Ambiguity.NOT_ACCEPTED:
        raise TransientError(code, detail, retry_after(response), _cool_down(mapping, error_body.code, response))
    if meaning is Ambiguity.PERHAPS_ACCEPTED:
        return OutcomeUnknown(detail=f"{code}: {detail}")
    return Rejected(code=code, failure=meaning, detail=detail)


def _cool_down(mapping: ResponseMapping, code: str, response: httpx2.Response) -> CoolDown | None:
    by_status = CoolDown() if response.status_code == HTTPStatus.TOO_MANY_REQUESTS else None
    return mapping.cool_downs.get(code, by_status)


def read_json(content: bytes) -> Any:  # noqa: ANN401 - arbitrary JSON from the provider
    """Parse a JSON body; None for anything else, such as text that cannot be stored or excessive nesting."""
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        return None


def first_status(value: object) -> str:
    """Return a provider's first status of an accepted message, in lower case; `accepted` if there is none."""
    return value.lower() if isinstance(value, str) and value else "accepted"


def retry_after(response: httpx2.Response) -> timedelta | None:
    """Parse `Retry-After` (RFC 9110 §10.2.3): seconds or a date, at most an hour."""
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
    """Apply a reader; a body without the documented form counts as empty."""
    try:
        return reader(body)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError):
        return None


def _classify_foreign(response: httpx2.Response) -> Outcome:
    """Classify an error that is not in the provider's own form: it may come from a proxy, possibly after the send."""
    status = response.status_code
    detail = f"HTTP {status} not in the provider's form"
    ambiguous = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in ambiguous:
        return OutcomeUnknown(detail=detail)
    meaning = _meaning_of_status(status)
    failure = meaning if isinstance(meaning, FailureClass) else FailureClass.OTHER
    return Rejected(code=f"http_{status}", failure=failure, detail=detail)


def _meaning_of(mapping: ResponseMapping, code: str, status: int) -> ErrorMeaning:
    """Return the meaning of a provider's error; a rate limit is never a refusal, whatever its code says."""
    meaning = mapping.meanings.get(code) or _meaning_of_status(status)
    too_many = status == HTTPStatus.TOO_MANY_REQUESTS and isinstance(meaning, FailureClass)
    return Ambiguity.NOT_ACCEPTED if too_many else meaning


def _meaning_of_status(status: int) -> ErrorMeaning:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Ambiguity.NOT_ACCEPTED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ambiguity.PERHAPS_ACCEPTED
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return FailureClass.CONFIGURATION
    return FailureClass.OTHER
