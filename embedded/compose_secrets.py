"""Creates the secrets of docker-compose as files of the directory `.secrets`; runs on any Python from 3.11.

python3 -m embedded.compose_secrets

An existing file is never replaced: data encrypted with a lost key is lost, and servers keep the passwords that they
were created with.
"""

import base64
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from embedded.secret_environment import STACK_SECRETS

DIRECTORY: Final = Path(".secrets")

MONGODB_KEY_BYTES: Final = 192
"""In base64, 256 of the 6 to 1024 characters that a keyFile may have (https://www.mongodb.com/docs/manual/core/security-internal-authentication/)."""


def _password() -> str:
    return secrets.token_urlsafe(24)


COMPOSE_SECRETS: Final[Mapping[str, Callable[[], str]]] = {
    **{name.lower(): make for name, make in STACK_SECRETS.items()},
    "mongodb_uri": lambda: f"mongodb://iris:{_password()}@mongodb:27017/?replicaSet=rs0",
    "mongodb_root_password": _password,
    "mongodb_keyfile": lambda: base64.b64encode(os.urandom(MONGODB_KEY_BYTES)).decode(),
    "postgres_password": _password,
}
"""Generators of the secrets, by file name; a setting's file has its variable's name in lower case."""


def write_secrets(directory: Path) -> list[str]:
    """Create the secrets that a directory lacks.

    Only the directory's owner can enter it. Its files are readable to all, because compose mounts them unchanged into
    containers whose users have other ids.

    Returns:
        the names of the created files.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)
    missing = [name for name in COMPOSE_SECRETS if not (directory / name).exists()]
    for name in missing:
        unfinished = directory / f".{name}"
        unfinished.write_text(COMPOSE_SECRETS[name]())
        unfinished.chmod(0o444)
        unfinished.replace(directory / name)
    return missing


def main() -> None:
    """Create the missing secrets, and print the names of their files."""
    made = write_secrets(DIRECTORY)
    sys.stdout.write("".join(f"made {DIRECTORY / name}\n" for name in made) or f"{DIRECTORY} has them all\n")


if __name__ == "__main__":
    main()
