"""Scenarios of runs that resume from the record, of late events, and of the reconciliation that finds both."""

import asyncio
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError

from domain.clock import utc_now
from domain.events import ProviderEvent, ReceivedEvent
from domain.identifiers import new_id, workflow_id
from domain.status import Milestone, Status
from embedded.processes import until
from models.interaction import Interaction
from tests.iris import Iris
from tests.silent_provider import SilentProvider
from workflows.interaction import InteractionWorkflow
from workflows.messages import InteractionInput, ReconciliationInput
from workflows.reconciliation import ReconciliationWorkflow


async def lost_before_it_was_validated(iris: Iris) -> str:
    interaction_id = await registered_and_lost(iris)
    await iris.signal_events(interaction_id)
    await iris.ended(interaction_id)
    return interaction_id


async def registered_and_lost(iris: Iris) -> str:
    """Create an interaction that is registered and overdue, and whose workflow Temporal does not know."""
    like = await Interaction.get((await iris.send("sms", "34600000003"))["id"])
    assert like is not None
    lost = Interaction(
        **like.model_dump(include={"tenant", "fingerprint", "summary", "author_id", "updater_id", "direction"}),
        registered_by=new_id(),
        sequence=1,
        created=like.created,
        updated=like.created,
        history=like.history[:1],
        integration=like.integration,
        metadata={},
        payload=like.payload,
        primary_key={},
        destinations=like.destinations,
        status=Status.VALIDATION_PENDING,
        due=utc_now() - timedelta(minutes=1),
    )
    await lost.insert()
    return lost.id


async def lost_while_it_was_sent(iris: Iris) -> str:
    """A new run resumes from the record, and receives an event that shows that the message was sent."""
    fake_provider = SilentProvider()
    async with fake_provider.serving():
        sent = await iris.send("sms", "34600000001", integrationId=await iris.twilio(fake_provider.url))
        await fake_provider.until_connections(1)
        await _lose(iris, sent["id"])
        await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "unknown")
    event = ProviderEvent(key="delivered", provider_status="delivered", milestone=Milestone.DELIVERED)
    await iris.signal_events(sent["id"], ReceivedEvent(id=new_id(), received_at=utc_now(), event=event))
    await iris.ended(sent["id"])
    return sent["id"]


async def lost_while_it_waited(iris: Iris) -> str:
    sent = await iris.send("sms", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    await _lose(iris, sent["id"])
    await iris.receive(sent["id"], "delivered")
    await iris.ended(sent["id"])
    return sent["id"]


async def sent_after_the_window(iris: Iris) -> str:
    """The provider reports a message as sent that it had refused, after the receipt window."""
    sent = await iris.send("sms", "34600000003")
    await iris.ended(sent["id"])
    await asyncio.sleep(iris.settings.receipt_window.total_seconds())
    await iris.receive(sent["id"], "sent")
    await iris.until_status(sent["id"], "SENT")
    await iris.ended(sent["id"])
    return sent["id"]


async def unknown_status_after_the_window(iris: Iris) -> str:
    sent = await iris.send("sms", "34600000010")
    await iris.ended(sent["id"])
    await iris.receive(sent["id"], "teleported")
    await iris.until(sent["id"], lambda seen: len(seen["auditTrail"]["providerEvents"]) == 1)
    await iris.ended(sent["id"])
    return sent["id"]


async def registered_by_another_run(iris: Iris) -> str:
    """Temporal lost the first run, and the same call is repeated: the second run sends nothing."""
    key = {"Idempotency-Key": new_id()}
    body = iris.request("sms", "34600000001")
    first = await iris.post(body, **key)
    interaction_id = first.json()["payload"]["id"]
    await iris.ended(interaction_id)
    execution = WorkflowExecution(workflow_id=workflow_id(interaction_id))
    await iris.temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=iris.temporal.namespace, workflow_execution=execution)
    )

    async def is_deleted() -> bool:
        try:
            await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).describe()
        except RPCError:
            return True
        return False

    await until(is_deleted)
    second = await iris.post(body, **key)
    assert second.json()["payload"]["id"] == interaction_id
    await iris.ended(interaction_id)
    assert len(await iris.taken_by_gateway(interaction_id)) == 1
    return interaction_id


async def nothing_on_record(iris: Iris) -> str:
    """A run is started to resume from the record of an interaction that was never registered."""
    interaction_id = new_id()
    settings = iris.settings
    nothing = InteractionInput(
        interaction_id=interaction_id,
        receipt_window=settings.receipt_window,
        dispatch_timeout=settings.dispatch_timeout,
        dispatch_deadline=settings.dispatch_deadline,
    )
    handle = await iris.temporal.start_workflow(
        InteractionWorkflow.run, nothing, id=workflow_id(interaction_id), task_queue=settings.task_queue
    )
    try:
        await handle.result()
    except WorkflowFailureError:
        return interaction_id
    raise AssertionError("it found a record")


async def looked_for(iris: Iris) -> str:
    """A reconciliation makes every comparison, page by page, up to the requested number."""
    for _ in range(3):
        sent = await iris.send("sms", "34600000003")
        await iris.ended(sent["id"])
    return await _compared(iris, ReconciliationInput(repairs=False, page_size=1, max_items=2))


async def could_not_be_looked_for(iris: Iris) -> str:
    """A grace period longer than history cannot be queried."""
    return await _compared(iris, ReconciliationInput(repairs=False, grace=timedelta(days=999_999)))


async def _compared(iris: Iris, start: ReconciliationInput) -> str:
    run = new_id()
    await iris.temporal.execute_workflow(
        ReconciliationWorkflow.run, start, id=workflow_id(run), task_queue=iris.settings.task_queue
    )
    return run


async def _lose(iris: Iris, interaction_id: str) -> None:
    await iris.temporal.get_workflow_handle(workflow_id(interaction_id)).terminate("it is lost")
    await iris.signal_events(interaction_id)
