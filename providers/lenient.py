"""Lenient parsing of webhooks: a malformed part costs only itself.

The fields that identify an event are required (an id and a status, an id and a sender); any other malformed field
counts as absent. The items of a batch are read separately: an unreadable one becomes an `UnreadableItem`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import from_json

from domain.events import UnreadableItem, WebhookItem
from providers.base import UnreadableError

T = TypeVar("T")

_REPLACEMENT = "\ufffd"


class Part(BaseModel):
    """JSON object of a webhook; undeclared fields are ignored."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


PartT = TypeVar("PartT", bound=Part)


def _or_none(value: object, validate: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - of the declared type
    try:
        return validate(value)
    except ValidationError:
        return None


def _to_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    try:
        return str(value)
    except ValueError:  # an integer with more digits than Python converts
        return ""


def _to_id(value: object) -> object:
    return _to_text(value) if isinstance(value, int) else value


def _to_list(value: object) -> object:
    if value is None:
        return ()
    return cast("list[object]", value) if isinstance(value, list) else (value,)


Optional = Annotated[T | None, WrapValidator(_or_none)]
"""Part that is None if it is malformed."""

Text = Annotated[str, BeforeValidator(_to_text)]
"""Text; a number becomes its digits, and anything else is empty."""

Values = Annotated[tuple[JsonValue, ...], BeforeValidator(_to_list)]
"""List; null is empty, anything else its only item. The items are read separately (`each`, `read_each`)."""

ShortText = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
"""Non-empty text."""

Id = Annotated[ShortText, BeforeValidator(_to_id)]
"""Identifier of a message or a person: never empty; a number becomes its digits."""

MAX_CONTENT_CHARACTERS: Final = 10_000
"""Characters stored of content without a type of ours."""


def unsupported(kind: str, content: JsonValue = None) -> dict[str, JsonValue]:
    """Return the payload of a message without a type of ours: its kind and its original content, cut."""
    payload: dict[str, JsonValue] = {"Type": "unsupported", "Kind": kind or "message"}
    if content in (None, "", [], {}):
        return payload
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return payload | {"Content": text[:MAX_CONTENT_CHARACTERS]}


def read_document(body: bytes) -> JsonValue:
    """Parse the JSON of a webhook's body.

    Bytes that are not UTF-8 and lone surrogates are replaced (U+FFFD); NaN and infinities become null.

    Raises:
        UnreadableError: if the body is not JSON.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        pass
    try:
        text = body.decode("utf-8-sig", "replace")
        return _storable(json.loads(text, parse_constant=lambda _: None))
    except (ValueError, RecursionError) as error:
        raise UnreadableError("the body is not JSON") from error


def _storable(value: JsonValue) -> JsonValue:
    """Replace lone surrogates, which have no UTF-8."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_storable(inner) for inner in value]
        case dict():
            return {str(_storable(name)): _storable(inner) for name, inner in value.items()}
        case _:
            return value


def read(part: type[PartT], content: JsonValue) -> PartT:
    """Parse a JSON value as an object of this form.

    Raises:
        UnreadableError: if it does not have that form; the error names fields, not their values.
    """
    try:
        return part.model_validate(content)
    except ValidationError as error:
        raise UnreadableError(str(error)) from error


def each(part: type[PartT], contents: Iterable[JsonValue]) -> Iterator[PartT]:
    """Return the values of a list that have this form, without the others."""
    for content in contents:
        try:
            yield read(part, content)
        except UnreadableError:
            continue


def read_each(
    items: Iterable[JsonValue], read_one: Callable[[JsonValue], Iterable[WebhookItem]]
) -> Iterator[WebhookItem]:
    """Parse each item of a batch separately; an item that cannot be read becomes an `UnreadableItem`."""
    for item in items:
        try:
            yield from tuple(read_one(item))
        except (UnreadableError, ValidationError) as error:
            yield UnreadableItem(reason=_reason(error), content=json.dumps(item, ensure_ascii=False))


def _reason(error: UnreadableError | ValidationError) -> str:
    """Describe a validation error by field names without values."""
    if isinstance(error, UnreadableError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors(include_input=False))
