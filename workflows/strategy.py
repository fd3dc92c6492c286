"""Workflow of one run of a strategy: it starts one step after the other until one of them succeeds."""

from contextlib import suppress
from datetime import timedelta
from typing import Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interfaces import DispatchActivities, Recall, sending_queue
    from activities.strategy_interfaces import (
        RunRecordInput,
        StartStepInput,
        StopStepsInput,
        StrategyActivities,
    )
    from domain.interaction import Revision
    from domain.strategy.decision import End, Start, Wait, superfluous
    from domain.strategy.plan import RunOutcome
    from domain.strategy.progress import StepReport, StepState
    from domain.strategy.recall import RecallResult
    from domain.strategy.run import Run
    from domain.submission import Admission
    from workflows import attributes, names
    from workflows.activity_options import db_activity_options, start_activity_options
    from workflows.messages import StrategyInput
    from workflows.strategy_details import awaited_of, line_of, run_details


_AT_ONCE: Final = timedelta(milliseconds=1)

_RECALL_TIMEOUT: Final = timedelta(seconds=5)
"""Time that the next step waits at most for the answer to a recall."""


@workflow.defn(name=names.STRATEGY)
class StrategyWorkflow:
    """One run of a strategy: only it decides which step starts. The interactions of its steps report their states."""

    @workflow.init
    def __init__(self, start: StrategyInput) -> None:
        self._run = start.run
        self._inbox: list[StepReport] = []
        self._admission: Admission | None = None
        self._length_of_earlier_runs = 0
        self._cancels = False
        self._cancelled_by: str | None = None

    @workflow.run
    async def run(self, start: StrategyInput) -> RunOutcome | None:
        """Start one step after the other until the run ends; None if its present step is held for long.

        A later report starts a new workflow, which goes on from the record.
        """
        if self._run is None:
            self._run = await self._load(start.run_id)
        while True:
            run = self._with_changes(self._run)
            match run.decide(workflow.now()):
                case Start() as start_of_step:
                    last = run.to_recall(start_of_step)
                    starting = self._start(run, start_of_step) if last is None else self._recall(run, last)
                    self._run = await starting
                    continue
                case End() as end:
                    self._run = await self._end(run, end)
                case wait:
                    self._run = run
                    if not run.is_held_for_long(workflow.now()):
                        await self._wait(run, wait)
                        continue
            await workflow.wait_condition(lambda: self._has_changes or workflow.all_handlers_finished())
            if not self._has_changes:
                return self._run.outcome

    @workflow.update(name=names.SUBMIT, description="Wait until its first message is admitted or refused")
    async def admitted(self) -> Admission:
        """Wait for the answer to the submission of the first message."""
        await workflow.wait_condition(lambda: self._admission is not None)
        return cast("Admission", self._admission)

    @workflow.update(name=names.CANCEL, description="Start no further step, and cancel what is not sent yet")
    async def cancel(self, account_id: str) -> RunOutcome:
        """Cancel the run, and wait for how it ended."""
        self._cancels, self._cancelled_by = True, account_id
        await workflow.wait_condition(lambda: self._run is not None and self._run.outcome is not None)
        return cast("RunOutcome", cast("Run", self._run).outcome)

    @workflow.signal(name=names.REPORT, description="The interaction of a step got further")
    def report(self, reports: list[StepReport]) -> None:
        """Queue reports on the steps; none only starts a workflow that goes on from the record."""
        self._inbox.extend(reports)

    @workflow.signal(name=names.RUN_ERASED, description="Its user is erased: no further step starts")
    def erase(self) -> None:
        """Start no further step."""
        self._cancels = True

    @property
    def _has_changes(self) -> bool:
        return bool(self._inbox) or self._cancels

    def _with_changes(self, run: Run) -> Run:
        """Return the run after what was reported and asked meanwhile."""
        reports, self._inbox = self._inbox, []
        run = run.report(reports)
        if self._cancels and run.states:
            self._cancels = False
            run = run.cancel(self._cancelled_by)
        return run

    async def _load(self, run_id: str) -> Run:
        stored = await workflow.execute_local_activity_method(
            StrategyActivities.load_run, run_id, **db_activity_options("read the stored run")
        )
        if stored is None:
            raise ApplicationError("there is no such run", type="NotFound", non_retryable=True)
        self._length_of_earlier_runs = stored.history_length
        self._admission = self._admission or stored.admission
        self._show(stored.run)
        return stored.run

    async def _start(self, run: Run, start: Start) -> Run:
        """Start a step: from here on, the run has it, however often the step is repeated."""
        run = run.start(start, workflow.now())
        state = run.states[-1]
        self._show(run)
        admission = await self._submit(run, f"start {line_of(run, state)}: {start.reason}")
        if admission is None:
            return await self._load(run.id)
        run = run.admit(state, admission)
        self._show(run)
        if not run.is_refused:
            self._admission = self._admission or admission
        elif isinstance(run.decide(workflow.now()), End):
            self._admission = admission
            # The report of the refusal may come while this task ends the workflow: the server then refuses the task,
            # and with it the answer.
            await workflow.sleep(_AT_ONCE, summary="answer before the end")
        return run

    async def _submit(self, run: Run, summary: str) -> Admission | None:
        """Store the run and submit the message of its newest step; None if another workflow stored the run before."""
        state = run.states[-1]
        start = StartStepInput(run=run, revision=self._revision(), submission=run.submission_of(state))
        if len(run.states) == 1:
            return await workflow.execute_local_activity_method(
                StrategyActivities.start_step, start, **db_activity_options(summary)
            )
        # A task that is lost in the middle of a local activity would be decided again, and by then perhaps otherwise.
        return await workflow.execute_activity_method(
            StrategyActivities.start_step, start, **start_activity_options(summary)
        )

    async def _recall(self, run: Run, state: StepState) -> Run:
        """Ask the provider to take back the message of a step, for a while; whatever it answers, the run goes on."""
        step = run.steps[state.step]
        try:
            result = await workflow.execute_activity_method(
                DispatchActivities.recall,
                Recall(
                    interaction_id=step.interaction_id,
                    tenant=run.tenant,
                    integration_id=step.integration.integration_id,
                ),
                task_queue=sending_queue(workflow.info().task_queue, step.integration.provider),
                schedule_to_close_timeout=_RECALL_TIMEOUT,
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200)),
                summary=f"take back {line_of(run, state)}",
            )
        except ActivityError:
            result = RecallResult.NOT_RECALLED
        return run.recall(state, result)

    async def _wait(self, run: Run, wait: Wait) -> None:
        """Wait until the present step is awaited no longer, or something happens."""
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._has_changes,
                timeout=wait.until - workflow.now(),
                timeout_summary=awaited_of(run),
            )

    async def _end(self, run: Run, end: End) -> Run:
        """Record how the run ended, and cancel the messages that are not needed any more."""
        ended = run.end(end.outcome, workflow.now())
        unneeded = superfluous(run.states, end.outcome)
        if unneeded:
            await workflow.execute_local_activity_method(
                StrategyActivities.stop_steps,
                StopStepsInput(run_id=run.id, interaction_ids=[run.steps[step].interaction_id for step in unneeded]),
                **db_activity_options("cancel what is not needed any more"),
            )
        await workflow.execute_local_activity_method(
            StrategyActivities.record_run,
            RunRecordInput(run=ended, revision=self._revision()),
            **db_activity_options(f"record the end: {end.outcome}"),
        )
        self._show(ended)
        return ended

    def _revision(self) -> Revision:
        length = self._length_of_earlier_runs + workflow.info().get_current_history_length()
        return Revision(history_length=length, task_time=workflow.now())

    def _show(self, run: Run) -> None:
        """Show the run in the Web UI."""
        attributes.show_users(run.user_ids)
        workflow.set_current_details(run_details(run))
