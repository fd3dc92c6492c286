"""`iris doctor`: every component is checked, MongoDB is compared with Temporal, and discrepancies are repaired."""

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.fernet import Fernet
from temporalio.client import Client, ScheduleActionExecutionStartWorkflow, ScheduleActionStartWorkflow
from typer.testing import CliRunner, Result

from bootstrap import http_clients
from cli.main import app
from embedded.ports import free_port
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from integrations.provider_factory import ProviderFactory
from models.interaction import Interaction
from models.user import User
from security.credential_encryption import Vault
from temporal.reconciliation import ensure_schedule, schedule_id
from tests.iris import Iris, running_iris
from tests.workflows.scenarios_of_repair import registered_and_lost
from worker import create_worker
from workflows.messages import Report

SENT: Final = 40


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    # The schedule runs at whole multiples of its interval: never by itself while these tests compare.
    rarely = {"reconciliation_interval": timedelta(days=30)}
    async with running_iris(mongodb_uri, temporal_server.address, f"{database_name}_checked", **rarely) as running:
        await ensure_schedule(running.temporal, running.settings)
        yield running


async def doctor(iris: Iris, nowhere: Path, *options: str, **changes: str) -> Result:
    return await called("doctor", iris, nowhere, *options, **changes)


async def called(command: str, iris: Iris, nowhere: Path, *options: str, **changes: str) -> Result:
    settings = iris.settings
    environment = {
        "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "IRIS_MONGODB_DATABASE": settings.mongodb_database,
        "TEMPORAL_ADDRESS": settings.temporal_address,
        "IRIS_TASK_QUEUE": settings.task_queue,
        "IRIS_API_URL": settings.public_url,
        "IRIS_PAYLOAD_KEYS": settings.payload_keys.get_secret_value(),
    }
    arguments = [command, "--data-dir", str(nowhere), *options]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment | changes)


def wrong(result: Result) -> list[str]:
    """Components with a problem."""
    parts: list[dict[str, Any]] = json.loads(result.stdout)["components"]
    return [part["name"] for part in parts if part["problem"]]


async def test_a_healthy_product_is_found_to_be_well(iris: Iris, tmp_path: Path) -> None:
    sent = await iris.send("sms", "34600000001")
    await iris.ended(sent["id"])
    result = await doctor(iris, tmp_path)
    assert result.exit_code == 0, result.output
    assert "Found 0, repaired 0." in result.stdout
    assert "wrong" not in result.stdout


async def test_a_lost_interaction_is_reported_by_a_dry_run_and_repaired_by_the_next(iris: Iris, tmp_path: Path) -> None:
    interaction_id = await registered_and_lost(iris)
    await Interaction.collection().update_one(
        {"_id": interaction_id}, [{"$set": {"due": {"$subtract": ["$due", 3_600_000]}}}]
    )
    result = await doctor(iris, tmp_path, "--dry-run")
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.stdout.splitlines() if interaction_id in line]
    assert line.startswith("found")
    assert "It waits to be validated until" in line
    repaired = await doctor(iris, tmp_path)
    assert repaired.exit_code == 0, repaired.output
    (line,) = [line for line in repaired.stdout.splitlines() if interaction_id in line]
    assert line.startswith("repaired")
    assert "VALIDATION_ERROR" in line
    assert (await iris.read(interaction_id))["status"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("IRIS_API_URL", "http://127.0.0.1:{port}", "API"),
        ("TEMPORAL_ADDRESS", "127.0.0.1:{port}", "Temporal"),
        ("MONGODB_URI", "mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=100", "MongoDB"),
    ],
)
async def test_a_part_that_does_not_answer_is_named(
    iris: Iris, tmp_path: Path, variable: str, value: str, part: str
) -> None:
    result = await doctor(iris, tmp_path, "--json", **{variable: value.format(port=free_port())})
    assert result.exit_code == 2, result.output
    assert wrong(result) == [part]


async def test_an_index_that_is_needed_no_longer_is_named_and_removed_when_asked(iris: Iris, tmp_path: Path) -> None:
    users = User.collection()
    await users.create_index("shoeSize", name="iris_shoeSize_1")
    await users.create_index("hatSize", name="somebodys")
    result = await doctor(iris, tmp_path, "--json")
    assert (result.exit_code, wrong(result)) == (1, ["indexes of MongoDB"])
    assert "users.iris_shoeSize_1 obsolete" in result.stdout
    shown = await called("indexes", iris, tmp_path)
    assert (shown.exit_code, "iris_shoeSize_1" in shown.stdout) == (0, True)
    assert "iris_shoeSize_1" in await users.index_information()
    pruned = json.loads((await called("indexes", iris, tmp_path, "--prune", "--json")).stdout)
    assert [one["name"] for one in pruned["removed"]] == ["iris_shoeSize_1"]
    assert "somebodys" in await users.index_information()
    assert (await doctor(iris, tmp_path)).exit_code == 0
    nothing = await called("indexes", iris, tmp_path, "--drop", "users.nothing")
    assert (nothing.exit_code, "there is no index users.nothing" in nothing.output) == (1, True)
    assert (await called("indexes", iris, tmp_path, "--drop", "users.somebodys")).exit_code == 0
    assert "somebodys" not in await users.index_information()


async def test_queues_that_no_worker_asks_are_named_and_nothing_is_waited_for(iris: Iris, tmp_path: Path) -> None:
    result = await doctor(iris, tmp_path, "--json", IRIS_TASK_QUEUE="nobodys")
    assert result.exit_code == 2, result.output
    assert "workers of nobodys (workflows)" in wrong(result)
    assert "workers of nobodys-sandbox (activities)" in wrong(result)
    assert "workers of nobodys-notifications (workflows)" in wrong(result)
    assert "workers of nobodys-notifications (activities)" in wrong(result)
    assert "reconciliation schedule" in wrong(result)
    assert json.loads(result.stdout)["report"] is None


async def test_a_worker_makes_the_schedule_once_and_lets_it_follow_the_settings(iris: Iris) -> None:
    handle = iris.temporal.get_schedule_handle(schedule_id(iris.settings))
    await handle.pause(note="by a test")
    changed = iris.settings.model_copy(update={"reconciliation_interval": timedelta(minutes=3)})
    await ensure_schedule(iris.temporal, changed)
    schedule = (await handle.describe()).schedule
    await handle.unpause()
    assert [interval.every for interval in schedule.spec.intervals] == [timedelta(minutes=3)]
    assert schedule.state.paused
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    assert schedule.action.workflow == "Reconciliation"


async def test_the_scheduled_comparison_covers_everything(iris: Iris) -> None:
    handle = iris.temporal.get_schedule_handle(schedule_id(iris.settings))

    async def has_started() -> bool:
        return bool((await handle.describe()).info.recent_actions)

    await handle.trigger()
    async with asyncio.timeout(60):
        await until(has_started)
        started = (await handle.describe()).info.recent_actions[0].action
        assert isinstance(started, ScheduleActionExecutionStartWorkflow)
        run = iris.temporal.get_workflow_handle(
            started.workflow_id, run_id=started.first_execution_run_id, result_type=Report
        )
        report = await run.result()
    assert report.unchecked == {}
    assert report.counts.discrepancies == []


async def test_a_payload_key_that_the_workers_lack_is_named_soon_and_no_run_is_left(iris: Iris, tmp_path: Path) -> None:
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    began = time.monotonic()
    result = await doctor(iris, tmp_path, IRIS_PAYLOAD_KEYS=key)
    assert time.monotonic() - began < 30
    assert result.exit_code == 2, result.output
    assert "no worker could begin the comparison" in result.output
    assert "IRIS_PAYLOAD_KEYS is missing here" in result.output
    asked_for = f"WorkflowId STARTS_WITH '{schedule_id(iris.settings)}-' AND ExecutionStatus = 'Running'"
    async with asyncio.timeout(10):
        await until(lambda: _is_none_left(iris, asked_for))


async def _is_none_left(iris: Iris, query: str) -> bool:
    return (await iris.temporal.count_workflows(query)).count == 0


async def _are_found(selector: dict[str, Any], number: int) -> bool:
    return await Interaction.find(selector).count() >= number


async def test_a_worker_with_a_foreign_encryption_key_beside_a_good_one_loses_nothing_and_is_named(
    iris: Iris, tmp_path: Path
) -> None:
    """It would otherwise record its messages as rejected by the provider."""
    sent: list[dict[str, Any]] = []
    wrong_client = await Client.connect(
        iris.settings.temporal_address, identity="wrong@here", data_converter=iris.temporal.data_converter
    )
    guard = iris.settings.address_guard()
    async with http_clients(guard, iris.settings.max_concurrent_sends_per_provider) as http:
        foreign = Vault([Fernet.generate_key().decode()])
        provider_factory = ProviderFactory(foreign, http, iris.settings.public_url, guard)
        async with create_worker(wrong_client, iris.settings, provider_factory):
            for _ in range(0, SENT, 10):
                sent += await asyncio.gather(*(iris.send("sms", "34600000001") for _ in range(10)))
            delivered = {"_id": {"$in": [one["id"] for one in sent]}, "custom_status": "delivered"}
            async with asyncio.timeout(60):
                await until(lambda: _are_found(delivered, SENT // 2))
            result = await doctor(iris, tmp_path, "--json")
    # Chance may give the attempts of one message to the wrong worker for minutes, as long as it runs.
    async with asyncio.timeout(90):
        await until(lambda: _are_found(delivered, SENT))
    assert (result.exit_code, wrong(result)) == (1, ["worker wrong@here"])
    assert "no encryption key opens these credentials" in result.stdout
