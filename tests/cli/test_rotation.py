"""`iris rotate-credentials`, in a separate process."""

import asyncio
import json
from asyncio.subprocess import PIPE
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from cli import rotate_credentials
from cli.main import app
from embedded.demo import seed_open_database
from embedded.iris_processes import IRIS
from models.integration import Integration
from operations.key_rotation import KeyRotation
from security.credential_encryption import Vault
from settings import Settings
from tests.iris import demo_settings, open_database
from tests.product.provider_lines import environment_of


async def rotated(settings: Settings, nowhere: Path, *keys: str) -> tuple[int | None, dict[str, Any]]:
    """Exit code and output of the command with these keys."""
    process = await asyncio.create_subprocess_exec(
        *(*IRIS, "rotate-credentials", "--json", "--data-dir", str(nowhere)),
        env=environment_of(settings) | {"IRIS_ENCRYPTION_KEYS": ",".join(keys)},
        stdout=PIPE,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, json.loads(printed)


async def test_all_credentials_are_encrypted_with_the_newest_key_and_undecryptable_ones_are_named(
    mongodb_uri: str, database_name: str, tmp_path: Path
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings = Settings.model_validate({"mongodb_uri": mongodb_uri, "mongodb_database": f"{database_name}_rotation"})
    async with open_database(settings):
        demo = await seed_open_database(Vault([old]), demo_settings("http://127.0.0.1:1"))
        lost = await Integration.get(demo.integrations["sms"])
        assert lost is not None
        lost.credentials = Vault([Fernet.generate_key().decode()]).encrypt({"token": "lost"})
        await lost.save()
        code, output = await rotated(settings, tmp_path, new, old)
        integrations = await Integration.find({"tenant": demo.tenant, "_id": {"$ne": lost.id}}).to_list()
        assert [Vault([new]).decrypt(one.credentials)["token"] for one in integrations]
    undecryptable = [f"integrations/{lost.id}.credentials"]
    assert (code, output) == (
        1,
        {"re_encrypted": len(demo.integrations) - 1, "current": 0, "undecryptable": undecryptable},
    )


def test_it_ends_well_when_all_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    done = KeyRotation(re_encrypted=2, current=3)

    async def rotate_keys(_settings: object) -> KeyRotation:
        return done

    monkeypatch.setattr(rotate_credentials, "_rotate", rotate_keys)
    ended = CliRunner().invoke(app, ["rotate-credentials", "--json"])
    assert (ended.exit_code, json.loads(ended.output)) == (0, asdict(done))
