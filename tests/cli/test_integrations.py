"""`iris integrations` and `iris rotate-credentials`: output for people and for programs."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from cli.main import app
from domain.identifiers import new_id
from models.integration import Integration
from operations.key_rotation import rotate_keys
from security.credential_encryption import Vault
from tests.api.support import SIGNING_SECRET
from tests.iris import SANDBOX, Iris

Command = Callable[..., Awaitable[Result]]
TOKEN = SANDBOX.token.get_secret_value()


@pytest.fixture
def command(iris: Iris) -> Command:
    """Exit code and output of an `iris integrations` command; the output never contains a secret."""
    where = {
        "IRIS_API_URL": str(iris.http.base_url),
        "IRIS_API_KEY": iris.demo.api_key,
        "COLUMNS": "200",
        "SANDBOX_SECRET": SIGNING_SECRET,
    }

    async def run(*arguments: str, typed: str | None = None) -> Result:
        call = ("integrations", *arguments)
        done = await asyncio.to_thread(CliRunner().invoke, app, call, env=where, input=typed)
        assert TOKEN not in done.output
        assert SIGNING_SECRET not in done.output
        return done

    return run


async def payload(command: Command, *arguments: str, typed: str | None = None) -> dict[str, Any]:
    done = await command(*arguments, "--json", typed=typed)
    assert done.exit_code == 0, done.output
    return json.loads(done.output[done.output.index("{") :])["payload"]


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


async def made(command: Command, iris: Iris, token_file: Path) -> dict[str, Any]:
    """An integration with credentials from a file and from the environment."""
    return await payload(
        command,
        *("create", f"SMS {new_id()}", "--channel", "SMS", "--provider", "sandbox"),
        *("--set", f"baseUrl={iris.gateway_url}", "--set", "recognisesRepetitions=false"),
        *("--credential", f"token=@{token_file}", "--credential", "signingSecret=env:SANDBOX_SECRET"),
    )


async def test_an_integration_is_created_tried_shown_listed_changed_and_deleted(
    command: Command, iris: Iris, token_file: Path
) -> None:
    one = await made(command, iris, token_file)
    assert one["configuration"] == {"baseUrl": iris.gateway_url, "recognisesRepetitions": False}
    assert (await command("test", one["id"])).output == "good\n"
    shown = (await command("show", one["id"])).output
    assert all(text in shown for text in (one["id"], one["name"], one["webhookUrl"], "credentials.token"))
    assert [it["id"] for it in (await payload(command, "list", "--name", one["name"]))["items"]] == [one["id"]]
    assert one["id"] in (await command("list", "--channel", "SMS", "--enabled")).output
    changed = await payload(
        *(command, "update", one["id"], "--name", f"{one['name']}!"),
        *("--unset", "recognisesRepetitions", "--throttle", '{"rate": 2}'),
    )
    assert changed["throttle"]["rate"] == 2
    assert (changed["name"], list(changed["configuration"])) == (f"{one['name']}!", ["baseUrl"])
    assert (await payload(command, "disable", one["id"]))["enabled"] is False
    assert (await payload(command, "enable", one["id"]))["enabled"] is True
    refused = await command("delete", one["id"], typed="n\n")
    assert refused.exit_code == 1
    assert (await payload(command, "delete", one["id"], "--yes"))["deleted"] is not None
    gone = await command("show", one["id"])
    assert (gone.exit_code, "404" in gone.output) == (1, True)


async def test_a_credential_is_asked_for_and_one_that_is_not_good_ends_the_test_with_1(
    command: Command, iris: Iris, token_file: Path
) -> None:
    one = await made(command, iris, token_file)
    await payload(command, "update", one["id"], "--credential", "token", typed="another-token\n")
    tried = await command("test", one["id"])
    assert (tried.exit_code, tried.output.startswith("not good: unauthenticated")) == (1, True)


async def test_a_secret_on_the_command_line_is_refused(command: Command) -> None:
    done = await command("update", new_id(), "--credential", "token=made-up")
    assert done.exit_code != 0
    assert "made-up" not in done.output


async def test_a_file_provides_all_fields_and_errors_name_the_field(
    command: Command, iris: Iris, tmp_path: Path
) -> None:
    whole = {
        "channel": "SMS",
        "provider": "sandbox",
        "configuration": {"baseUrl": iris.gateway_url},
        "credentials": {"token": TOKEN, "signingSecret": SIGNING_SECRET},
    }
    file = await asyncio.to_thread(_written, tmp_path / "integration.json", whole)
    assert (await payload(command, "create", new_id(), "--file", str(file)))["credentials"]["token"] is True
    wrong = await command("create", new_id(), "--file", str(file), "--set", "baseUrl=nowhere")
    assert (wrong.exit_code, "configuration.baseUrl" in wrong.output) == (1, True)


def _written(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content))
    return file


async def test_the_catalogue_shows_the_fields_that_a_provider_requires(command: Command) -> None:
    everything = (await command("types")).output
    assert all(word in everything for word in ("WhatsApp", "twilio", "text-message-rcs"))
    one = (await command("types", "--provider", "twilio")).output
    assert all(word in one for word in ("credentials.authToken", "required", "configuration.sender"))
    assert (await command("types", "--provider", "nobody")).exit_code == 2


async def test_credentials_encrypted_with_an_older_key_are_re_encrypted_once(
    command: Command, iris: Iris, token_file: Path
) -> None:
    one = await made(command, iris, token_file)
    endpoint = {"Url": "http://127.0.0.1:1/events", "Subscriptions": ["*"]}
    assert (await iris.http.put(f"/v1/integrations/{one['id']}/webhook", json=endpoint)).status_code < 300
    older = iris.settings.vault_keys()
    newer = Fernet.generate_key().decode()
    vault, foreign = Vault([newer, *older]), Vault([Fernet.generate_key().decode()])
    stored = await Integration.find({"tenant": iris.demo.tenant}).to_list()
    only = {"id": new_id(), "name": new_id(), "credentials": foreign.encrypt({}), "fingerprint": None, "endpoint": None}
    lost = stored[0].model_copy(update=only)
    await lost.insert()
    first = await rotate_keys(vault)
    try:
        second = await rotate_keys(vault)
        assert first.re_encrypted >= len(stored)
        assert (second.re_encrypted, second.current) == (0, first.re_encrypted + first.current)
        assert f"integrations/{lost.id}.credentials" in first.undecryptable
        assert second.undecryptable == first.undecryptable
        anew = await Integration.get(stored[0].id)
        assert anew is not None
        with_endpoint = await Integration.get(one["id"])
        assert with_endpoint is not None
        assert with_endpoint.endpoint is not None
        assert Vault([newer]).decrypt(with_endpoint.endpoint.secret)["secret"]
        assert Vault([newer]).decrypt(anew.credentials) == Vault(older).decrypt(stored[0].credentials)
    finally:
        await lost.delete()
        back = await rotate_keys(Vault([*older, newer]))
        assert back.re_encrypted == first.re_encrypted + first.current
