"""Scenarios of cancelled interactions: in time, too late, and with an unknown outcome."""

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from domain.clock import utc_now
from domain.identifiers import derived_id, new_id, workflow_id
from domain.submission import Submission
from embedded.processes import until
from models.interaction import Interaction
from tests.iris import Iris
from workflows import names
from workflows.interaction import InteractionWorkflow
from workflows.messages import InteractionInput


async def cancelled_before_it_is_sent(iris: Iris) -> str:
    """The interaction is cancelled when its workflow starts, which has no user among its search attributes."""
    author, start = await _start(iris)
    settings, interaction_id = iris.settings, start.interaction_id
    await iris.temporal.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
        InteractionWorkflow.cancel,
        author,
        start_workflow_operation=WithStartWorkflowOperation(
            InteractionWorkflow.run,
            start,
            id=workflow_id(interaction_id),
            task_queue=settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        ),
    )
    await iris.ended(interaction_id)
    assert await _tries(iris, interaction_id) == 0
    return interaction_id


async def withdrawn_before_a_worker_takes_it(iris: Iris) -> str:
    """A signal that is in the history before the first task cancels the interaction."""
    author, start = await _start(iris)
    await iris.temporal.start_workflow(
        InteractionWorkflow.run,
        start,
        id=workflow_id(start.interaction_id),
        task_queue=iris.settings.task_queue,
        start_signal=names.WITHDRAW,
        start_signal_args=[author],
    )
    await iris.ended(start.interaction_id)
    assert await _tries(iris, start.interaction_id) == 0
    return start.interaction_id


async def _start(iris: Iris) -> tuple[str, InteractionInput]:
    """Create an account, and the input of a workflow that sends a message."""
    like = await Interaction.get((await iris.send("sms", "34600000003"))["id"])
    assert like is not None
    interaction_id = new_id()
    submission = Submission(
        interaction_id=interaction_id,
        fingerprint="",
        tenant=like.tenant,
        author_id=like.author_id,
        submitted_at=utc_now(),
        integration=like.integration,
        payload=like.payload,
        destinations=["34600000001"],
        process_id=None,
        new_process_id=derived_id("process", interaction_id),
        auto_create_user=True,
        auto_create_process=True,
    )
    settings = iris.settings
    start = InteractionInput(
        interaction_id=interaction_id,
        submission=submission,
        receipt_window=settings.receipt_window,
        dispatch_timeout=settings.dispatch_timeout,
        dispatch_deadline=settings.dispatch_deadline,
    )
    return like.author_id, start


async def cancelled_between_two_tries(iris: Iris) -> str:
    interaction_id = await _cancelled_after_the_first_try(iris, "34600000005")
    await iris.until_status(interaction_id, "PROVIDER_SENDING_ERROR", "cancelled")
    await iris.ended(interaction_id)
    return interaction_id


async def cancelled_in_the_providers_hands(iris: Iris) -> str:
    interaction_id = await _cancelled_after_the_first_try(iris, "34600000011")
    await iris.until_status(interaction_id, "COMPLETED")
    await iris.ended(interaction_id)
    return interaction_id


async def cancelled_before_it_is_sent_again(iris: Iris) -> str:
    """The send is not answered and not repeated; then a receipt shows that the message was sent."""
    interaction_id = await _cancelled_after_the_first_try(iris, "34600000007")
    await iris.until_status(interaction_id, "COMPLETED")
    await iris.ended(interaction_id)
    assert await _tries(iris, interaction_id) == 1
    return interaction_id


async def _cancelled_after_the_first_try(iris: Iris, destination: str) -> str:
    sent = await iris.send("sms", destination)

    async def is_tried() -> bool:
        return await _tries(iris, sent["id"]) > 0

    await until(is_tried)
    await iris.http.post(f"/v1/interactions/{sent['id']}/cancel")
    return sent["id"]


async def _tries(iris: Iris, interaction_id: str) -> int:
    response = await iris.gateway.get("/v1/ledger", params={"reference": interaction_id})
    return len(response.json()["entries"])
