"""What a caller sees of what it writes: everything by the read scope, the id and the status by the write scope."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Final, cast

from domain.access import Caller, Operation
from domain.problems import Problem

SHOWN_TO_WRITERS: Final = frozenset({"id", "status", "dryRun", "state", "key", "secret", "checked", "ok", "reason"})
"""Fields that a caller without the read scope sees: what it made and how that went, a secret that only this answer has,
and what a test of credentials found."""

NAMING_AN_OWNER: Final = frozenset({"destination_taken", "user_merged"})
"""Codes of problems whose details name a user."""

_is_hidden: ContextVar[bool] = ContextVar("is_hidden", default=False)
"""Whether the request that is being served may not read what it writes."""


def hide_from(caller: Caller, operation: Operation) -> None:
    """Let the answer to this request show no more than its caller may see."""
    noun, _, verb = operation.partition(":")
    _is_hidden.set(verb == "write" and Operation(f"{noun}:read") not in caller.operations)


def visible(payload: object) -> object:
    """What the caller may see of an answer's payload."""
    if not _is_hidden.get() or not isinstance(payload, dict):
        return payload
    fields = cast("Mapping[str, object]", payload)
    return {name: value for name, value in fields.items() if name in SHOWN_TO_WRITERS}


def visible_problems(problems: Sequence[Problem]) -> Sequence[Problem]:
    """The problems, without the users whom the caller may not see."""
    if not _is_hidden.get():
        return problems
    return [one.model_copy(update={"details": {}}) if one.code in NAMING_AN_OWNER else one for one in problems]
