"""Secrets of an embedded stack: generated once, stored in its data directory, passed to processes as environment."""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from embedded.data_directory import write_private
from embedded.processes import ServerError


def _key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _sandbox_account() -> str:
    return json.dumps([{"token": secrets.token_urlsafe(24), "signing_secret": secrets.token_urlsafe(24)}])


STACK_SECRETS: Final[Mapping[str, Callable[[], str]]] = {
    "IRIS_JWT_SECRET": lambda: secrets.token_urlsafe(32),
    "IRIS_ENCRYPTION_KEYS": _key,
    "IRIS_PAYLOAD_KEYS": _key,
    "IRIS_CODEC_TOKEN": lambda: secrets.token_urlsafe(32),
    "IRIS_DEMO_API_KEY": lambda: f"iris_{secrets.token_urlsafe(32)}",
    "IRIS_DEMO_PASSWORD": lambda: secrets.token_urlsafe(12),
    "IRIS_SANDBOX_ACCOUNTS": _sandbox_account,
}
"""Generators of the secrets, by environment variable."""


def secret_environment(path: Path) -> dict[str, str]:
    """Secrets stored in a file, by environment variable; missing ones are generated and stored first."""
    stored = _read_secrets(path)
    complete = {name: stored.get(name) or make() for name, make in STACK_SECRETS.items()}
    if complete != stored:
        write_private(path, complete)
    return complete


def _read_secrets(path: Path) -> dict[str, str]:
    """Secrets of a file, none if it does not exist.

    Raises:
        ServerError: it cannot be read; it is not replaced, because everything encrypted with it would be lost.
    """
    try:
        stored: Any = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        stored = None
    if not isinstance(stored, dict) or not all(isinstance(one, str) for one in cast("dict[str, Any]", stored).values()):
        raise ServerError(
            f"{path} cannot be read as this stack's secrets: restore it from a copy, or choose another --data-dir; "
            "without it, what is encrypted in this directory is lost"
        )
    return cast("dict[str, str]", stored)
