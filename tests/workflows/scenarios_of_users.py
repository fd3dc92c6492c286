"""Scenarios of merged and erased users, and of their interactions."""

from typing import Any

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from activities.interfaces import USER_ERASED, EraseSignal, UserTask
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.events import Identity, InboundMessage
from domain.identifiers import new_id, workflow_id
from domain.inbound import ReceivedMessage
from embedded.processes import until
from integrations.references import to_reference
from models.integration import Integration
from models.user import OwnedDestination, User
from temporal.interactions import identification_workflow_id, identify, receive
from tests.iris import Iris
from workflows import names
from workflows.erasure import ErasureWorkflow
from workflows.interaction import InteractionWorkflow
from workflows.merge import MergeWorkflow

_OTHERS_STAY = EraseSignal()


async def signal_erased(iris: Iris, interaction_id: str, erasing: EraseSignal = _OTHERS_STAY) -> None:
    handle = iris.temporal.get_workflow_handle_for(InteractionWorkflow.run, workflow_id(interaction_id))
    await handle.signal(USER_ERASED, erasing)


async def erased_while_it_waited(iris: Iris) -> str:
    sent = await iris.send("sms", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    await signal_erased(iris, sent["id"])
    await iris.ended(sent["id"])
    return sent["id"]


async def erased_between_two_tries(iris: Iris) -> str:
    sent = await iris.send("sms", "34600000005")

    async def is_tried() -> bool:
        response = await iris.gateway.get("/v1/ledger", params={"reference": sent["id"]})
        return bool(response.json()["entries"])

    await until(is_tried)
    await signal_erased(iris, sent["id"], EraseSignal(is_cancelled=True))
    await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "cancelled")
    await iris.ended(sent["id"])
    return sent["id"]


async def user(iris: Iris) -> User:
    address = OwnedDestination(kind=DestinationKind.EMAIL, value=f"{new_id()}@dominio.com")
    made = User(tenant=iris.demo.tenant, name="Ana", destinations=[address])
    await made.insert()
    return made


async def merged(iris: Iris) -> str:
    return await _merge(iris, (await user(iris)).id, (await user(iris)).id)


async def merge_refused(iris: Iris) -> str:
    return await _merge(iris, new_id(), (await user(iris)).id)


async def two_who_are_one(iris: Iris) -> list[Identity]:
    """Create two users who are one person, with a number and an id."""
    identities = [
        Identity(kind=DestinationKind.PHONE_NUMBER, value=f"346{int(new_id()[-7:], 16):09}"),
        Identity(kind=DestinationKind.BUSINESS_SCOPED_ID, value=f"ES.{new_id()}"),
    ]
    for one in identities:
        owned = OwnedDestination(kind=one.kind, value=one.value)
        await User(tenant=iris.demo.tenant, name=one.value, destinations=[owned]).insert()
    return identities


async def inbound_of_two_who_are_one(iris: Iris) -> str:
    number, other = await two_who_are_one(iris)
    integration = await Integration.get(iris.demo.integrations["whatsapp"])
    assert integration is not None
    message = InboundMessage(
        provider_message_id=new_id(),
        sender=number.value,
        sender_kind=number.kind,
        aliases=(other,),
        payload={"Type": "simple-text", "Text": "hola"},
    )
    inbound = ReceivedMessage(
        interaction_id=new_id(),
        tenant=iris.demo.tenant,
        integration=to_reference(integration),
        message=message,
        received_at=utc_now(),
    )
    await receive(iris.temporal, iris.settings, inbound)
    await iris.ended(inbound.interaction_id)
    return inbound.interaction_id


async def identified(iris: Iris) -> str:
    identities = await two_who_are_one(iris)
    await identify(iris.temporal, iris.settings, iris.demo.tenant, identities)
    workflow = identification_workflow_id(iris.demo.tenant, identities)
    await iris.temporal.get_workflow_handle(workflow).result()
    return workflow


async def erased(iris: Iris) -> str:
    return await erase_user(iris, (await user(iris)).id)


async def erasure_refused(iris: Iris) -> str:
    return await erase_user(iris, new_id())


async def _merge(iris: Iris, user_id: str, into: str) -> str:
    task = UserTask(
        tenant=iris.demo.tenant, user_id=user_id, into=into, erasure_grace_period=iris.settings.erasure_grace_period
    )
    return await _done(iris, MergeWorkflow.run, names.MERGE, task)


async def erase_user(iris: Iris, user_id: str) -> str:
    task = UserTask(tenant=iris.demo.tenant, user_id=user_id, erasure_grace_period=iris.settings.erasure_grace_period)
    return await _done(iris, ErasureWorkflow.run, names.ERASE, task)


async def _done(iris: Iris, workflow: Any, claimed: str, task: UserTask) -> str:  # noqa: ANN401 - of either workflow
    """Run a user's workflow to its end, started and updated as the API does, and return its id."""
    run = new_id()
    start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        workflow,
        task,
        id=workflow_id(run),
        task_queue=iris.settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    await iris.temporal.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
        claimed, start_workflow_operation=start
    )
    await (await start.workflow_handle()).result()
    return run
