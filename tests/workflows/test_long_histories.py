"""Workflows whose history would become too long go on in a new run, where they stopped."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from typing_extensions import override

from activities.notification_interfaces import RedeliveredPage, RedeliverInput
from domain.clock import utc_now
from domain.identifiers import new_id, workflow_id
from embedded.ports import free_port
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from tests.iris import Iris, running_iris
from workflows.messages import RedeliveryInput
from workflows.notification import RedeliveryWorkflow

SILENT = "34600000010"


class ImpatientServer(TemporalServer):
    """A server that suggests a new run after a few events, not after 4 096."""

    @override
    def command(self) -> Sequence[str]:
        return [*super().command(), "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=30"]


@pytest.fixture(scope="module")
async def temporal_server(server_directory: Path) -> AsyncIterator[TemporalServer]:
    async with ImpatientServer(free_port(), server_directory / "impatient.log") as server:
        yield server


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    # In the sandbox, since no recorded history is as long.
    settings = {"workflow_sandbox": True}
    async with running_iris(mongodb_uri, temporal_server.address, f"{database_name}_long", **settings) as running:
        yield running


async def runs_of(client: Client, workflow: str) -> list[str]:
    """Return the ids of a workflow's runs, of which there must be several."""
    runs: list[str] = []

    async def are_listed() -> bool:
        nonlocal runs
        runs = [run.run_id async for run in client.list_workflows(f"WorkflowId = '{workflow}'")]
        return len(runs) > 1

    await asyncio.wait_for(until(are_listed), 30)
    return runs


async def test_an_interaction_with_many_events_goes_on_in_new_runs(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    for sequence in range(1, 11):
        await iris.receive(sent["id"], "queued", sequence=sequence, detail=f"place {sequence}")
        await iris.until(sent["id"], lambda seen, number=sequence: len(seen["auditTrail"]["providerEvents"]) >= number)
    await iris.receive(sent["id"], "delivered", sequence=11)
    await iris.until_status(sent["id"], "COMPLETED")
    await iris.ended(sent["id"])
    runs = await runs_of(iris.temporal, workflow_id(sent["id"]))
    histories = [
        (await iris.temporal.get_workflow_handle(workflow_id(sent["id"]), run_id=run).fetch_history()).events
        for run in runs
    ]
    sends = [
        event for events in histories for event in events if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert len(sends) == 1
    assert all(len(events) < 60 for events in histories)


async def test_a_long_redelivery_goes_on_at_its_next_page(temporal_server: TemporalServer) -> None:
    asked: list[str | None] = []

    @activity.defn(name="redeliver")
    async def redeliver(page: RedeliverInput) -> RedeliveredPage:
        asked.append(page.cursor)
        number = len(asked)
        return RedeliveredPage(examined=2, started=1, cursor=str(number) if number < 12 else None)

    client = await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)
    queue, now = new_id(), utc_now()
    start = RedeliveryInput(
        redelivery_id=new_id(), tenant="t", integration_id=new_id(), since=now - timedelta(hours=1), until=now
    )
    async with Worker(client, task_queue=queue, workflows=[RedeliveryWorkflow], activities=[redeliver]):
        done = await client.execute_workflow(RedeliveryWorkflow.run, start, id=queue, task_queue=queue)
    assert asked == [None, *map(str, range(1, 12))]
    assert (done.examined, done.started, done.is_done) == (24, 12, True)
    await runs_of(client, queue)
