"""JSON objects that callers write: names in any letter case, null for what is left out, nothing unknown."""

from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

from pydantic import BaseModel, ConfigDict, model_validator


class JsonObject(BaseModel):
    """A JSON object whose names are matched in any letter case; unknown names are refused.

    Null stands for what is left out: a field that is not required takes its default then. Where the default is null
    itself, `model_fields_set` tells a null that was written from a field that was not.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, value: object) -> object:
        return cls.folded(cast("dict[str, Any]", value)) if isinstance(value, dict) else value

    @classmethod
    def folded(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The same object with its names as they are documented, without what is null and has a default.

        A name that is given twice in different letter case keeps its second spelling, and is refused by that.
        """
        spelling = {name.lower(): name for name in cls.wire_names()}
        folded = {name: value for name, value in given.items() if name in spelling.values()}
        for name, value in given.items():
            proper = spelling.get(name.lower(), name)
            folded[name if proper in folded else proper] = value
        defaults = cls._names_with_defaults()
        return {name: value for name, value in folded.items() if value is not None or name not in defaults}

    @classmethod
    def wire_names(cls) -> list[str]:
        """The names of its fields as the documentation spells them."""
        return names_of(cls)

    @classmethod
    def _names_with_defaults(cls) -> set[str]:
        fields = cls.model_fields.items()
        return {field.alias or name for name, field in fields if not field.is_required() and field.default is not None}


def names_of(model: type[BaseModel]) -> list[str]:
    """The names of a model's fields as they are in JSON."""
    return [field.alias or name for name, field in model.model_fields.items()]


def names_at(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The names of the fields of the object that is at this place of a model; none where that is no object."""
    for step in location:
        if isinstance(step, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = next(_models_in(fields[step].annotation), None) if step in fields else None
        if inner is None:
            return []
        model = inner
    return names_of(model)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
