"""Strict query parameters: a route accepts only those it describes, each once unless it is a list."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args, get_origin

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from domain.errors import InvalidRequestError
from domain.problems import MAX_PROBLEMS, Problem


async def _check_parameters(request: Request) -> None:
    """Check that the route accepts every query parameter of a request.

    Raises:
        InvalidRequestError: naming each parameter that is unknown or repeated, and those that are known.
    """
    route = request.scope.get("route")
    if not request.scope["query_string"] or not isinstance(route, APIRoute):
        return
    known = dict(_parameters_of(route))
    problems: list[Problem] = []
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        takes_several = _takes_several(known, name)
        if takes_several is None:
            problems.append(Problem(field=name, code="unknown_field", details={"allowed": ", ".join(known)}))
        elif name in seen and not takes_several:
            problems.append(Problem(field=name, code="duplicate_field"))
        seen.add(name)
    if problems:
        raise InvalidRequestError(problems[:MAX_PROBLEMS])


CHECK_PARAMETERS: Final = Depends(_check_parameters)
"""Dependency of every router but that of webhooks, since providers may add parameters to the URL."""

MAX_NAMED_VALUES: Final = 10
"""Maximum number of filters with custom names, such as `metadata.order`, on one list."""


def named_parameter(pattern: str, description: str) -> dict[str, Any]:
    """Description of query parameters that match a pattern such as `metadata.{name}`."""
    return {"name": pattern, "in": "query", "schema": {"type": "string"}, "description": description}


_SAYS: Final = "a text, or a number or truth value as in JSON, of at most 200 characters"

BY_METADATA: Final = named_parameter("metadata.{name}", f"What the metadata says by this name: {_SAYS}.")
BY_PRIMARY_KEY: Final = named_parameter("primaryKey.{name}", f"What the primary key says by this name: {_SAYS}.")


def named_values(parameters: Mapping[str, str], beginning: str) -> dict[str, str]:
    """Values of the query parameters with a prefix, by the rest of their names.

    Raises:
        InvalidRequestError: if there are more than `MAX_NAMED_VALUES`.
    """
    values = {name.removeprefix(beginning): value for name, value in parameters.items() if name.startswith(beginning)}
    if len(values) > MAX_NAMED_VALUES:
        field = beginning.rstrip(".")
        raise InvalidRequestError([Problem(field=field, code="too_many", details={"limit": MAX_NAMED_VALUES})])
    return values


def _parameters_of(route: APIRoute) -> Iterator[tuple[str, bool]]:
    """The names of a route's query parameters, and whether each may be repeated.

    A name with a part in braces, such as `metadata.{name}`, stands for every name with its prefix.
    """
    for described in (route.openapi_extra or {}).get("parameters", ()):
        yield described["name"], False
    remaining: list[Dependant] = [route.dependant]
    while remaining:
        dependant = remaining.pop()
        remaining += dependant.dependencies
        for field in dependant.query_params:
            annotation: Any = field.field_info.annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                for name, inner in annotation.model_fields.items():
                    yield inner.alias or name, _is_list(inner.annotation)
            else:
                yield field.alias, _is_list(annotation)


def _takes_several(known: dict[str, bool], name: str) -> bool | None:
    """Whether a parameter may be repeated; None if it is unknown."""
    if name in known and "{" not in name:
        return known[name]
    prefixes = [pattern.partition("{")[0] for pattern in known if "{" in pattern]
    return False if any(name.startswith(one) and name != one for one in prefixes) else None


def _is_list(annotation: Any) -> bool:  # noqa: ANN401 - any annotation
    return get_origin(annotation) is list or any(_is_list(inner) for inner in get_args(annotation))
