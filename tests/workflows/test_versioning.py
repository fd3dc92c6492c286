"""Worker versions: open workflows stay on the version that they started on, new ones start on the current one."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from embedded.ports import free_port
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from temporal.interactions import workflow_id
from temporal.worker_versions import Version, promote, versions
from tests.iris import Iris, running_iris, running_worker

SILENT, FAILED, DELIVERED = "34600000010", "34600000004", "34600000001"
DEPLOYMENT: Final = "iris"
TIMEOUT: Final = timedelta(seconds=20)


class AttentiveServer(TemporalServer):
    """Server that checks within seconds, not minutes, whether a version has drained."""

    def command(self) -> Sequence[str]:
        looks = ("VersionDrainageStatusRefreshInterval", "VersionDrainageStatusVisibilityGracePeriod")
        return [*super().command(), *(f'--dynamic-config-value=matching.wv.{look}="1s"' for look in looks)]


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, server_directory: Path, database_name: str) -> AsyncIterator[Iris]:
    """The product with a worker of version 1, which is the current one."""
    async with (
        AttentiveServer(free_port(), server_directory / "versions.log") as server,
        running_iris(mongodb_uri, server.address, f"{database_name}_versions", temporal_worker_build_id="1") as running,
    ):
        await promote(running.temporal, DEPLOYMENT, "1", TIMEOUT)
        yield running


async def versions_of(iris: Iris, interaction_id: str) -> set[str]:
    """Return the versions that completed a task of the interaction's newest run."""
    history = await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).fetch_history()
    done = [event.workflow_task_completed_event_attributes for event in history.events]
    return {task.deployment_version.build_id for task in done} - {""}


async def until_known(iris: Iris, version: Version) -> None:
    async def is_so() -> bool:
        return version in await versions(iris.temporal, DEPLOYMENT)

    await asyncio.wait_for(until(is_so), 60)


async def command(iris: Iris, *arguments: str) -> Result:
    """Run `iris promote`."""
    where = {"TEMPORAL_ADDRESS": iris.settings.temporal_address}
    return await asyncio.to_thread(CliRunner().invoke, app, ["promote", *arguments], env=where)


async def test_a_version_without_workers_is_not_promoted(iris: Iris) -> None:
    done = await command(iris, "3", "--wait", "0")
    assert (done.exit_code, "'3'" in done.stderr) == (2, True)


async def test_an_open_interaction_ends_on_the_version_that_it_began_on_and_new_ones_begin_on_the_current_one(
    iris: Iris,
) -> None:
    begun, failed = await iris.send("sms", SILENT), await iris.send("sms", FAILED)
    await iris.until_status(begun["id"], "SENT")
    await iris.ended(failed["id"])
    async with running_worker(iris.temporal, iris.settings.model_copy(update={"temporal_worker_build_id": "2"})):
        done = await command(iris, "2", "--json")
        assert {"build_id": "2", "status": "current"} in json.loads(done.stdout)
        fresh = await iris.send("sms", DELIVERED)
        await iris.ended(fresh["id"])
        await until_known(iris, Version("1", "draining"))
        await iris.receive(begun["id"], "delivered")
        await iris.ended(begun["id"])
        await reopened_by_a_late_receipt(iris, failed["id"])
        assert await versions_of(iris, begun["id"]) == {"1"}
        assert await versions_of(iris, fresh["id"]) == {"2"}
        assert await versions_of(iris, failed["id"]) == {"2"}
        await until_known(iris, Version("1", "drained"))


async def reopened_by_a_late_receipt(iris: Iris, interaction_id: str) -> None:
    await iris.receive(interaction_id, "delivered")
    await iris.until_status(interaction_id, "COMPLETED")
    await iris.ended(interaction_id)
