"""`iris send` and its common behaviour with other commands: exit codes, channels, refusals, and narrow terminals."""

import asyncio
import fcntl
import json
import os
import re
import struct
import sys
import termios
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from typer.testing import CliRunner, Result

from cli.main import app
from domain.identifiers import new_id
from embedded.demo import Demo, seed_open_database
from models.integration import Integration
from security.credential_encryption import Vault
from tests.api.support import mobile
from tests.cli.running import Command, payload
from tests.iris import Iris, demo_settings

ROOT: Final = Path(__file__).parents[2]
NARROW: Final = 60
_STYLES: Final = re.compile(r"\x1b\[[0-9;]*m")


def environment_of(iris: Iris, demo: Demo | None = None) -> dict[str, str]:
    return {"IRIS_API_URL": str(iris.http.base_url), "IRIS_API_KEY": (demo or iris.demo).api_key, "COLUMNS": "200"}


async def run(environment: Mapping[str, str], *arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)


async def new_tenant(iris: Iris) -> Demo:
    """A tenant with one sandbox integration for each channel."""
    vault = Vault(iris.settings.vault_keys())
    return await seed_open_database(vault, demo_settings(iris.gateway_url, f"tenant-{new_id()}"))


async def test_a_send_that_is_followed_ends_with_1_if_it_fails_and_with_0_if_it_does_not(iris: Iris) -> None:
    sent = ("send", "--integration", iris.demo.integrations["sms"], "--text", "Hello", "--watch")
    failed = await run(environment_of(iris), *sent, "34600000003")
    assert (failed.exit_code, "PROVIDER_SENDING_ERROR  rejected" in failed.output) == (1, True), failed.output
    delivered = await run(environment_of(iris), *sent, mobile())
    assert (delivered.exit_code, "COMPLETED  delivered" in delivered.output) == (0, True), delivered.output


async def test_a_channel_means_the_only_enabled_integration_of_a_tenant_that_is_no_demo(iris: Iris) -> None:
    tenant = await new_tenant(iris)
    sent = await run(environment_of(iris, tenant), "send", mobile(), "--channel", "SMS", "--text", "Hello", "--json")
    assert sent.exit_code == 0, sent.output
    assert tenant.integrations["sms"] in sent.output
    await Integration.find_one({"_id": tenant.integrations["sms"]}).update({"$set": {"enabled": False}})
    none = await run(environment_of(iris, tenant), "send", mobile(), "--channel", "sms", "--text", "Hello")
    assert (none.exit_code, "no enabled integration has the channel 'sms'" in none.stderr) == (2, True), none.output


async def test_a_channel_with_several_integrations_names_them_all(iris: Iris) -> None:
    tenant = await new_tenant(iris)
    first = await Integration.get(tenant.integrations["sms"])
    assert first is not None
    second = first.model_copy(update={"id": new_id(), "name": "Second"})
    await second.insert()
    refused = await run(environment_of(iris, tenant), "send", mobile(), "--channel", "sms", "--text", "Hello")
    assert refused.exit_code == 2, refused.output
    assert all(text in refused.stderr for text in ("--integration", first.id, f"{second.id} (Second)"))


async def test_a_refusal_names_the_options_and_leaves_sentences_as_they_are(iris: Iris) -> None:
    integration = ("--integration", iris.demo.integrations["sms"], "--text", "Hello")
    twice = await run(environment_of(iris), "send", *integration, "34600000001", "34600000002")
    assert "TO: This integration takes at most 1 destination per interaction" in twice.stderr
    nobody = await run(environment_of(iris), "send", *integration, mobile(), "--no-create-user")
    assert "TO[0]: No user has this destination and --create-user is false" in nobody.stderr
    wrong = await run(environment_of(iris), "send", "--integration", "0" * 24, "--text", "Hello", mobile())
    assert "  --integration: " in wrong.stderr
    unreadable = await run(environment_of(iris), "interactions", "list", "--to", "nobody at all")
    assert "  --to: " in unreadable.stderr


async def test_an_undecided_send_is_repeated_with_the_option_that_the_refusal_names(
    iris: Iris, command: Command
) -> None:
    sent = await iris.send("whatsapp", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    refused = await run(environment_of(iris), "interactions", "resend", sent["id"])
    assert refused.exit_code == 1
    assert ("--force" in refused.stderr, "force: true" in refused.stderr) == (True, False), refused.stderr
    again = await payload(command, "interactions", "resend", sent["id"], "--force")
    assert again["metadata"]["resendOf"] == sent["id"]


@contextmanager
def terminal(columns: int) -> Generator[tuple[int, int]]:
    """A pseudo-terminal of a width: the end to read, and the end that a command writes to."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    try:
        yield ours, its
    finally:
        os.close(ours)
        os.close(its)


async def shown_on_terminal(iris: Iris, demo: Demo, columns: int, *arguments: str) -> list[str]:
    """Lines that a command prints on a terminal of a width."""
    environment = {**os.environ, **environment_of(iris, demo), "TERM": "xterm"}
    del environment["COLUMNS"]
    with terminal(columns) as (ours, its):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", *arguments), env=environment, stdin=its, stdout=its
        )
        reading = asyncio.create_task(asyncio.to_thread(_read_until_silent, ours))
        async with asyncio.timeout(60):
            assert await process.wait() == 0
        os.write(its, b"\0")
        return _STYLES.sub("", (await reading).decode()).replace("\r\n", "\n").splitlines()


def _read_until_silent(descriptor: int) -> bytes:
    """Output of a terminal until a NUL."""
    read = b""
    while not read.endswith(b"\0"):
        read += os.read(descriptor, 65536)
    return read.removesuffix(b"\0")


async def test_a_table_fits_a_narrow_terminal_and_keeps_ids_whole(iris: Iris) -> None:
    tenant = await new_tenant(iris)
    sent = await run(environment_of(iris, tenant), "send", mobile(), "-c", "sms", "-t", "A long text " * 8, "--json")
    lines = await shown_on_terminal(iris, tenant, NARROW, "interactions", "list")
    assert [line for line in lines if len(line) > NARROW] == []
    assert json.loads(sent.output)["payload"]["id"] in "\n".join(lines)
