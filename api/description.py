"""What routes have in common in the OpenAPI description."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from api.envelope import Envelope, title_of
from api.schemas.common import inlined_schema
from domain.problems import Language

_REFUSALS: Final[Mapping[int, str]] = {
    400: "The body is not a JSON object, or the Idempotency-Key is not valid.",
    401: "No valid API key or token.",
    403: "The account or key may not do this.",
    404: "There is no such thing in your tenant.",
    408: "The body did not come in time.",
    409: "It contradicts how things are now; `error` says what.",
    410: "It was there, and is no more.",
    413: "The body is too large.",
    415: "Content of this type is not taken, or is not of the type that `Content-Type` says.",
    422: "The request is refused; `error` has every reason.",
    429: "Too many requests; repeat after Retry-After seconds.",
    503: "A part of Iris does not answer; repeat after Retry-After seconds.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that refuses with these statuses, in the envelope.

    What every route that needs a caller may refuse with (401, 403, 429, 503) is there without being named.
    """
    every = sorted({401, 403, 429, 503, *statuses})
    return {status: {"model": Envelope, "description": _REFUSALS[status]} for status in every}


def json_body(model: type[BaseModel], **examples: object) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a JSON object; the examples by their names."""
    content = {
        "schema": inlined_schema(model),
        "examples": {name: {"value": value} for name, value in examples.items()},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def shown(payload: object, status: HTTPStatus = HTTPStatus.OK) -> dict[int | str, dict[str, Any]]:
    """The entry of a route's `responses` that shows an example of what it answers."""
    envelope = Envelope(title=title_of(status, Language.SPANISH), status=status, detail="…", payload=payload)
    return {int(status): {"content": {"application/json": {"example": envelope.model_dump()}}}}
