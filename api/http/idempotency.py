"""`Idempotency-Key`: repeated requests with the same key create one resource."""

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
"""Header parameter of creating routes: `idempotency_key: IdempotencyKey = None`."""


def id_by_key(noun: str, caller: Caller, key: str | None) -> str:
    """The id of the resource to create: derived from tenant, noun and key, or random without a key.

    Raises:
        InvalidRequestError: if the key is empty, too long, or not visible ASCII.
    """
    if key is None:
        return new_id()
    if not (1 <= len(key) <= _MAX_KEY_LENGTH and key.isascii() and key.isprintable() and " " not in key):
        raise InvalidRequestError([Problem(field="Idempotency-Key", code="bad_idempotency_key")])
    return derived_id(noun, caller.tenant, key)


def fingerprint(asked: BaseModel) -> str:
    """Fingerprint of a request, to detect another request under the same key."""
    return fingerprint_of(asked.model_dump(mode="json"))


def fingerprint_of(content: JsonValue) -> str:
    """Fingerprint of a request body that could not be parsed."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_is_replayed: ContextVar[bool] = ContextVar("is_replayed", default=False)
"""Whether the current request repeats an earlier one with the same `Idempotency-Key`."""


def replay_headers() -> dict[str, str]:
    """The response headers that mark a repeated request."""
    return {"Idempotent-Replayed": "true"} if _is_replayed.get() else {}


def check_same(first: str, repeated: str) -> None:
    """Check that a repeated request has the fingerprint of the first, and mark the answer as repeated.

    Raises:
        ConflictError: if the fingerprints differ.
    """
    if first != repeated:
        raise ConflictError([Problem(field="Idempotency-Key", code="idempotency_key_reused")])
    _is_replayed.set(True)
