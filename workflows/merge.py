"""Workflow that merges one user into another."""

from typing import cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import MergeActivities, UserTask
    from domain.problems import Problem
    from workflows import names
    from workflows.activity_options import batch_activity_options, db_activity_options


@workflow.defn(name="Merge")
class MergeWorkflow:
    """Merge of one user: it is replaced atomically, then its interactions and processes are moved."""

    def __init__(self) -> None:
        self._problems: list[Problem] | None = None

    @workflow.run
    async def run(self, task: UserTask) -> None:
        """Merge the user, or refuse to; failed steps are retried until the merge is complete."""
        self._problems = await workflow.execute_local_activity_method(
            MergeActivities.reserve_merge, task, **db_activity_options("give its destinations to the other user")
        )
        if not self._problems:
            await self._move(task)
            # Callers that found the user before may still write to it.
            await workflow.sleep(task.erasure_grace_period, summary="wait for writes that had found the user before")
            await self._move(task)
            await workflow.execute_local_activity_method(
                MergeActivities.complete_merge, task, **db_activity_options("mark the merge as completed")
            )
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _move(self, task: UserTask) -> None:
        await workflow.execute_activity_method(
            MergeActivities.move,
            task,
            **batch_activity_options("give its interactions and processes to the other user"),
        )

    @workflow.update(name=names.MERGE, description="Wait until it is merged or refused")
    async def claimed(self) -> list[Problem]:
        """Wait for the decision: the problems for which the merge is refused, empty if it is accepted."""
        await workflow.wait_condition(lambda: self._problems is not None)
        return cast("list[Problem]", self._problems)
