"""Interactions that are submitted but not yet registered by a worker, so that only their workflow has them.

They are read from the first events of the workflow's history, which, unlike a query or an update, needs no worker.
"""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.cancelling import cancelled_by
from domain.deadlines import CANCELLED
from domain.errors import UnavailableError
from domain.identifiers import run_id_of, strategy_workflow_id, workflow_id
from domain.interaction import HistoryEntry
from domain.status import InteractionState, Status
from domain.submission import Submission
from models.interaction import Interaction
from security.payload_codec import UndecryptableError
from workflows import names
from workflows.interaction import InteractionWorkflow
from workflows.messages import InteractionInput, StrategyInput

_TIMEOUT: Final = timedelta(seconds=2)

_FIRST_EVENTS: Final = 50
"""Events that are read of a history; before a worker takes it there are few, including cancellation signals."""


async def find_interaction(client: Client, interaction_id: str, tenant: str) -> Interaction | None:
    """The tenant's interaction as recorded, or as submitted if no worker has registered it yet.

    Raises:
        RPCError: if there is no record and Temporal does not answer.
        UnavailableError: if there is no record and the history cannot be decrypted.
    """
    document = await Interaction.find_one({"_id": interaction_id})
    if document is None:
        document = await _find_submitted(client, interaction_id)
    return await document.as_shown() if document is not None and document.tenant == tenant else None


async def withdraw(client: Client, interaction_id: str, account_id: str) -> None:
    """Cancel an interaction durably: a worker that takes it later does not send it.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    handle = client.get_workflow_handle_for(InteractionWorkflow.run, workflow_id(interaction_id))
    try:
        await handle.signal(InteractionWorkflow.withdraw, account_id, rpc_timeout=_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        # Its workflow has just ended; the record has the result.


async def _find_submitted(client: Client, interaction_id: str) -> Interaction | None:
    try:
        events = await _first_events(client, workflow_id(interaction_id))
        submission = await _submission(client, events) if events else await _first_of_run(client, interaction_id)
        if submission is None:
            return None
        interaction = submission.registered()
        cancellation = await _cancellation(client, events)
    except UndecryptableError as error:
        raise UnavailableError("Temporal") from error
    if cancellation is not None:
        account_id, event = cancellation
        at = max(event.event_time.ToDatetime(UTC), submission.submitted_at)
        state = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status=CANCELLED)
        entry = HistoryEntry(
            date=at,
            status=state.status,
            custom_status=state.custom_status,
            notes=cancelled_by(account_id),
        )
        interaction = interaction.state_at(state, [*interaction.audit_trail.history, entry])
    document = Interaction.registered(interaction, submission.fingerprint, registered_by="")
    document.custom_status = interaction.custom_status
    return document


async def _first_events(client: Client, workflow: str) -> Sequence[HistoryEvent]:
    request = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow),
        maximum_page_size=_FIRST_EVENTS,
    )
    try:
        answer = await client.workflow_service.get_workflow_execution_history(request, timeout=_TIMEOUT)
    except RPCError as error:
        if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            return []
        raise
    return answer.history.events


async def _submission(client: Client, events: Sequence[HistoryEvent]) -> Submission | None:
    started = events[0].workflow_execution_started_event_attributes if events else None
    if started is None or started.workflow_type.name != names.INTERACTION:
        # An inbound message exists once it is recorded with its user and process.
        return None
    (start,) = await client.data_converter.decode(started.input.payloads, [InteractionInput])
    return start.submission


async def _first_of_run(client: Client, interaction_id: str) -> Submission | None:
    """The first message of a strategy whose run no worker has taken yet."""
    events = await _first_events(client, strategy_workflow_id(run_id_of(interaction_id)))
    started = events[0].workflow_execution_started_event_attributes if events else None
    if started is None or started.workflow_type.name != names.STRATEGY:
        return None
    (start,) = await client.data_converter.decode(started.input.payloads, [StrategyInput])
    run = start.run
    if run is None or run.steps[0].interaction_id != interaction_id or run.steps[0].submission is None:
        return None
    return run.steps[0].submission


async def _cancellation(client: Client, events: Sequence[HistoryEvent]) -> tuple[str, HistoryEvent] | None:
    """The account and time of a cancellation before the first completed workflow task; None if uncertain.

    A signal that arrives during a workflow task enters the history after that task, and every later task sees it: if no
    task completed before the signal, nothing was sent and nothing will be.
    """
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return None
        signal = event.workflow_execution_signaled_event_attributes
        if (
            event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
            and signal.signal_name == names.WITHDRAW
        ):
            (account_id,) = await client.data_converter.decode(signal.input.payloads, [str])
            return account_id, event
    return None
