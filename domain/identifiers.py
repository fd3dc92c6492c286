"""Identifiers: ours, 24 hexadecimal digits as in the specification's examples, and those of providers."""

import hashlib
import re
import secrets
import time
from typing import Annotated, Final

from pydantic import AfterValidator

_PATTERN = re.compile(r"[0-9a-f]{24}")

MAX_FOREIGN_ID_LENGTH: Final = 500


def _bounded(identifier: str) -> str:
    if len(identifier) <= MAX_FOREIGN_ID_LENGTH:
        return identifier
    return hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()


ForeignId = Annotated[str, AfterValidator(_bounded)]
"""Identifier that a provider assigns; a very long one is replaced by its SHA-256, so that it stays unique."""


def new_id() -> str:
    """Return a new identifier: four bytes of time and eight random bytes, so that ids sort roughly by creation."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def derived_id(*parts: str) -> str:
    """Derive a stable identifier from these parts; 96 bits of SHA-256, so that collisions do not occur."""
    digest = hashlib.sha256("\x1f".join(parts).encode())
    return digest.hexdigest()[:24]


def is_id(text: str) -> bool:
    """Whether a text has the form of an identifier (it may still identify nothing)."""
    return _PATTERN.fullmatch(text) is not None


def canonical_id(text: str) -> str:
    """Return an identifier in lower case, as stored; other texts stay as they are."""
    lowered = text.lower()
    return lowered if is_id(lowered) else text


Id = Annotated[str, AfterValidator(canonical_id)]
"""Identifier of ours in a request, in any letter case."""


_WORKFLOW_PREFIX: Final = "interaction-"


def workflow_id(interaction_id: str) -> str:
    """Return the id of an interaction's workflow."""
    return f"{_WORKFLOW_PREFIX}{interaction_id}"


def interaction_of(workflow_id: str) -> str:
    """Return the id of the interaction whose workflow has this id."""
    return workflow_id.removeprefix(_WORKFLOW_PREFIX)


def run_id_of(interaction_id: str) -> str:
    """Return the id of the run of a strategy whose first step has this interaction."""
    return derived_id("strategy-run", interaction_id)


def strategy_workflow_id(run_id: str) -> str:
    """Return the id of the workflow of a run of a strategy."""
    return f"strategy-{run_id}"


def merge_workflow_id(user_id: str) -> str:
    """Return the id of the workflow that merges a user into another."""
    return f"merge-{user_id}"


def notification_workflow_id(notification_id: str, number: int) -> str:
    """Return the id of the workflow of one round of notification deliveries."""
    return f"notification-{notification_id}-{number}"


def redelivery_workflow_id(redelivery_id: str) -> str:
    """Return the id of the workflow that redelivers notifications."""
    return f"redelivery-{redelivery_id}"


MAX_FAIRNESS_KEY_BYTES: Final = 64
"""https://docs.temporal.io/develop/task-queue-priority-fairness"""


def fairness_key(tenant: str) -> str:
    """Return the key by which Temporal shares its workers among tenants; it refuses longer ones."""
    return tenant.encode()[:MAX_FAIRNESS_KEY_BYTES].decode(errors="ignore")
