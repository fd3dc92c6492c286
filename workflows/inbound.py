"""Workflows that record inbound messages, and the identities that providers report for end users."""

from collections.abc import Sequence
from contextlib import suppress

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import Identification, InboundActivities, UserTask
    from domain.identifiers import merge_workflow_id
    from domain.inbound import ReceivedMessage
    from domain.status import InteractionState, Status
    from workflows import attributes
    from workflows.activity_options import db_activity_options
    from workflows.merge import MergeWorkflow


@workflow.defn(name="InboundMessage")
class InboundMessageWorkflow:
    """Recording of one inbound message."""

    @workflow.run
    async def run(self, inbound: ReceivedMessage) -> InteractionState:
        """Record the message, and start merging the users that it shows to be one person."""
        received = await workflow.execute_local_activity_method(
            InboundActivities.receive,
            inbound,
            **db_activity_options("record it, find or create its user and process"),
        )
        attributes.show_users([received.user_id] if received.user_id else [])
        await _merge(received.merges)
        return InteractionState(status=Status.RECEIVED)


@workflow.defn(name="Identification")
class IdentificationWorkflow:
    """Recording of the identities of one person that a provider reports without a message."""

    @workflow.run
    async def run(self, identification: Identification) -> None:
        """Record the identities, and start merging the users that are one person."""
        merges = await workflow.execute_local_activity_method(
            InboundActivities.identify, identification, **db_activity_options("let one user have every identity")
        )
        await _merge(merges)


async def _merge(tasks: Sequence[UserTask]) -> None:
    """Start merges, which outlive this workflow; one that is already running is left alone."""
    for task in tasks:
        with suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                MergeWorkflow.run,
                task,
                id=merge_workflow_id(task.user_id),
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=TypedSearchAttributes([SearchAttributePair(attributes.TENANT, task.tenant)]),
            )
