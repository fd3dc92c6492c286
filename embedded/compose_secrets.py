"""Makes the secrets of docker-compose, each a file of the directory `.secrets`; any Python from 3.11 will do.

    python3 -m embedded.compose_secrets

A file that exists is kept: what a lost key encrypted is lost, and servers keep the passwords that they were made with.
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
"""How each secret is made, by the name of its file; a setting's file has its variable's name in lower case."""


def write_secrets(directory: Path) -> list[str]:
    """Make those secrets that a directory lacks.

    Nobody but the directory's owner can enter it. The files in it are readable to all, because compose mounts them as
    they are into containers whose users have other ids.

    Returns:
        the names of the files that were made.
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
    """Makes the missing secrets, and names their files."""
    made = write_secrets(DIRECTORY)
    sys.stdout.write("".join(f"made {DIRECTORY / name}\n" for name in made) or f"{DIRECTORY} has them all\n")


if __name__ == "__main__":
    main()
