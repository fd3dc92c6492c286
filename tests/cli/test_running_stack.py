"""Discovery of the running stack by commands, and one-line errors for damaged files."""

import asyncio
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from typer.testing import CliRunner, Result

from cli.main import app
from domain.identifiers import workflow_id
from embedded.data_directory import open_data_directory, write_private
from embedded.processes import until
from tests.api.support import mobile
from tests.iris import SANDBOX, Iris

NOWHERE = {"IRIS_API_URL": "", "IRIS_API_KEY": "", "COLUMNS": "200"}
SECRETS = [b"{", b"", b"\xff", b"[]", b'"text"', b'{"IRIS_JWT_SECRET": 5}']


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env=NOWHERE)


async def run(data: Path, *arguments: str) -> str:
    """Output of a successful command that finds the stack in a directory."""
    done = await asyncio.to_thread(invoke, *arguments, "--data-dir", str(data))
    assert done.exit_code == 0, done.output
    return done.output


def one_line_of(done: Result, code: int) -> str:
    """Output of a command with an exit code, asserted to be one line without traceback."""
    assert done.exit_code == code, (done.output, done.exception)
    [line] = done.stderr.splitlines()
    assert line.startswith("iris: ")
    return line


def described(iris: Iris) -> Mapping[str, Any]:
    """The stack file of the running product, as `iris up` would write it."""
    return {
        "api_url": str(iris.http.base_url),
        "api_key": iris.demo.api_key,
        "temporal_ui_url": "http://127.0.0.1:8233",
        "temporal_namespace": "default",
        "sandbox_url": iris.gateway_url,
        "integrations": dict(iris.demo.integrations),
    }


@pytest.fixture
def data(iris: Iris, tmp_path: Path) -> Path:
    """Directory of a running stack: its stack file, and the demo's token at the gateway."""
    write_private(tmp_path / "stack.json", described(iris))
    account = {"token": SANDBOX.token.get_secret_value(), "signing_secret": SANDBOX.signing_secret.get_secret_value()}
    write_private(tmp_path / "secrets.json", {"IRIS_SANDBOX_ACCOUNTS": json.dumps([account])})
    return tmp_path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory without a running ephemeral stack."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def test_an_end_user_that_the_command_plays_joins_the_conversation(iris: Iris, data: Path) -> None:
    number = mobile()
    sent = await iris.send("whatsapp", number)
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    written = json.loads(await run(data, "sandbox", "inbound", number, "-c", "whatsapp", "-t", "Sí, iré", "--json"))

    async def is_received() -> bool:
        response = await iris.http.get(f"/v1/interactions/{written['id']}")
        assert response.status_code in {200, 404}  # it may not have arrived yet
        return response.status_code == 200

    async with asyncio.timeout(60):
        await until(is_received)
    received = await iris.read(written["id"])
    assert (received["direction"], received["status"]) == ("in", "RECEIVED")
    assert (received["processId"], received["users"]) == (sent["processId"], sent["users"])
    conversation = await run(data, "processes", "show", sent["processId"])
    [answer] = [line for line in conversation.splitlines() if written["id"] in line]
    [question] = [line for line in conversation.splitlines() if sent["id"] in line]
    assert answer.rstrip().endswith("Sí, iré")
    assert question.rstrip().endswith("Su cita es mañana a las 10:00")
    assert conversation.index(question) < conversation.index(answer)


async def test_a_workflow_past_its_retention_is_reported_without_a_link(iris: Iris, data: Path) -> None:
    sent = await iris.send("sms", mobile())
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    await iris.ended(sent["id"])
    assert "Web UI: http://127.0.0.1:8233/namespaces/default/workflows/" in await run(data, "trace", sent["id"])
    await iris.temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=iris.temporal.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(sent["id"])),
        )
    )

    async def is_expired() -> bool:
        response = await iris.http.get(f"/v1/interactions/{sent['id']}/explanation")
        return response.json()["payload"]["workflow"]["state"] == "expired"

    async with asyncio.timeout(60):
        await until(is_expired)
    for name in ("trace", "show"):
        shown = await run(data, name, sent["id"])
        assert ("Temporal keeps no history of it any more" in shown, "http://" in shown) == (True, False)


async def test_the_only_ephemeral_stack_that_runs_is_found_and_of_two_one_must_be_named(
    iris: Iris, temporary: Path
) -> None:
    nothing = temporary / ".iris"
    (temporary / "iris-stack-of-others").mkdir(mode=0o777)  # anybody could have created it, so no lock is taken in it
    assert "no stack runs in" in one_line_of(await asyncio.to_thread(_list_in, nothing), 2)
    with open_data_directory(nothing, ephemeral=True) as first:
        write_private(first.stack_file, described(iris))
        assert (await asyncio.to_thread(_list_in, nothing)).exit_code == 0
        with open_data_directory(nothing, ephemeral=True) as second:
            write_private(second.stack_file, described(iris))
            refused = one_line_of(await asyncio.to_thread(_list_in, nothing), 2)
            assert all(text in refused for text in ("--data-dir", str(first.path), str(second.path)))
            assert (await asyncio.to_thread(_list_in, first.path)).exit_code == 0
    assert "no stack runs in" in one_line_of(await asyncio.to_thread(_list_in, nothing), 2)


def _list_in(data: Path) -> Result:
    return invoke("interactions", "list", "--data-dir", str(data))


@pytest.mark.parametrize("is_ephemeral", [True, False])
def test_a_second_stack_in_a_directory_is_refused_and_touches_nothing(temporary: Path, is_ephemeral: bool) -> None:
    with open_data_directory(temporary / "data", ephemeral=is_ephemeral) as held:
        write_private(held.stack_file, {"api_url": "http://127.0.0.1:1"})
        refused = one_line_of(invoke("up", "--data-dir", str(held.path)), 1)
        assert f"already runs in {held.path.resolve()}" in refused
        assert held.stack_file.exists()
        assert not held.logs.exists()


@pytest.mark.parametrize("content", [b"{", b"", b"\xff", b"[]", b"null"])
def test_a_stack_file_that_cannot_be_read_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stack.json").write_bytes(content)
    assert "stack.json" in one_line_of(_list_in(tmp_path), 2)


@pytest.mark.parametrize("command", [("interactions", "list"), ("admin", "create", "--tenant=t", "--email=a@b.es")])
def test_a_stack_file_that_says_too_little_is_said_in_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "stack.json").write_text('{"tenant": "demo"}')
    generate = ("--generate",) if command[0] == "admin" else ()
    one_line_of(invoke(*command, *generate, "--data-dir", str(tmp_path)), 2)


@pytest.mark.parametrize("content", SECRETS)
def test_secrets_that_cannot_be_read_are_said_in_one_line_and_never_made_anew(tmp_path: Path, content: bytes) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_bytes(content)
    assert str(secrets) in one_line_of(invoke("up", "--data-dir", str(tmp_path)), 1)
    assert secrets.read_bytes() == content


@pytest.mark.parametrize("place", ["a-file", "a-file/below", "/proc/iris"])
def test_an_invalid_data_directory_is_reported_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").touch()
    assert "cannot hold the stack's files" in one_line_of(invoke("up", "--data-dir", str(tmp_path / place)), 1)
