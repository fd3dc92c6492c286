"""Request bodies, read with limits of size and time, and checked to be storable."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn, TypeVar, cast

from fastapi import Depends, Request
from pydantic import JsonValue, ValidationError
from starlette.requests import ClientDisconnect

from api.limits.concurrency import ConcurrencyLimiter, Slot
from domain.errors import InvalidRequestError
from domain.json_objects import JsonObject
from domain.problems import Problem, problems_of_validation
from domain.texts import reason

MAX_DEPTH: Final = 32
"""Maximum nesting levels of a body."""

_MAX_INTEGER: Final = 2**63 - 1

_REFERENCE: Final = frozenset({"$ref", "$id"})
"""Field names by which MongoDB's drivers take an object for a reference and return another type
(https://www.mongodb.com/docs/manual/reference/database-references/#dbrefs)."""


@dataclass(frozen=True, slots=True)
class BodyTimeout:
    """Time limit for receiving a body.

    Attributes:
        seconds: for a body of any size.
        bytes_per_second: rate at which received bytes extend the limit.
    """

    seconds: float
    bytes_per_second: float = math.inf


BODY_TIMEOUT: Final = BodyTimeout(30.0)

UNCHARGED_BYTES: Final = 65_536
"""Bytes of each body that count against no limit: the server buffers as many of every connection anyway, and small
requests are not refused because of large ones."""

Model = TypeVar("Model", bound=JsonObject)


async def read_bytes(
    request: Request, limit: int, slot: Slot | None = None, body_timeout: BodyTimeout | None = None
) -> bytes:
    """Read a request's body of at most `limit` bytes.

    Args:
        request: the request.
        limit: bytes.
        slot: the slot that received bytes are counted in.
        body_timeout: the time limit; `BODY_TIMEOUT` by default.

    Raises:
        InvalidRequestError: if it is larger, or does not arrive in time.
        OverloadedError: if too many bytes are in memory already.
    """
    body = bytearray()
    charged = UNCHARGED_BYTES
    async for chunk in stream_bytes(request, limit, body_timeout or BODY_TIMEOUT):
        body += chunk
        if slot is not None and len(body) > charged:
            slot.grow(len(body) - charged)
            charged = len(body)
    return bytes(body)


async def stream_bytes(request: Request, limit: int, body_timeout: BodyTimeout) -> AsyncGenerator[bytes]:
    """Stream a request's body of at most `limit` bytes.

    Raises:
        InvalidRequestError: if it is larger, or takes too long.
    """
    too_large = InvalidRequestError([Problem(field="", code="body_too_large", details={"limit": limit})])
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    size, chunks = 0, request.stream()
    deadline = asyncio.get_running_loop().time() + body_timeout.seconds
    try:
        while True:
            async with asyncio.timeout_at(deadline + size / body_timeout.bytes_per_second):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            size += len(chunk)
            if size > limit:
                raise too_large
            yield chunk
    except TimeoutError as error:
        raise InvalidRequestError([Problem(field="", code="body_too_slow")]) from error
    except ClientDisconnect as error:  # nobody will read the answer
        raise InvalidRequestError([Problem(field="", code="bad_http")]) from error


async def read_object(request: Request, limit: int, *, is_optional: bool = False) -> dict[str, JsonValue]:
    """Read a request's body, a storable JSON object; a missing optional body is an empty object.

    Raises:
        InvalidRequestError: if it is no JSON object, or not storable: numbers beyond 64 bits, lone surrogates, NUL in
            names, nesting deeper than `MAX_DEPTH`, MongoDB's references.
        OverloadedError: if the tenant or all tenants together send too much at once.
    """
    limiter: ConcurrencyLimiter = request.app.state.iris.body_bytes
    with limiter.acquire(getattr(request.state, "tenant", ""), amount=0) as slot:
        body = await read_bytes(request, limit, slot)
    if is_optional and not body.strip():
        return {}
    try:
        parsed = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_without_repetition, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise _invalid_json(
            f"línea {error.lineno}, columna {error.colno}", f"line {error.lineno}, column {error.colno}"
        ) from error
    except UnicodeDecodeError as error:
        raise _invalid_json(f"no es UTF-8 (byte {error.start})", f"it is not UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise _invalid_json(
            "un número o una profundidad excesivos", "too long a number or too deep a nesting"
        ) from error
    if not isinstance(parsed, dict):
        raise InvalidRequestError([Problem(field="", code="not_an_object")])
    content = cast("dict[str, JsonValue]", parsed)
    check_storable(content)
    return content


def parse_fields(model: type[Model], raw: Mapping[str, JsonValue]) -> Model:
    """Parse an object's fields, whose names are case-insensitive.

    Raises:
        InvalidRequestError: with all problems, each with its field as the specification spells it.
    """
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        raise InvalidRequestError(problems_of_validation(error.errors(), "", model)) from error


@dataclass(frozen=True, slots=True, eq=False)
class JsonBody:
    """What `json_body` depends on; `api/http/openapi.py` describes the routes' bodies by it."""

    model: type[JsonObject]
    examples: Mapping[str, object]
    parse: Callable[[dict[str, JsonValue]], object]
    is_optional: bool

    async def __call__(self, request: Request) -> object:
        """The parsed body.

        Raises:
            InvalidRequestError: if the body is too large, too slow, no storable JSON object, or has invalid fields.
            OverloadedError: if the tenant or all tenants together send too much at once.
        """
        limit: int = request.app.state.iris.settings.max_body_bytes
        return self.parse(await read_object(request, limit, is_optional=self.is_optional))


def json_body(
    model: type[JsonObject],
    examples: Mapping[str, object],
    *,
    parse: Callable[[dict[str, JsonValue]], object] | None = None,
    is_optional: bool = False,
) -> Any:  # noqa: ANN401 - what `fastapi.Depends` gives
    """Dependency that reads, parses and describes the body of a route.

    A route takes it after its caller, who is thus authenticated before the body is read:
    `body: Annotated[UserRequest, json_body(UserRequest, {"user": EXAMPLE})]`.

    Args:
        model: the model of the body.
        examples: of bodies, by name.
        parse: makes the route's argument of the JSON object; `parse_fields` with the model by default.
        is_optional: whether a missing body is an empty object.
    """
    return Depends(JsonBody(model, examples, parse or partial(parse_fields, model), is_optional))


def parse_readable_fields(
    model: type[Model], raw: Mapping[str, JsonValue], instead: Mapping[str, JsonValue]
) -> tuple[Model, list[Problem]]:
    """Parse the valid fields of an object, and return the problems of the others.

    Args:
        model: the model of the object.
        raw: the object.
        instead: values for required fields that are invalid or missing; other invalid fields get their defaults.
    """
    try:
        return model.model_validate(dict(raw)), []
    except ValidationError as error:
        wrong = {one["loc"][0] for one in error.errors()}
        right = {name: value for name, value in model.folded(dict(raw)).items() if name not in wrong}
        return model.model_validate({**instead, **right}), problems_of_validation(error.errors(), "", model)


def _invalid_json(spanish: str, english: str) -> InvalidRequestError:
    return InvalidRequestError([Problem(field="", code="invalid_json", details=reason(spanish, english))])


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _invalid_json(
                f"el nombre {name[:100]!r} aparece dos veces en un objeto",
                f"the name {name[:100]!r} is given twice in one object",
            )
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise _invalid_json(f"{name} no es JSON", f"{name} is not JSON")


def check_storable(value: JsonValue, path: str = "", depth: int = 1, *, nul_in_texts: bool = False) -> None:
    """Check that JSON can be stored and returned unchanged.

    Args:
        value: the JSON.
        path: the path of the value.
        depth: the nesting level of the value.
        nul_in_texts: whether texts may have NUL characters, which MongoDB can store; names never may.

    Raises:
        InvalidRequestError: naming the path of the value that cannot.
    """
    if depth > MAX_DEPTH and isinstance(value, dict | list):
        raise _not_storable(path, f"más de {MAX_DEPTH} niveles", f"nested deeper than {MAX_DEPTH} levels")
    match value:
        case dict():
            if value.keys() >= _REFERENCE:
                raise _not_storable(path, "un objeto con $ref y $id", "an object with both $ref and $id")
            for name, inner in value.items():
                _check_text(name, path)
                check_storable(inner, f"{path}.{name}" if path else name, depth + 1, nul_in_texts=nul_in_texts)
        case list():
            for position, inner in enumerate(value):
                check_storable(inner, f"{path}[{position}]", depth + 1, nul_in_texts=nul_in_texts)
        case str():
            _check_text(value, path, nul=nul_in_texts)
        case int() if abs(value) > _MAX_INTEGER:
            raise _not_storable(path, "un número de más de 64 bits", "a number beyond 64 bits")
        case float() if value in {float("inf"), float("-inf")}:
            raise _not_storable(path, "un número de más de 64 bits", "a number beyond 64 bits")
        case _:
            pass


def _check_text(text: str, path: str, *, nul: bool = False) -> None:
    if "\x00" in text and not nul:
        raise _not_storable(path, "un carácter NUL", "a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _not_storable(path, "medio par sustituto", "half of a surrogate pair")


def _not_storable(path: str, spanish: str, english: str) -> InvalidRequestError:
    return InvalidRequestError([Problem(field=path, code="invalid", details=reason(spanish, english))])
