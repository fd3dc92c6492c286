"""EraseSignal an end user."""

from typing import cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import ErasureActivities, UserTask
    from domain.problems import Problem
    from workflows import names
    from workflows.activity_options import long_step, step


@workflow.defn(name="Erasure")
class ErasureWorkflow:
    """One erasure: at one moment the user is empty, then all that was personal in its interactions goes."""

    def __init__(self) -> None:
        self._problems: list[Problem] | None = None

    @workflow.run
    async def run(self, task: UserTask) -> None:
        """Erase it, or refuse to; to the end, whatever breaks in between."""
        self._problems = await workflow.execute_local_activity_method(
            ErasureActivities.claim_erasure, task, **step("empty the user")
        )
        if not self._problems:
            await workflow.execute_activity_method(
                ErasureActivities.erase, task, **long_step("empty its interactions and processes")
            )
            # Who had found the user before may still write to it, and workflows that were told need a moment to end.
            await workflow.sleep(task.erasure_grace_period, summary="wait for writes that had found the user before")
            await workflow.execute_activity_method(
                ErasureActivities.erase, task, **long_step("empty what was written meanwhile")
            )
            await workflow.execute_activity_method(
                ErasureActivities.forget,
                task,
                **long_step("empty its notifications, and delete the histories of ended workflows"),
            )
            await workflow.execute_local_activity_method(
                ErasureActivities.complete_erasure, task, **step("mark the erasure as completed")
            )
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update(name=names.ERASE, description="PendingWait until it is emptied or refused")
    async def claimed(self) -> list[Problem]:
        """Why it is refused; nothing if it is not."""
        await workflow.wait_condition(lambda: self._problems is not None)
        return cast("list[Problem]", self._problems)
