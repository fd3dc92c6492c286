"""`Idempotency-Key`: however often a call that creates is repeated with the same key, it creates one thing."""

import hashlib
import json
from contextvars import ContextVar
from typing import Annotated, Final

from fastapi import Header
from pydantic import BaseModel, JsonValue

from domain.access import Caller
from domain.errors import ConflictError, InvalidRequestError
from domain.identifiers import derived_id, new_id
from domain.problems import Problem

_MAX_KEY_LENGTH: Final = 255

IdempotencyKey = Annotated[
    str | None, Header(description="However often a request is repeated with the same key, it is done once.")
]
"""A creating route takes it as `idempotency_key: IdempotencyKey = None`."""


def id_by_key(noun: str, caller: Caller, key: str | None) -> str:
    """The id of what a call creates: without a key a fresh one, else always that which it stands for in the tenant.

    Raises:
        InvalidRequestError: if the key is empty, too long, or not visible ASCII.
    """
    if key is None:
        return new_id()
    if not (1 <= len(key) <= _MAX_KEY_LENGTH and key.isascii() and key.isprintable() and " " not in key):
        raise InvalidRequestError([Problem(field="Idempotency-Key", code="bad_idempotency_key")])
    return derived_id(noun, caller.tenant, key)


def fingerprint(asked: BaseModel) -> str:
    """What tells a request from another under the same key."""
    return fingerprint_of(asked.model_dump(mode="json"))


def fingerprint_of(content: JsonValue) -> str:
    """What tells a request that could not be read from another under the same key."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_is_replayed: ContextVar[bool] = ContextVar("is_replayed", default=False)
"""Whether the request that is being served repeats an earlier one under its `Idempotency-Key`."""


def replay_headers() -> dict[str, str]:
    """What the headers of the answer say of that."""
    return {"Idempotent-Replayed": "true"} if _is_replayed.get() else {}


def check_same(first: str, repeated: str) -> None:
    """Check that a repeated request has the fingerprint of the first; its answer then says that it is repeated.

    Raises:
        ConflictError: if it has another.
    """
    if first != repeated:
        raise ConflictError([Problem(field="Idempotency-Key", code="idempotency_key_reused")])
    _is_replayed.set(True)
