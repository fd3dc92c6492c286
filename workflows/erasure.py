"""Workflow that erases an end user."""

from typing import cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import ErasureActivities, UserTask
    from domain.problems import Problem
    from workflows import names
    from workflows.activity_options import batch_activity_options, db_activity_options


@workflow.defn(name="Erasure")
class ErasureWorkflow:
    """Erasure of one user: the user is emptied atomically, then the personal data in its interactions is removed."""

    def __init__(self) -> None:
        self._problems: list[Problem] | None = None

    @workflow.run
    async def run(self, task: UserTask) -> None:
        """Erase the user, or refuse to; failed steps are retried until the erasure is complete."""
        self._problems = await workflow.execute_local_activity_method(
            ErasureActivities.reserve_erasure, task, **db_activity_options("empty the user")
        )
        if not self._problems:
            await workflow.execute_activity_method(
                ErasureActivities.erase, task, **batch_activity_options("empty its interactions and processes")
            )
            # Callers that found the user before may still write to it, and signalled workflows need a moment to end.
            await workflow.sleep(task.erasure_grace_period, summary="wait for writes that had found the user before")
            await workflow.execute_activity_method(
                ErasureActivities.erase, task, **batch_activity_options("empty what was written meanwhile")
            )
            await workflow.execute_activity_method(
                ErasureActivities.purge_derived_data,
                task,
                **batch_activity_options("empty its notifications, and delete the histories of ended workflows"),
            )
            await workflow.execute_local_activity_method(
                ErasureActivities.complete_erasure, task, **db_activity_options("mark the erasure as completed")
            )
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update(name=names.ERASE, description="Wait until it is emptied or refused")
    async def claimed(self) -> list[Problem]:
        """Wait for the decision: the problems for which the erasure is refused, empty if it is accepted."""
        await workflow.wait_condition(lambda: self._problems is not None)
        return cast("list[Problem]", self._problems)
