"""Problems of a request: one code per kind, one text per language."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain.json_objects import names_at
from domain.texts import Language, say
from domain.texts.problems import BARE_SENTENCES, SENTENCES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


MAX_FIELD_LENGTH: Final = 200
"""Characters shown of a field's name: a caller may invent a name of any length."""


class Problem(BaseModel):
    """Reason why a request was refused.

    Attributes:
        field: the field in the caller's own terms, such as `Destinations[0]` or `payLoad.Text`.
        code: the kind of problem, a key of `SENTENCES`.
        details: the parameters of the text.
    """

    model_config = ConfigDict(frozen=True)

    field: Annotated[str, AfterValidator(lambda text: text[:MAX_FIELD_LENGTH])]
    code: str
    details: dict[str, str | int] = {}

    def message(self, language: Language = Language.SPANISH) -> str:
        """Render the problem."""
        is_bare = self.code in BARE_SENTENCES and not any(self.details.values())
        return say((BARE_SENTENCES if is_bare else SENTENCES)[self.code], language, self.details)


MAX_PROBLEMS: Final = 50
"""Maximum problems reported for one request: enough to fix it, few enough to store."""


_TYPE_NAMES: Final[Mapping[str, str]] = {
    "string_type": "string",
    "bool_type": "boolean",
    "int_type": "integer",
    "float_type": "number",
    "list_type": "array",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
    "int_parsing": "integer",
    "int_from_float": "integer",
    "float_parsing": "number",
    "bool_parsing": "boolean",
}

_CODES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "missing": ("missing", {}),
    "string_too_long": ("too_long", {"limit": "max_length"}),
    "too_long": ("too_many", {"limit": "max_length"}),
    "greater_than_equal": ("too_small", {"limit": "ge"}),
    "less_than_equal": ("too_large", {"limit": "le"}),
    "string_pattern_mismatch": ("bad_pattern", {"pattern": "pattern"}),
    "timezone_aware": ("no_time_zone", {}),
}
"""Pydantic's error types by our codes, with the details that each takes from the error's context."""

_FAMILIES: Final[Mapping[str, str]] = {"datetime": "bad_date", "date": "bad_date", "url": "not_a_url"}
"""Pydantic's error types by prefix."""

_QUOTED: Final = re.compile(r"'([^']*)'")


def problems_of_validation(
    errors: "Sequence[ErrorDetails]", prefix: str, model: type[BaseModel] | None = None
) -> list[Problem]:
    """Convert Pydantic's errors to problems.

    Args:
        errors: the result of `ValidationError.errors()`.
        prefix: the name of the validated object; empty for the request itself.
        model: the validated model, for the text about an unknown field; None if no field can be unknown.
    """
    return [_problem(error, prefix, model) for error in errors[:MAX_PROBLEMS]]


def _problem(error: "ErrorDetails", prefix: str, model: type[BaseModel] | None) -> Problem:
    context: Mapping[str, Any] = error.get("ctx", {})
    details: dict[str, str | int] = {}
    match error["type"]:
        case kind if kind in _CODES:
            code, sources = _CODES[kind]
            details = {name: context[source] for name, source in sources.items()}
        case "extra_forbidden":
            *place, name = error["loc"]
            allowed = names_at(model, place) if model is not None else []
            code = "duplicate_field" if str(name).lower() in map(str.lower, allowed) else "unknown_field"
            details["allowed"] = ", ".join(allowed)
        case kind if kind in _TYPE_NAMES:
            code, details["expected"] = "wrong_type", _TYPE_NAMES[kind]
        case "string_too_short" if context["min_length"] > 1:
            code, details = "too_short", {"limit": context["min_length"]}
        case "string_too_short" | "too_short":
            code = "empty"
        case "literal_error" | "enum":
            code, details["allowed"] = "not_allowed", ", ".join(_QUOTED.findall(context["expected"]))
        case kind if kind in SENTENCES:  # raised by a model of ours, with the problem's own code
            code, details = kind, dict(context)
        case kind:
            # The library's own texts exist in one language only, so they are not shown.
            code = _FAMILIES.get(kind.partition("_")[0], "invalid")
    return Problem(field=_path(prefix, error["loc"]), code=code, details=details)


def _path(prefix: str, location: Sequence[int | str]) -> str:
    path = prefix
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path
