"""Templates: payloads with placeholders, and the variables that fill them.

A placeholder is `{{name}}` or `{{name|filter}}` (`domain/formats.py`) and nothing else: no conditions, no loops, no
access to anything (`docs/decisions/0021`).
A rendered template is thus never longer than its placeholders times the longest value, and takes no longer than
reading it.
"""

import html
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, HttpUrl, JsonValue, StringConstraints, TypeAdapter, ValidationError

from domain.channels import Channel
from domain.formats import ALLOWED, DEFAULT_STYLE, INSTANT, NUMBER, Placeholder, Style, UnreadableError, is_instant
from domain.payloads import InvalidPayloadError, Payload, parse_payload
from domain.payloads.email import is_markup
from domain.problems import MAX_PROBLEMS, Problem

MAX_VALUE_LENGTH: Final = 4_000
"""Maximum characters of a variable's value."""

MAX_PLACEHOLDERS: Final = 500

MAX_RENDERED_LENGTH: Final = 200_000
"""Maximum characters of all texts of a rendered payload together."""

MAX_VARIABLES: Final = 50

_URL: Final[TypeAdapter[HttpUrl]] = TypeAdapter(HttpUrl)

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]


class VariableType(StrEnum):
    """Type of a variable."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    URL = "url"


_EXPECTED: Final[Mapping[VariableType, str]] = {
    VariableType.TEXT: "string",
    VariableType.NUMBER: "number",
    VariableType.DATE: "YYYY-MM-DD",
    VariableType.DATETIME: INSTANT,
    VariableType.URL: "http(s) URL",
}


class Variable(BaseModel):
    """Variable that fills a placeholder.

    Attributes:
        required: whether a send must give it; an omitted optional variable is empty.
        example: a valid value; every template is rendered with its examples before it is stored.
    """

    model_config = ConfigDict(frozen=True)

    name: VariableName
    type: VariableType = VariableType.TEXT
    required: bool = True
    example: str | int | float


class RenderingError(Exception):
    """Template that cannot be stored, or cannot be rendered with these values.

    Attributes:
        problems: every reason, each naming its variable or its location in the payload.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field} {problem.code}" for problem in problems))
        self.problems = list(problems[:MAX_PROBLEMS])


class _Text(string.Template):
    """Text with placeholders; `{{{{` stands for two literal braces."""

    delimiter = "{{"
    flags = re.ASCII
    pattern = r"""
        \{\{(?:
            (?P<escaped>\{\{) |
            [ ]{0,4}(?P<named>
                [A-Za-z][A-Za-z0-9_]{0,39}
                (?:[ ]{0,4}\|[ ]{0,4}[a-z]{1,20}(?::[A-Za-z0-9]{1,20})?)?
            )[ ]{0,4}\}\} |
            (?P<braced>(?!)) |
            (?P<invalid>)
        )"""  # pyright: ignore[reportAssignmentType] - a text until `Template.__init_subclass__` compiles it


def check_template(
    channel: Channel,
    payload: Mapping[str, JsonValue],
    variables: Sequence[Variable],
    *,
    style: Style = DEFAULT_STYLE,
) -> None:
    """Check that a template declares its variables, and that it renders to a payload of its channel.

    Raises:
        RenderingError: with every reason at once.
    """
    problems = [*_variable_problems(variables), *_placeholder_problems(payload, {one.name for one in variables})]
    if problems:
        raise RenderingError(problems)
    rendered = render(
        channel, payload, variables, {one.name: one.example for one in variables}, "variables", style=style
    )
    check_rendered(channel, rendered)


def check_rendered(channel: Channel, payload: Mapping[str, JsonValue]) -> Payload:
    """Parse the payload that a template rendered.

    Raises:
        RenderingError: with every reason why its channel cannot carry it.
    """
    try:
        return parse_payload(channel, payload)
    except InvalidPayloadError as error:
        places = [problem.field.replace("payLoad", "payload", 1) for problem in error.problems]
        named = zip(error.problems, places, strict=True)
        raise RenderingError([problem.model_copy(update={"field": place}) for problem, place in named]) from error


def render(  # noqa: PLR0913 - what a template is, and what fills it
    channel: Channel,
    payload: Mapping[str, JsonValue],
    variables: Sequence[Variable],
    values: Mapping[str, JsonValue],
    field: str,
    *,
    style: Style = DEFAULT_STYLE,
) -> dict[str, JsonValue]:
    """Render the payload of a checked template; in HTML, values are escaped.

    Args:
        channel: of the template.
        payload: with its placeholders.
        variables: that the template declares.
        values: by variable name.
        field: the request's field that holds the values, for problems.
        style: the formats of dates, times and numbers.

    Raises:
        RenderingError: if values are missing, unknown or of the wrong type; naming each.
    """
    problems = [*_value_problems(variables, values, field)]
    if problems:
        raise RenderingError(problems)
    texts, problems = _written(payload, values, field, style)
    if problems:
        raise RenderingError(problems)
    escaped = {name: html.escape(text) for name, text in texts.items()}
    rendered = {
        name: _filled(value, escaped if channel is Channel.EMAIL and is_markup(payload, name) else texts)
        for name, value in payload.items()
    }
    if sum(len(text) for _, text in _texts(rendered, "")) > MAX_RENDERED_LENGTH:
        raise RenderingError([Problem(field=field, code="too_long", details={"limit": MAX_RENDERED_LENGTH})])
    return rendered


def _variable_problems(variables: Sequence[Variable]) -> Iterator[Problem]:
    for position, variable in enumerate(variables):
        if variable.name in {one.name for one in variables[:position]}:
            yield Problem(field=f"variables[{position}].name", code="duplicate_field")
        yield from _type_problems(variable, variable.example, f"variables[{position}].example")


def _placeholder_problems(payload: Mapping[str, JsonValue], declared: set[str]) -> Iterator[Problem]:
    placeholders = 0
    for path, text in _texts(dict(payload), "payload"):
        template = _Text(text)
        if not template.is_valid():
            yield Problem(field=path, code="bad_placeholder")
            continue
        found = [Placeholder.parse(identifier) for identifier in template.get_identifiers()]
        placeholders += text.count("{{")
        if found and path.lower() == "payload.type":
            yield Problem(field=path, code="bad_placeholder")
        for name in dict.fromkeys(placeholder.name for placeholder in found):
            if name not in declared:
                yield Problem(field=path, code="undeclared_variable", details={"name": name})
        if not all(placeholder.is_known for placeholder in found):
            yield Problem(field=path, code="not_allowed", details={"allowed": ALLOWED})
    if placeholders > MAX_PLACEHOLDERS:
        yield Problem(field="payload", code="too_many", details={"limit": MAX_PLACEHOLDERS})


def _value_problems(variables: Sequence[Variable], values: Mapping[str, JsonValue], field: str) -> Iterator[Problem]:
    declared = {variable.name for variable in variables}
    for variable in variables:
        value = values.get(variable.name)
        if value is not None:
            yield from _type_problems(variable, value, f"{field}.{variable.name}")
        elif variable.required:
            yield Problem(field=f"{field}.{variable.name}", code="missing")
    for name in values:
        if name not in declared:
            details: dict[str, str | int] = {"allowed": ", ".join(sorted(declared))}
            yield Problem(field=f"{field}.{name}", code="unknown_field", details=details)


def _written(
    payload: Mapping[str, JsonValue], values: Mapping[str, JsonValue], field: str, style: Style
) -> tuple[dict[str, str], list[Problem]]:
    """Format the value of each placeholder, by the text between its braces, and collect the problems."""
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    identifiers = (name for _, text in _texts(dict(payload), "") for name in _Text(text).get_identifiers())
    for identifier in dict.fromkeys(identifiers):
        placeholder = Placeholder.parse(identifier)
        try:
            texts[identifier] = placeholder.write(values.get(placeholder.name), style)
        except UnreadableError as error:
            place = f"{field}.{placeholder.name}"
            problems.append(Problem(field=place, code="wrong_type", details={"expected": error.expected}))
    return texts, problems


def _type_problems(variable: Variable, value: JsonValue, field: str) -> Iterator[Problem]:
    if not _is_of_type(variable.type, value):
        yield Problem(field=field, code="wrong_type", details={"expected": _EXPECTED[variable.type]})
    elif len(_text_of(value)) > MAX_VALUE_LENGTH:
        yield Problem(field=field, code="too_long", details={"limit": MAX_VALUE_LENGTH})


def _is_of_type(kind: VariableType, value: JsonValue) -> bool:
    match kind:
        case VariableType.TEXT:
            return isinstance(value, str)
        case VariableType.NUMBER:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number or (isinstance(value, str) and NUMBER.fullmatch(value) is not None)
        case VariableType.DATE:
            return isinstance(value, str) and _is_date(value)
        case VariableType.DATETIME:
            return isinstance(value, str) and is_instant(value)
        case VariableType.URL:
            return isinstance(value, str) and _is_url(value)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_url(text: str) -> bool:
    try:
        _URL.validate_python(text)
    except ValidationError:
        return False
    return not any(character.isspace() or character in "\"'<>" for character in text)


def _text_of(value: JsonValue) -> str:
    return "" if value is None else str(value)


def _filled(value: JsonValue, texts: Mapping[str, str]) -> JsonValue:
    match value:
        case str():
            return _Text(value).substitute(texts)
        case list():
            return [_filled(inner, texts) for inner in value]
        case dict():
            return {name: _filled(inner, texts) for name, inner in value.items()}
        case _:
            return value


def _texts(value: JsonValue, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text of a JSON value with its location."""
    match value:
        case str():
            yield path, value
        case list():
            for position, inner in enumerate(value):
                yield from _texts(inner, f"{path}[{position}]")
        case dict():
            for name, inner in value.items():
                yield from _texts(inner, f"{path}.{name}")
        case _:
            pass
