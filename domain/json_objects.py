"""JSON objects in requests: names in any letter case, null for omitted fields, unknown names refused."""

from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator


class JsonObject(BaseModel):
    """JSON object whose names match in any letter case; unknown names are refused.

    Null means omitted: an optional field takes its default. If the default is null itself, `model_fields_set` shows
    whether the null was explicit.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, value: object) -> object:
        return cls.folded(cast("dict[str, Any]", value)) if isinstance(value, dict) else value

    @classmethod
    def folded(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the object with the documented names, without nulls that have a default.

        A name that appears twice in different letter case keeps its second spelling, which is then refused.
        """
        spelling = {name.lower(): name for name in cls.wire_names()}
        folded = {name: value for name, value in given.items() if name in spelling.values()}
        for name, value in given.items():
            proper = spelling.get(name.lower(), name)
            folded[name if proper in folded else proper] = value
        defaults = cls._names_with_defaults()
        return {name: value for name, value in folded.items() if value is not None or name not in defaults}

    def as_json(self) -> dict[str, JsonValue]:
        """Return the object with the documented names, without its nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def wire_names(cls) -> list[str]:
        """Return the names of the fields as documented."""
        return names_of(cls)

    @classmethod
    def _names_with_defaults(cls) -> set[str]:
        fields = cls.model_fields.items()
        return {field.alias or name for name, field in fields if not field.is_required() and field.default is not None}


def names_of(model: type[BaseModel]) -> list[str]:
    """Return the JSON names of a model's fields."""
    return [field.alias or name for name, field in model.model_fields.items()]


def names_at(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the field names of the object at this location of a model; empty if that is not an object."""
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
