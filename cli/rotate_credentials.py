"""`iris rotate-credentials`: re-encryption of stored credentials."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.client import ERR, OUT, fail, server_settings
from cli.options import AsJson, DataDirectory

if TYPE_CHECKING:
    from operations.key_rotation import KeyRotation
    from settings import Settings


def rotate_credentials(as_json: AsJson = False, data_dir: DataDirectory = Path(".iris")) -> None:
    """Re-encrypt all credentials with the first of IRIS_ENCRYPTION_KEYS; it may be interrupted and run again.

    Ends with 0 if all are encrypted with it, with 1 if no key decrypts some, with 2 if MongoDB does not answer. The
    servers are those of the environment, else those of the running `iris up`.
    """
    from pymongo.errors import PyMongoError

    try:
        done = asyncio.run(_rotate(server_settings(data_dir)))
    except PyMongoError as error:
        fail(f"MongoDB does not answer: {type(error).__name__}", 2)
    if as_json:
        print(json.dumps(asdict(done), indent=2))  # noqa: T201 - for programs
    else:
        OUT.print(f"{done.re_encrypted} re-encrypted; {done.current} already had the newest key", highlight=False)
        for name in done.undecryptable:
            ERR.print(f"[red]no key decrypts[/] {name}", highlight=False, soft_wrap=True)
    if done.undecryptable:
        raise typer.Exit(1)


async def _rotate(settings: "Settings") -> "KeyRotation":
    from bootstrap import mongodb
    from operations.key_rotation import rotate_keys
    from security.credential_encryption import Vault

    async with mongodb(settings):
        return await rotate_keys(Vault(settings.vault_keys()))
