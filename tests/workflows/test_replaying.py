"""`iris replay`: workflows of a server are replayed against this code before it is deployed."""

import asyncio
import base64
import json
import os
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio import workflow
from temporalio.worker import Worker
from typer.testing import CliRunner, Result

from bootstrap import connect_temporal
from cli.client import server_settings
from cli.main import app
from domain.identifiers import new_id
from embedded.processes import until
from operations.replay_check import ADVICE, replay, replayer
from temporal.interactions import workflow_id
from tests.iris import Iris
from tests.workflows.workflow_mutations import answered_otherwise, edited

SILENT = "34600000010"


async def open_interactions(iris: Iris, count: int) -> str:
    """Send messages whose workflows stay open, and return the query that finds them."""
    sent = [await iris.send("sms", SILENT) for _ in range(count)]
    for interaction in sent:
        await iris.until_status(interaction["id"], "SENT")
    query = f"WorkflowId IN ({', '.join(repr(workflow_id(interaction['id'])) for interaction in sent)})"
    await until_found(iris, query, count)
    return query


async def until_found(iris: Iris, query: str, count: int) -> None:
    """Wait for the server's index, which is updated asynchronously."""

    async def are_indexed() -> bool:
        return (await iris.temporal.count_workflows(query)).count == count

    await asyncio.wait_for(until(are_indexed), 60)


async def command(data_dir: Path, *options: str, **environment: str) -> Result:
    arguments = ["replay", "--data-dir", str(data_dir), *options]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)


async def test_every_workflow_that_is_found_is_replayed_once(iris: Iris) -> None:
    query = await open_interactions(iris, 6)
    summary = await replay(iris.temporal, query, replayer=replayer(iris.temporal))
    assert (summary.replayed, summary.failed, summary.failures) == (6, 0, [])


async def test_no_more_are_replayed_than_asked_for(iris: Iris) -> None:
    query = await open_interactions(iris, 3)
    summary = await replay(iris.temporal, query, limit=2, replayer=replayer(iris.temporal))
    assert summary.replayed == 2


async def test_a_workflow_that_the_code_would_break_is_named_with_the_reason(iris: Iris, tmp_path: Path) -> None:
    query = await open_interactions(iris, 2)
    with edited(answered_otherwise, tmp_path) as workflows:
        summary = await replay(iris.temporal, query, replayer=replayer(iris.temporal, workflows))
    assert (summary.replayed, summary.failed) == (2, 2)
    assert all(failure.workflow_id in query for failure in summary.failures)
    assert all("for int" in failure.reason for failure in summary.failures)
    assert not any("input_value" in failure.reason for failure in summary.failures)


async def test_the_reason_is_readable_although_payloads_are_encrypted(iris: Iris, tmp_path: Path) -> None:
    query = await open_interactions(iris, 1)
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    encrypting = await connect_temporal(iris.settings.model_copy(update={"payload_keys": SecretStr(key)}))
    with edited(answered_otherwise, tmp_path) as workflows:
        summary = await replay(encrypting, query, replayer=replayer(encrypting, workflows))
    assert ["for int" in failure.reason for failure in summary.failures] == [True]
    assert "Encoded failure" not in summary.failures[0].reason


async def test_the_command_replays_the_open_workflows_of_the_running_stack(
    iris: Iris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    await open_interactions(iris, 1)
    stack = {
        "temporal_address": iris.settings.temporal_address,
        "temporal_namespace": iris.temporal.namespace,
        "mongodb_uri": iris.settings.mongodb_uri.get_secret_value(),
    }
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    done = await command(tmp_path, IRIS_TASK_QUEUE=iris.settings.task_queue)
    assert done.exit_code == 0, done.output
    assert "0 failed" in done.stdout
    assert not done.stdout.startswith("0 replayed")


def test_a_command_for_the_running_stack_has_the_stacks_secrets_unless_the_environment_has_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "MONGODB_URI", "IRIS_JWT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    stack = {"temporal_address": "here:1", "temporal_namespace": "ours", "mongodb_uri": "mongodb://here:2"}
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    (tmp_path / "secrets.json").write_text(json.dumps({"IRIS_JWT_SECRET": "s" * 32}))
    assert server_settings(tmp_path).jwt_secret.get_secret_value() == "s" * 32
    monkeypatch.setenv("IRIS_JWT_SECRET", "t" * 32)
    assert server_settings(tmp_path).jwt_secret.get_secret_value() == "t" * 32


@workflow.defn(sandboxed=False)
class Forgotten:
    """Workflow of an earlier version."""

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


async def test_the_command_fails_and_advises_when_a_workflow_would_break(iris: Iris, tmp_path: Path) -> None:
    name = f"forgotten-{new_id()}"
    async with Worker(iris.temporal, task_queue=name, workflows=[Forgotten]):
        handle = await iris.temporal.start_workflow(Forgotten.run, id=name, task_queue=name)

        async def has_begun() -> bool:
            events = (await handle.fetch_history()).events
            return any(event.HasField("workflow_task_completed_event_attributes") for event in events)

        await asyncio.wait_for(until(has_begun), 60)
    await until_found(iris, f"WorkflowId = '{name}'", 1)
    options = ("--json", "--query", f"WorkflowId = '{name}'")
    done = await command(tmp_path, *options, TEMPORAL_ADDRESS=iris.settings.temporal_address)
    await handle.terminate()
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["replayed"], answer["failed"]) == (1, 1, 1)
    assert (answer["failures"][0]["workflow_id"], answer["advice"]) == (name, ADVICE)
    assert "Forgotten" in answer["failures"][0]["reason"]


async def test_a_query_that_the_server_does_not_understand_is_reported(iris: Iris, tmp_path: Path) -> None:
    done = await command(tmp_path, "--query", "Colour = 'red'", TEMPORAL_ADDRESS=iris.settings.temporal_address)
    assert (done.exit_code, "Colour" in done.stderr) == (2, True)
