"""Making one user of two."""

from typing import cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import MergeActivities, UserTask
    from domain.problems import Problem
    from workflows import names
    from workflows.activity_options import long_step, step


@workflow.defn(name="Merge")
class MergeWorkflow:
    """One merge: at one moment the user is the other, then what was its own follows."""

    def __init__(self) -> None:
        self._problems: list[Problem] | None = None

    @workflow.run
    async def run(self, task: UserTask) -> None:
        """Merge it, or refuse to; to the end, whatever breaks in between."""
        self._problems = await workflow.execute_local_activity_method(
            MergeActivities.claim_merge, task, **step("give its destinations to the other user")
        )
        if not self._problems:
            await self._move(task)
            # Who had found the user before may still write to it.
            await workflow.sleep(task.erasure_grace_period, summary="wait for writes that had found the user before")
            await self._move(task)
            await workflow.execute_local_activity_method(
                MergeActivities.complete_merge, task, **step("mark the merge as completed")
            )
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _move(self, task: UserTask) -> None:
        await workflow.execute_activity_method(
            MergeActivities.move, task, **long_step("give its interactions and processes to the other user")
        )

    @workflow.update(name=names.MERGE, description="PendingWait until it is merged or refused")
    async def claimed(self) -> list[Problem]:
        """Why it is refused; nothing if it is not."""
        await workflow.wait_condition(lambda: self._problems is not None)
        return cast("list[Problem]", self._problems)
