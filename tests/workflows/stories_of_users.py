"""What happens to users, and to their interactions when they are erased."""

from typing import Any

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from activities.interfaces import USER_ERASED, Erasing, UserTask
from domain.destinations import DestinationKind
from domain.identifiers import new_id, workflow_id
from embedded.processes import until
from models.user import OwnedDestination, User
from tests.iris import Iris
from workflows import names
from workflows.erasure import ErasureWorkflow
from workflows.interaction import InteractionWorkflow
from workflows.merge import MergeWorkflow

_OTHERS_STAY = Erasing()


async def tell_erased(iris: Iris, interaction_id: str, erasing: Erasing = _OTHERS_STAY) -> None:
    handle = iris.temporal.get_workflow_handle_for(InteractionWorkflow.run, workflow_id(interaction_id))
    await handle.signal(USER_ERASED, erasing)


async def erased_while_it_waited(iris: Iris) -> str:
    sent = await iris.send("sms", "34600000010")
    await iris.until_status(sent["id"], "SENT")
    await tell_erased(iris, sent["id"])
    await iris.ended(sent["id"])
    return sent["id"]


async def erased_between_two_tries(iris: Iris) -> str:
    sent = await iris.send("sms", "34600000005")

    async def is_tried() -> bool:
        response = await iris.gateway.get("/v1/ledger", params={"reference": sent["id"]})
        return bool(response.json()["entries"])

    await until(is_tried)
    await tell_erased(iris, sent["id"], Erasing(is_cancelled=True))
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


async def erased(iris: Iris) -> str:
    return await _erase(iris, (await user(iris)).id)


async def erasure_refused(iris: Iris) -> str:
    return await _erase(iris, new_id())


async def _merge(iris: Iris, user_id: str, into: str) -> str:
    task = UserTask(tenant=iris.demo.tenant, user_id=user_id, into=into, settling=iris.settings.settling)
    return await _done(iris, MergeWorkflow.run, names.MERGE, task)


async def _erase(iris: Iris, user_id: str) -> str:
    task = UserTask(tenant=iris.demo.tenant, user_id=user_id, settling=iris.settings.settling)
    return await _done(iris, ErasureWorkflow.run, names.ERASE, task)


async def _done(iris: Iris, workflow: Any, claimed: str, task: UserTask) -> str:  # noqa: ANN401 - of either workflow
    """A user's workflow to its end, started and asked as the API does; its id."""
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
