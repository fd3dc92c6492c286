"""Holds a message for as long as the gate says, and lets its schedule be changed meanwhile."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio import workflow

from activities.gate_interfaces import GateActivities, GateInput, GateResult
from activities.interfaces import RecordStepInput
from domain.gate.decision import HoldReason, Wait, wakes_at
from domain.notes import Note
from workflows.activity_options import db_activity_options
from workflows.lifecycle import InteractionLifecycle, ScheduleChange, WorkflowTask
from workflows.messages import Reschedule, Rescheduled

_FIRST_CHECK: Final = timedelta(seconds=30)
_LAST_CHECK: Final = timedelta(minutes=10)
"""First and longest interval at which a message asks about those before it, in case none of them wakes it."""


@dataclass(slots=True)
class _Request:
    """A request to change the schedule, and its answer once there is one."""

    change: ScheduleChange
    answer: Rescheduled | None = None


class Holding:
    """The time that a message spends at the gate.

    Attributes:
        is_over: whether the message went, or never will.
    """

    def __init__(
        self, interaction_id: str, lifecycle: InteractionLifecycle, record: Callable[[RecordStepInput], Awaitable[None]]
    ) -> None:
        """Hold the message of a lifecycle; `record` records its steps."""
        self._interaction_id = interaction_id
        self._lifecycle = lifecycle
        self._record = record
        self._requests: list[_Request] = []
        self._is_asked_again = False
        self._check = _FIRST_CHECK
        self.is_over = False

    async def reschedule(self, reschedule: Reschedule) -> Rescheduled:
        """Change the schedule, and return the answer once the change took effect, or is refused or too late."""
        note = Note(code="rescheduled_by_account", details={"account": reschedule.account_id})
        request = _Request(ScheduleChange(reschedule.schedule, note))
        self._requests.append(request)
        await workflow.wait_condition(lambda: request.answer is not None or self.is_over)
        return request.answer or Rescheduled(is_applied=False)

    def ask_again(self) -> None:
        """Let the gate decide again before the end of the present wait."""
        self._is_asked_again = True

    @property
    def is_disturbed(self) -> bool:
        """Whether something happened that ends the present wait."""
        return bool(self._requests) or self._is_asked_again or self._lifecycle.cancelled_by is not None

    async def finish(self) -> bool:
        """Hold the message until it may go, or never may; False if it waits so long that a later run goes on."""
        self.is_over = False
        while (hold := self._lifecycle.hold) is not None and self._lifecycle.cancelled_by is None:
            if not self._requests and self._leaves(hold):
                return False
            await self._wait(hold)
            if self._requests:
                await self._apply(self._requests.pop(0))
            elif self._lifecycle.cancelled_by is None:
                self._is_asked_again = False
                await self._follow(await self._ask(None), None)
        self.is_over = True
        return True

    def _leaves(self, hold: Wait) -> bool:
        """Whether a later run goes on with the wait."""
        if wakes_at(hold, workflow.now()) is not None:
            return True
        return workflow.info().is_continue_as_new_suggested() and not self._lifecycle.inbox

    async def _wait(self, hold: Wait) -> None:
        """Wait until the gate decides again, or something happens."""
        remaining = hold.until - workflow.now()
        if hold.reason is HoldReason.IN_ORDER:
            remaining = min(remaining, self._check)
            self._check = min(2 * self._check, _LAST_CHECK)
        if remaining > timedelta():
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self.is_disturbed, timeout=remaining, timeout_summary=f"held: {hold.reason}"
                )

    async def _apply(self, request: _Request) -> None:
        result = await self._ask(request.change)
        if result.refusal is None:
            await self._follow(result, request.change)
        request.answer = Rescheduled(is_applied=result.refusal is None, problem=result.refusal)

    async def _ask(self, change: ScheduleChange | None) -> GateResult:
        gate_input = GateInput(
            interaction_id=self._interaction_id,
            schedule=change.schedule if change is not None else None,
            at=workflow.now(),
        )
        return await workflow.execute_local_activity_method(
            GateActivities.decide, gate_input, **db_activity_options("decide whether it goes now")
        )

    async def _follow(self, result: GateResult, change: ScheduleChange | None) -> None:
        if change is None and result.wait is not None and result.wait == self._lifecycle.hold:
            return
        task = WorkflowTask(workflow.now(), workflow.info().get_current_history_length())
        if result.refusal is not None:
            step = self._lifecycle.end_at_gate(result.refusal, task)
        elif result.wait is not None:
            step = self._lifecycle.hold_until(result.wait, task, change)
        else:
            step = self._lifecycle.release(result.expires, task, change)
        await self._record(step)
