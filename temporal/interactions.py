"""Starts and signals interactions' workflows: submissions, provider events, cancellations and inbound messages."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.interfaces import USER_ERASED, EraseSignal, Identification
from domain.errors import UnavailableError
from domain.events import Identity, ReceivedEvent
from domain.gate.category import Category
from domain.gate.schedule import Schedule
from domain.identifiers import derived_id, fairness_key, workflow_id
from domain.inbound import ReceivedMessage
from domain.status import InteractionState
from domain.submission import Admission, Submission
from models.interaction import Interaction
from queries.correlation import InteractionRef
from security.payload_codec import UndecryptableError
from settings import Settings
from temporal.search_attributes import attributes_of_interaction
from temporal.summaries import line_of, summary_of_inbound, summary_of_outbound
from workflows import attributes, names
from workflows.inbound import IdentificationWorkflow, InboundMessageWorkflow
from workflows.interaction import InteractionWorkflow
from workflows.messages import InteractionInput, Reschedule, Rescheduled
from workflows.provider_events import RESUME, SIGNALS

_ADMITTED: Final = "admitted"
"""Constant id of the update: a repeated submission is the same update, with the same answer."""

R = TypeVar("R")

PRIORITIES: Final[Mapping[Category, int]] = {
    Category.AUTHENTICATION: 1,
    Category.TRANSACTIONAL: 3,
    Category.MARKETING: 4,
}
"""Priority of the tasks of a message, 1 before 5; 5 is for the sends of bulks. Its activities inherit it
(https://docs.temporal.io/develop/task-queue-priority-fairness)."""

_LOG = logging.getLogger("iris.engine")

_FINGERPRINT: Final = "fingerprint"

_TIMEOUT: Final = timedelta(seconds=2)
"""Timeout of Temporal's answer on whether a workflow exists."""


async def submit(client: Client, settings: Settings, submission: Submission, user_ids: Sequence[str] = ()) -> Admission:
    """Start the interaction's workflow and wait for its answer; repeated calls get the first one's.

    When the workflow is started, but its answer takes longer than `Settings.admission_timeout` or is encrypted with a
    key that this process lacks, the interaction is answered as registered: a worker validates and sends it when it can.

    Args:
        client: the Temporal client.
        settings: settings of this process.
        submission: the submission.
        user_ids: expected recipients, for search; the workflow corrects them if they differ.

    Raises:
        UnavailableError: if Temporal does not answer; then the same `Idempotency-Key` may be sent again.
    """
    start = _start_operation(client, settings, submission, user_ids)
    answer: Awaitable[Admission] = client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
        names.SUBMIT, start_workflow_operation=start, id=_ADMITTED, result_type=Admission
    )
    try:
        return await asyncio.wait_for(answer, settings.admission_timeout.total_seconds())
    except WorkflowAlreadyStartedError:
        return await _recorded(submission)
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError, RPCError):
        return await _started(client, submission)
    except UndecryptableError as error:
        _LOG.error("the worker's answer to interaction %s: %s", submission.interaction_id, error)
        return await _started(client, submission)
    except WorkflowUpdateFailedError as error:
        raise UnavailableError("Iris") from error
    finally:
        await forget(start)


def signal_for(events: Sequence[ReceivedEvent]) -> str:
    """Return the name of the signal that carries these events, which is that of their highest milestone."""
    return SIGNALS[max(received.event.milestone for received in events)] if events else RESUME


async def signal_events(
    client: Client, settings: Settings, interaction: InteractionRef, events: Sequence[ReceivedEvent]
) -> None:
    """Signal provider events to an interaction; if its workflow has ended, a new run resumes from the record.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    running = client.get_workflow_handle_for(InteractionWorkflow.run, workflow_id(interaction.id))
    try:
        # Most are running, and a plain signal costs the server less than one that may start a run.
        await running.signal(signal_for(events), list(events), rpc_timeout=_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await _signal_with_start(client, settings, interaction, events)


async def _signal_with_start(
    client: Client, settings: Settings, interaction: InteractionRef, events: Sequence[ReceivedEvent]
) -> None:
    await _start_with_signal(client, settings, interaction, signal_for(events), list(events))


async def ask_gate_again(client: Client, interaction_id: str) -> None:
    """Let the gate decide again about a held interaction, if its workflow is running.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    try:
        await client.get_workflow_handle(workflow_id(interaction_id)).signal(names.ASK_AGAIN, rpc_timeout=_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def signal_erased(client: Client, settings: Settings, interaction: InteractionRef, erasing: EraseSignal) -> None:
    """Signal to an interaction that one of its users is erased; if it is parked, a new run starts.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    await _start_with_signal(client, settings, interaction, USER_ERASED, erasing)


async def supersede(client: Client, settings: Settings, interaction: InteractionRef) -> None:
    """Cancel an interaction that its strategy needs no more, unless it is sent; if it is parked, a new run starts.

    Raises:
        RPCError: if Temporal does not accept the signal.
    """
    await _start_with_signal(client, settings, interaction, names.SUPERSEDE)


async def _start_with_signal(
    client: Client, settings: Settings, interaction: InteractionRef, signal: str, *arguments: object
) -> None:
    await client.start_workflow(
        InteractionWorkflow.run,
        _input(interaction.id, settings),
        id=workflow_id(interaction.id),
        task_queue=settings.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=signal,
        start_signal_args=arguments,
        search_attributes=_attributes_of(interaction),
        static_summary=line_of(interaction.integration),
        rpc_timeout=_TIMEOUT,
    )


async def cancel(client: Client, settings: Settings, interaction: Interaction, account_id: str) -> None:
    """Cancel an interaction, and wait until it is cancelled or too late to cancel; its record shows which.

    The wait for an attempt that is under way is at most `Settings.admission_timeout`.

    Raises:
        UnavailableError: if its workflow does not answer; it is not known then whether it is cancelled.
    """
    accepted = await _update(client, settings, interaction, names.CANCEL, account_id, InteractionState)
    if accepted is not None:
        with suppress(WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
            await asyncio.wait_for(accepted.result(), settings.admission_timeout.total_seconds())


async def reschedule(
    client: Client, settings: Settings, interaction: Interaction, schedule: Schedule, account_id: str
) -> Rescheduled:
    """Change when a held interaction goes.

    Raises:
        UnavailableError: if its workflow does not answer; it is not known then whether the change took effect.
    """
    change = Reschedule(schedule=schedule, account_id=account_id)
    accepted = await _update(client, settings, interaction, names.RESCHEDULE, change, Rescheduled)
    if accepted is None:
        return Rescheduled(is_applied=False)
    try:
        return await asyncio.wait_for(accepted.result(), settings.admission_timeout.total_seconds())
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
        raise UnavailableError("Iris") from error


async def _update(  # noqa: PLR0913, PLR0917 - one parameter for each part of an update
    client: Client, settings: Settings, interaction: Interaction, name: str, argument: object, result: type[R]
) -> WorkflowUpdateHandle[R] | None:
    """Start an update of an interaction's workflow, which starts too if it is parked; None if the workflow has ended.

    Raises:
        UnavailableError: if no worker accepts the update in time.
    """
    accepted = WorkflowUpdateStage.ACCEPTED
    start = None
    try:
        async with asyncio.timeout(settings.admission_timeout.total_seconds()):
            if interaction.wakes_at is None:
                workflow = client.get_workflow_handle(workflow_id(interaction.id))
                return await workflow.start_update(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
                    name, argument, wait_for_stage=accepted, result_type=result
                )
            start = _resumption(settings, InteractionRef.of(interaction))
            return await client.start_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType] - the SDK's own generics
                name, argument, start_workflow_operation=start, wait_for_stage=accepted, result_type=result
            )
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as error:
        raise UnavailableError("Iris") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None  # it has ended, as its record shows
        raise
    finally:
        if start is not None:
            await forget(start)


def _resumption(settings: Settings, interaction: InteractionRef) -> WithStartWorkflowOperation[Any, Any]:
    return WithStartWorkflowOperation(
        InteractionWorkflow.run,
        _input(interaction.id, settings),
        id=workflow_id(interaction.id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=_attributes_of(interaction),
        static_summary=line_of(interaction.integration),
    )


def _attributes_of(interaction: InteractionRef) -> TypedSearchAttributes:
    return attributes_of_interaction(
        interaction.tenant, interaction.integration, interaction.process_id or "", interaction.user_ids
    )


async def receive(client: Client, settings: Settings, inbound: ReceivedMessage, user_ids: Sequence[str] = ()) -> None:
    """Start the workflow that records an inbound message; a repeated message has the same workflow.

    Raises:
        RPCError: if Temporal does not accept the start.
    """
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            InboundMessageWorkflow.run,
            inbound,
            id=workflow_id(inbound.interaction_id),
            task_queue=settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=attributes_of_interaction(inbound.tenant, inbound.integration, "", user_ids),
            static_summary=summary_of_inbound(client, inbound),
            rpc_timeout=_TIMEOUT,
        )


async def confirm_opt_out(client: Client, settings: Settings, submission: Submission) -> None:
    """Start the interaction that confirms an opt-out, without waiting for its admission; repeated, it is one.

    Raises:
        RPCError: if Temporal does not accept the start.
    """
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            InteractionWorkflow.run,
            _input(submission.interaction_id, settings, submission),
            id=workflow_id(submission.interaction_id),
            task_queue=settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            priority=_priority(submission),
            search_attributes=attributes_of_interaction(
                submission.tenant, submission.integration, submission.process_id or "", [submission.author_id]
            ),
            static_summary=summary_of_outbound(client, submission),
            rpc_timeout=_TIMEOUT,
        )


async def identify(client: Client, settings: Settings, tenant: str, identities: Sequence[Identity]) -> None:
    """Start the workflow that gives all identities of a person to one user.

    Raises:
        RPCError: if Temporal does not accept the start.
    """
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            IdentificationWorkflow.run,
            Identification(tenant=tenant, identities=list(identities)),
            id=identification_workflow_id(tenant, identities),
            task_queue=settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=TypedSearchAttributes([SearchAttributePair(attributes.TENANT, tenant)]),
            rpc_timeout=_TIMEOUT,
        )


def identification_workflow_id(tenant: str, identities: Sequence[Identity]) -> str:
    """Return the id of the workflow that records identities."""
    return f"identification-{derived_id(tenant, *sorted(f'{one.kind} {one.value}' for one in identities))}"


def _start_operation(
    client: Client, settings: Settings, submission: Submission, user_ids: Sequence[str]
) -> WithStartWorkflowOperation[InteractionWorkflow, object]:
    integration = submission.integration
    process_id = submission.process_id or submission.new_process_id
    return WithStartWorkflowOperation(
        InteractionWorkflow.run,
        _input(submission.interaction_id, settings, submission),
        id=workflow_id(submission.interaction_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        memo={_FINGERPRINT: submission.fingerprint},
        priority=_priority(submission),
        search_attributes=attributes_of_interaction(
            submission.tenant, integration, process_id, user_ids, submission.strategy
        ),
        static_summary=summary_of_outbound(client, submission),
        static_details=f"interaction {submission.interaction_id}, process {process_id}, author {submission.author_id}",
    )


def _priority(submission: Submission) -> Priority:
    return Priority(priority_key=PRIORITIES[submission.category], fairness_key=fairness_key(submission.tenant))


def _input(interaction_id: str, settings: Settings, submission: Submission | None = None) -> InteractionInput:
    return InteractionInput(
        interaction_id=interaction_id,
        submission=submission,
        receipt_window=settings.receipt_window,
        dispatch_timeout=settings.dispatch_timeout,
        dispatch_deadline=settings.dispatch_deadline,
    )


async def _recorded(submission: Submission) -> Admission:
    """Return the answer from the record, if the workflow has ended and a later receipt has started another run."""
    document = await Interaction.find_one({"_id": submission.interaction_id, "tenant": submission.tenant})
    if document is None:
        raise UnavailableError("Iris")
    shown = await document.as_shown()
    return Admission(interaction=await shown.view(), fingerprint=document.fingerprint, problems=document.problems)


async def _started(client: Client, submission: Submission) -> Admission:
    """Return the interaction as registered, if its workflow was started although it did not answer in time."""
    handle = client.get_workflow_handle(workflow_id(submission.interaction_id))
    try:
        description = await asyncio.wait_for(handle.describe(), _TIMEOUT.total_seconds())
        fingerprint = await description.memo_value(_FINGERPRINT, None, type_hint=str)
    except (RPCError, TimeoutError, UndecryptableError) as error:
        raise UnavailableError("Temporal") from error
    if fingerprint is None:
        # A run that a receipt began: the submission was registered long before.
        return await _recorded(submission)
    return Admission(interaction=submission.registered(), fingerprint=fingerprint)


async def forget(start: WithStartWorkflowOperation[Any, Any]) -> None:
    """Retrieve the result of a start, so that asyncio does not warn of an exception that was never retrieved."""
    reading = asyncio.ensure_future(start.workflow_handle())
    done, _ = await asyncio.wait({reading}, timeout=0.001)
    if done and not reading.cancelled():
        reading.exception()
    reading.cancel()
