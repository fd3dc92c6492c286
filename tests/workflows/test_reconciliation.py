"""Discrepancies between MongoDB and Temporal are found, and repaired if the repair is safe."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus

from activities.notification_interfaces import notification_task_queue
from domain.clock import to_milliseconds, to_wire, utc_now
from domain.discrepancies import Discrepancy, Kind
from domain.events import ProviderEvent
from domain.identifiers import new_id, notification_workflow_id, workflow_id
from domain.status import Milestone
from domain.webhook_events import NotificationState
from embedded.processes import until
from embedded.temporal_server import TemporalServer
from models.interaction import Interaction, overdue_selector
from models.notification import Notification
from models.notification import overdue_selector as notifications_overdue
from models.unmatched import UnmatchedEvent, newest_selector
from temporal.reconciliation import reconcile
from tests.iris import Iris, running_iris
from tests.notifications.receiver import Receiver, receiving
from tests.silent_provider import SilentProvider
from tests.workflows.scenarios_of_repair import registered_and_lost
from workflows.messages import NotificationInput, ReconciliationInput, Report

SILENT = "34600000010"
PAUSE_SECONDS = 0.3
"""Pause between two reconciliations, each of which is a workflow with several steps."""


@pytest.fixture(scope="module")
async def iris(mongodb_uri: str, temporal_server: TemporalServer, database_name: str) -> AsyncIterator[Iris]:
    async with running_iris(mongodb_uri, temporal_server.address, f"{database_name}_doctor") as running:
        yield running


async def look(iris: Iris, *, repairs: bool = True) -> Report:
    start = ReconciliationInput(repairs=repairs, grace=timedelta())
    report = await asyncio.wait_for(reconcile(iris.temporal, iris.settings, start, lambda _: None), 60)
    assert report.unchecked == {}
    return report


def about(report: Report, interaction_id: str) -> list[Discrepancy]:
    return [discrepancy for discrepancy in report.counts.discrepancies if discrepancy.interaction_id == interaction_id]


async def terminate(iris: Iris, interaction_id: str) -> None:
    await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).terminate("by a test")


async def delete_history(iris: Iris, interaction_id: str) -> None:
    """Delete a workflow from Temporal, as if it had lost its data."""
    execution = WorkflowExecution(workflow_id=workflow_id(interaction_id))
    request = DeleteWorkflowExecutionRequest(namespace=iris.temporal.namespace, workflow_execution=execution)
    await iris.temporal.workflow_service.delete_workflow_execution(request)


async def change(interaction_id: str, **values: object) -> None:
    """Tamper with a record."""
    await Interaction.collection().update_one({"_id": interaction_id}, {"$set": values})


async def found(iris: Iris, interaction_id: str, kind: Kind, *, repairs: bool = True) -> Discrepancy:
    """Return the discrepancy of an interaction, once Temporal's index is up to date."""
    async with asyncio.timeout(60):
        while True:
            report = await look(iris, repairs=repairs)
            if about(report, interaction_id):
                (discrepancy,) = about(report, interaction_id)
                assert discrepancy.kind is kind
                return discrepancy
            await asyncio.sleep(PAUSE_SECONDS)


def last(seen: dict[str, Any]) -> tuple[str, str | None, str]:
    entry = seen["auditTrail"]["history"][-1]
    return entry["status"], entry["customStatus"], entry["notes"]


async def test_one_lost_while_it_was_sent_ends_as_unknown_and_is_not_sent_again(iris: Iris) -> None:
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(fake_provider.url))
        await fake_provider.until_connections(1)
        await terminate(iris, sent["id"])
        discrepancy = await found(iris, sent["id"], Kind.WORKFLOW_LOST)
        seen = await iris.read(sent["id"])
    assert discrepancy.repair is not None
    assert discrepancy.waited_for is not None
    assert last(seen) == (
        "PROVIDER_SENDING_ERROR",
        "unknown",
        "Proceso interrumpido durante el envío: puede haberse enviado",
    )
    assert fake_provider.connections == 1


async def test_one_lost_before_it_was_validated_ends_as_not_sent_unless_it_is_a_dry_run(iris: Iris) -> None:
    interaction_id = await registered_and_lost(iris)
    only_reported = await found(iris, interaction_id, Kind.WORKFLOW_LOST, repairs=False)
    assert only_reported.repair is None
    assert "--dry-run" in only_reported.sentence()
    assert (await iris.read(interaction_id))["status"] == "VALIDATION_PENDING"

    discrepancy = await found(iris, interaction_id, Kind.WORKFLOW_LOST)
    seen = await iris.read(interaction_id)
    assert discrepancy.repair is not None
    assert seen["status"] == "VALIDATION_ERROR"
    assert "no se ha enviado y puede enviarla de nuevo" in last(seen)[2]
    document = await Interaction.find_one({"_id": interaction_id})
    assert document is not None
    assert [problem.code for problem in document.problems] == ["lost_before_sending"]
    assert await iris.taken_by_gateway(interaction_id) == []


async def test_one_lost_while_it_waited_for_receipts_waits_again_and_is_not_sent_again(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    await terminate(iris, sent["id"])
    discrepancy = await found(iris, sent["id"], Kind.WORKFLOW_LOST)
    assert discrepancy.repair is not None
    assert (await iris.temporal.get_workflow_handle(workflow_id(sent["id"])).describe()).status == 1
    await iris.receive(sent["id"], "delivered")
    await iris.until_status(sent["id"], "COMPLETED")
    (message,) = await iris.taken_by_gateway(sent["id"])
    assert message["requests"] == 1


async def test_one_whose_window_passed_without_a_workflow_is_closed(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    await delete_history(iris, sent["id"])
    long_ago = utc_now() - timedelta(days=4)
    await change(sent["id"], due=long_ago + timedelta(days=3), **{"history.$[].date": long_ago})
    discrepancy = await found(iris, sent["id"], Kind.WORKFLOW_LOST)
    seen = await iris.read(sent["id"])
    assert discrepancy.repair is not None
    assert last(seen) == ("SENT", seen["customStatus"], "Plazo de espera agotado sin confirmación del proveedor")
    assert about(await look(iris), sent["id"]) == []


async def test_a_record_that_differs_from_its_ended_workflow_is_reported_and_left_alone(iris: Iris) -> None:
    sent = await iris.send("sms", "34600000001")
    await iris.ended(sent["id"])
    await change(sent["id"], status="SENT", custom_status="sent")
    discrepancy = await found(iris, sent["id"], Kind.RECORD_DIFFERS)
    assert discrepancy.repair is None
    assert "COMPLETED delivered" in discrepancy.reason
    assert (await iris.read(sent["id"]))["status"] == "SENT"
    await change(sent["id"], status="COMPLETED", custom_status="delivered")


async def test_a_workflow_whose_record_is_gone_is_reported(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    await Interaction.collection().delete_one({"_id": sent["id"]})
    discrepancy = await found(iris, sent["id"], Kind.RECORD_MISSING)
    assert discrepancy.repair is None
    await terminate(iris, sent["id"])


async def test_a_workflow_whose_task_keeps_failing_is_reported_with_the_reason(iris: Iris) -> None:
    name = new_id()
    queue = iris.settings.task_queue
    handle = await iris.temporal.start_workflow(
        "NoSuchWorkflow", id=workflow_id(name), task_queue=queue, task_timeout=timedelta(seconds=1)
    )
    discrepancy = await found(iris, name, Kind.TASK_FAILING)
    await handle.terminate()
    assert "NoSuchWorkflow" in discrepancy.reason
    assert "deploy a worker" in discrepancy.sentence()


async def test_a_notification_workflow_whose_task_keeps_failing_is_reported_too(iris: Iris) -> None:
    workflow, queue = f"notification-{new_id()}-1", notification_task_queue(iris.settings.task_queue)
    handle = await iris.temporal.start_workflow(
        "NoSuchWorkflow", id=workflow, task_queue=queue, task_timeout=timedelta(seconds=1)
    )
    discrepancy = await found(iris, workflow, Kind.TASK_FAILING)
    await handle.terminate()
    assert "NoSuchWorkflow" in discrepancy.reason


async def test_one_that_runs_but_cannot_write_is_reported_with_the_reason(iris: Iris) -> None:
    """Its steps fail while MongoDB refuses them, because of the collection's validator."""
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    database = Interaction.collection().database
    await change(sent["id"], due=utc_now() - timedelta(minutes=1))
    rule = {"_id": {"$ne": sent["id"]}}
    await database.command("collMod", "interactions", validator=rule)
    try:
        await iris.receive(sent["id"], "delivered")
        discrepancy = await found(iris, sent["id"], Kind.OVERDUE)
        async with asyncio.timeout(60):
            while (
                "DocumentFailedValidation" not in discrepancy.reason and "failed validation" not in discrepancy.reason
            ):
                await asyncio.sleep(PAUSE_SECONDS)
                discrepancy = await found(iris, sent["id"], Kind.OVERDUE)
    finally:
        await database.command("collMod", "interactions", validator={})
    assert discrepancy.repair is None
    await iris.until_status(sent["id"], "COMPLETED")


async def parked(iris: Iris, wakes_at: datetime) -> str:
    """Return a message that goes in ten hours and has no workflow; its next one is to start at an instant."""
    sent = await iris.send("sms", SILENT, sendAt=to_wire(utc_now() + timedelta(days=10)))
    await iris.ended(sent["id"])
    goes = to_milliseconds(utc_now() + timedelta(hours=10))
    await change(sent["id"], **{"wakes_at": wakes_at, "due": goes, "hold.until": goes})
    interaction_id: str = sent["id"]
    return interaction_id


async def test_a_parked_message_is_woken_once_and_only_reported_if_that_is_late(iris: Iris) -> None:
    """Its workflow holds it until it may go."""
    now = to_milliseconds(utc_now())
    late, due = await parked(iris, now - timedelta(hours=2)), await parked(iris, now - timedelta(minutes=1))
    reported = await look(iris, repairs=False)
    assert [one.kind for one in about(reported, late)] == [Kind.NOT_WOKEN]
    assert about(reported, due) == []
    assert [await wakes_at(one) for one in (late, due)] == [now - timedelta(hours=2), now - timedelta(minutes=1)]
    repaired = await look(iris)
    assert [one.repair for one in about(repaired, late)] == ["its next workflow started"]
    again = await look(iris)
    assert about(again, late) == about(again, due) == []
    for interaction_id in (late, due):
        woken = await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).describe()
        assert woken.status is WorkflowExecutionStatus.RUNNING
        assert (await iris.read(interaction_id))["customStatus"] == "scheduled"


async def test_a_wake_up_that_is_planned_anew_meanwhile_stays_planned(iris: Iris) -> None:
    now = to_milliseconds(utc_now())
    before, after = now - timedelta(minutes=1), now + timedelta(days=3)
    interaction_id = await parked(iris, after)
    await Interaction.mark_awake(interaction_id, before)
    assert await wakes_at(interaction_id) == after
    await Interaction.mark_awake(interaction_id, after)
    assert await wakes_at(interaction_id) is None


async def wakes_at(interaction_id: str) -> datetime | None:
    interaction = await Interaction.get(interaction_id)
    assert interaction is not None
    return interaction.wakes_at


async def test_an_unmatched_event_whose_message_is_known_now_is_signalled_and_deleted(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    seen = await iris.until_status(sent["id"], "SENT")
    document = await Interaction.find_one({"_id": sent["id"]})
    assert document is not None
    (message_id,) = document.provider_message_ids
    event = ProviderEvent(
        key=new_id(), provider_status="delivered", milestone=Milestone.DELIVERED, provider_message_id=message_id
    )
    integration_id = seen["integration"]["integrationId"]
    unmatched = UnmatchedEvent(
        tenant=seen["tenant"], integration_id=integration_id, reason="no interaction", event=event
    )
    await unmatched.insert()
    stranger = unmatched.model_copy(
        update={"id": new_id(), "event": event.model_copy(update={"provider_message_id": "nobody's"})}
    )
    await stranger.insert()
    discrepancy = await found(iris, sent["id"], Kind.EVENT_MATCHED)
    assert discrepancy.repair is not None
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    left = await UnmatchedEvent.find({"_id": {"$in": [unmatched.id, stranger.id]}}).to_list()
    assert [one.id for one in left] == [stranger.id]


async def test_a_notification_without_a_workflow_is_delivered(iris: Iris) -> None:
    async with receiving() as receiver:
        sent, notification = await terminated_notification(iris, receiver)
        workflow = notification_workflow_id(notification.id, notification.round)
        receiver.status = 200
        past = {"next_attempt": utc_now() - timedelta(minutes=1), "began": utc_now() - timedelta(days=6)}
        await Notification.collection().update_one({"_id": notification.id}, {"$set": past})
        discrepancy = await found(iris, sent["id"], Kind.NOTIFICATION_LOST)
        assert discrepancy.repair is not None
        assert "its workflow was terminated" in discrepancy.reason
        assert timedelta(hours=23) < await timeout_of(iris, workflow) < timedelta(days=1)

        async def is_delivered() -> bool:
            return await Notification.pending(notification.id) is None

        await asyncio.wait_for(until(is_delivered), 60)
    assert about(await look(iris), sent["id"]) == []


async def test_a_notification_whose_time_was_over_meanwhile_is_tried_once_more_and_given_up(iris: Iris) -> None:
    async with receiving() as receiver:
        sent, notification = await terminated_notification(iris, receiver)
        long_ago = utc_now() - timedelta(days=8)
        past = {"$set": {"next_attempt": long_ago, "began": long_ago}}
        await Notification.collection().update_one({"_id": notification.id}, past)
        await found(iris, sent["id"], Kind.NOTIFICATION_LOST)

        async def is_given_up() -> bool:
            now = await Notification.get(notification.id)
            return now is not None and now.state is NotificationState.GIVEN_UP and len(now.attempts) <= 3

        await asyncio.wait_for(until(is_given_up), 60)


async def terminated_notification(iris: Iris, receiver: Receiver) -> tuple[dict[str, Any], Notification]:
    """Send a message whose notification is refused once, and terminate the notification's workflow."""
    integration_id = await iris.sandbox(iris.gateway_url)
    receiver.status = 503
    body = {"Url": receiver.url, "Subscriptions": ["INTERACTION_OUT_CREATED_EVT"]}
    await iris.http.put(f"/v1/integrations/{integration_id}/webhook", json=body)
    sent = await iris.send("sms", SILENT, integrationId=integration_id)
    await receiver.calls_of(1)
    (notification,) = await Notification.find({"interaction_id": sent["id"]}).to_list()
    workflow = notification_workflow_id(notification.id, notification.round)
    await iris.temporal.get_workflow_handle(workflow).terminate("by a test")
    return sent, notification


async def timeout_of(iris: Iris, workflow: str) -> timedelta:
    """Return the delivery time that the latest run of a notification's workflow was given."""
    async for event in iris.temporal.get_workflow_handle(workflow).fetch_history_events():
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        (start,) = await iris.temporal.data_converter.decode(payloads, [NotificationInput])
        return start.timeout
    raise AssertionError("it has no history")


async def test_nothing_is_found_while_all_goes_well_also_in_the_middle_of_sends(iris: Iris) -> None:
    endings = ("34600000001", "34600000002", "34600000003", "34600000004", "34600000008", SILENT)
    sending = asyncio.gather(*(iris.send("sms", endings[number % len(endings)]) for number in range(12)))
    reports = [await look(iris)]
    sent = {interaction["id"] for interaction in await sending}
    reports.append(await look(iris))
    false_alarms = [one for report in reports for one in report.counts.discrepancies if one.interaction_id in sent]
    assert false_alarms == []


@pytest.mark.usefixtures("iris")
@pytest.mark.parametrize("after", [None, (utc_now(), new_id())])
async def test_overdue_interactions_are_found_by_an_index_alone(after: tuple[datetime, str] | None) -> None:
    cursor = Interaction.collection().find(overdue_selector(utc_now(), after)).sort([("due", 1), ("_id", 1)]).limit(100)
    stages = _stages((await cursor.explain())["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages
    assert not {"COLLSCAN", "SORT"} & stages


@pytest.mark.usefixtures("iris")
@pytest.mark.parametrize("after", [None, (utc_now(), new_id())])
async def test_overdue_notifications_are_found_by_an_index_alone(after: tuple[datetime, str] | None) -> None:
    selector, order = notifications_overdue(utc_now(), after), [("next_attempt", 1), ("_id", 1)]
    cursor = Notification.collection().find(selector).sort(order).limit(100)
    stages = _stages((await cursor.explain())["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages
    assert not {"COLLSCAN", "SORT"} & stages


@pytest.mark.usefixtures("iris")
async def test_unmatched_events_are_found_by_an_index_alone() -> None:
    cursor = UnmatchedEvent.collection().find(newest_selector(utc_now())).sort("received_at", -1).limit(100)
    stages = _stages((await cursor.explain())["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages
    assert not {"COLLSCAN", "SORT"} & stages


def _stages(plan: dict[str, Any]) -> set[str]:
    """Return the stages of a MongoDB query plan."""
    inputs: list[dict[str, Any]] = plan.get("inputStages") or [plan[name] for name in ("inputStage",) if name in plan]
    return {plan["stage"]}.union(*map(_stages, inputs))
