"""Visible fields of written resources: all with the read scope, id and status with only the write scope."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Final, cast

from domain.access import Caller, Operation
from domain.problems import Problem

SHOWN_TO_WRITERS: Final = frozenset({"id", "status", "dryRun", "state", "key", "secret", "checked", "ok", "reason"})
"""Fields that a caller without the read scope sees: id and status, secrets that are shown once, and the result of a
credential test."""

NAMING_AN_OWNER: Final = frozenset({"destination_taken", "user_merged"})
"""Codes of problems whose details identify a user."""

_is_hidden: ContextVar[bool] = ContextVar("is_hidden", default=False)
"""Whether the caller of the current request lacks the read scope for what it writes."""


def hide_from(caller: Caller, operation: Operation) -> None:
    """Restrict the answer to this request to what its caller may see."""
    noun, _, verb = operation.partition(":")
    _is_hidden.set(verb == "write" and Operation(f"{noun}:read") not in caller.operations)


def visible(payload: object) -> object:
    """The part of a payload that the caller may see."""
    if not _is_hidden.get() or not isinstance(payload, dict):
        return payload
    fields = cast("Mapping[str, object]", payload)
    return {name: value for name, value in fields.items() if name in SHOWN_TO_WRITERS}


def visible_problems(problems: Sequence[Problem]) -> Sequence[Problem]:
    """The problems, without users that the caller may not see."""
    if not _is_hidden.get():
        return problems
    return [one.model_copy(update={"details": {}}) if one.code in NAMING_AN_OWNER else one for one in problems]
