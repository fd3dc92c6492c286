"""Responses while the connection to the database is cut, or carries garbage."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import pytest
from temporalio.api.enums.v1 import EventType

from bench.faults.tcp_proxy import ProxyMode, TcpProxy
from domain.clock import utc_now
from domain.events import ProviderEvent, ReceivedEvent
from domain.identifiers import new_id, workflow_id
from domain.status import Milestone
from domain.submission import Admission
from embedded.ports import LOOPBACK, free_port
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from temporal.interactions import signal_for
from tests.api.support import mobile
from tests.iris import Iris, running_iris
from workflows.interaction import InteractionWorkflow
from workflows.messages import InteractionInput


@pytest.fixture(scope="module")
async def line_of_all(mongodb_uri: str) -> AsyncIterator[TcpProxy]:
    line = TcpProxy(free_port(), int(mongodb_uri.partition("/?")[0].rpartition(":")[2]), Random(1))
    await line.open()
    yield line
    await line.end()


@pytest.fixture(scope="module")
async def iris(line_of_all: TcpProxy, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    uri = f"mongodb://{LOOPBACK}:{line_of_all.port}/?directConnection=true"
    wait = timedelta(seconds=1)
    async with running_iris(uri, temporal_server.address, f"{database_name}_line", admission_timeout=wait) as running:
        yield running


@pytest.fixture
async def line(line_of_all: TcpProxy) -> AsyncIterator[TcpProxy]:
    """Proxy between the product and its database, reset after each test."""
    yield line_of_all
    await line_of_all.change(ProxyMode.CLEAR)


@pytest.mark.parametrize("mode", [ProxyMode.CUT, ProxyMode.NONSENSE])
async def test_a_database_with_garbage_responses_is_a_503_with_a_retry_time(
    iris: Iris, line: TcpProxy, mode: ProxyMode
) -> None:
    sent = await iris.send("sms", "34600000001")
    await line.change(mode)
    for response in await asyncio.gather(*(iris.http.get(f"/v1/interactions/{sent['id']}") for _ in range(8))):
        assert response.status_code == 503, response.text
        assert int(response.headers["Retry-After"]) > 0
        assert response.json()["error"][0]["code"] == "unavailable"
    await line.change(ProxyMode.CLEAR)
    await iris.until_status(sent["id"], "COMPLETED")


async def test_a_slow_database_delays_admissions_and_loses_none(iris: Iris, line: TcpProxy) -> None:
    await line.change(ProxyMode.SLOW, 0.2)
    requests = [iris.request("sms", mobile()) for _ in range(10)]
    responses = await asyncio.gather(*map(iris.post, requests))
    await line.change(ProxyMode.CLEAR)
    for response in responses:
        if response.status_code == 200:
            await iris.until_status(response.json()["payload"]["id"], "COMPLETED", "delivered")
        else:
            assert response.status_code == 503, response.text
            assert int(response.headers["Retry-After"]) > 0


async def test_a_message_is_admitted_however_slow_the_database_stays(iris: Iris, line: TcpProxy) -> None:
    await iris.send("sms", mobile())  # connections and cached lookups
    await line.change(ProxyMode.SLOW, 0.9)  # round trips of several commands
    answered = (await iris.post(iris.request("sms", mobile()))).json()["payload"]
    assert answered["status"] == "VALIDATION_PENDING"
    workflow = iris.temporal.get_workflow_handle(workflow_id(answered["id"]))
    admission = workflow.get_update_handle("admitted", result_type=Admission)
    admitted = await asyncio.wait_for(admission.result(), 60)
    assert admitted.interaction.status == "DISPATCH_PENDING"


async def test_no_event_is_lost_while_the_end_of_the_receipt_window_is_written(iris: Iris, line: TcpProxy) -> None:
    sent = await iris.send("sms", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    await iris.temporal.get_workflow_handle(workflow_id(sent["id"])).terminate()
    await line.change(ProxyMode.SLOW, 0.6)
    # So short that a step on a slow database outlasts a task, and a signal reaches the run in the middle of a step.
    handle = await iris.temporal.start_workflow(
        InteractionWorkflow.run,
        InteractionInput(
            interaction_id=sent["id"],
            receipt_window=timedelta(seconds=1),
            dispatch_timeout=timedelta(seconds=1),
            dispatch_deadline=timedelta(seconds=1),
        ),
        id=workflow_id(sent["id"]),
        task_queue=iris.settings.task_queue,
        task_timeout=timedelta(seconds=1),
    )

    async def has_read_its_record() -> bool:
        history = await handle.fetch_history()
        return any(event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED for event in history.events)

    await asyncio.wait_for(until(has_read_its_record), 60)
    event = ProviderEvent(key="delivered", provider_status="delivered", milestone=Milestone.DELIVERED)
    events = [ReceivedEvent(id=new_id(), received_at=utc_now(), event=event)]
    await handle.signal(signal_for(events), events)
    state = await asyncio.wait_for(handle.result(), 60)
    assert state.custom_status == "delivered"
