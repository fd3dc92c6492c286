"""Reconciliation of interactions in MongoDB with their workflows in Temporal, page by page."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from temporalio import activity
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from activities.discrepancy_log import log_discrepancies
from activities.interfaces import (
    Check,
    Inspected,
    Inspection,
    ReconciliationActivities,
)
from activities.notification_interfaces import notification_task_queue
from activities.notification_reconciliation import NotificationsReconciliation
from activities.strategy_reconciliation import StrategiesReconciliation
from domain.clock import earlier, to_wire, utc_now
from domain.deadlines import Timeouts, waiting_for
from domain.discrepancies import Discrepancy, Kind
from domain.events import ReceivedEvent
from domain.identifiers import interaction_of, workflow_id
from domain.notes import words_of_note
from domain.status import InteractionState, Status
from domain.texts import Language
from models.integration import Integration
from models.interaction import Interaction
from models.unmatched import UnmatchedEvent
from queries.correlation import InteractionRef, find_by_event
from temporal.inspection import (
    Ended,
    Lost,
    Running,
    RunState,
    find_workflow,
    result_of,
    state_of,
    stuck_reason,
)

SignalEvents = Callable[[InteractionRef, Sequence[ReceivedEvent]], Awaitable[None]]
"""Signals events to an interaction; if it has no running workflow, a new run starts and resumes from the record."""

_AT_ONCE: Final = 8
"""Concurrent requests to Temporal."""

_SECOND_LOOK: Final = 1.0
"""Seconds after which an apparent discrepancy is checked again: it may have been in the middle of a step."""

_LATE_WAKING: Final = timedelta(hours=1)
"""Delay after which a workflow that did not start is a discrepancy: the comparison runs several times an hour."""

_TIMEOUT: Final = timedelta(seconds=10)
"""Maximum wait for the result of a repair."""

_ALWAYS_MOVED: Final = frozenset({Status.VALIDATION_PENDING, Status.DISPATCH_PENDING})
"""Statuses that a run always changes when it resumes from the record."""

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TemporalReconciliation(ReconciliationActivities):
    """Reconciliation of MongoDB with Temporal.

    Attributes:
        task_queue: task queue of the interactions in our database; a namespace may hold others.
        signal_events: signals an interaction's workflow, because only that may change the interaction.
        windows: timeouts of interactions.
        notifications: reconciliation of notifications.
        strategies: reconciliation of the runs of strategies.
    """

    temporal: Client
    task_queue: str
    signal_events: SignalEvents
    windows: Timeouts
    notifications: NotificationsReconciliation
    strategies: StrategiesReconciliation

    @activity.defn
    async def inspect(self, inspection: Inspection) -> Inspected:
        """Inspect one page of a comparison, and make safe repairs if they are requested."""
        comparisons: dict[Check, Callable[[Inspection], Awaitable[Inspected]]] = {
            Check.OVERDUE: self._overdue,
            Check.ABANDONED: self._abandoned,
            Check.WAKING: self._waking,
            Check.FAILING: self._failing,
            Check.ENDED: self._ended,
            Check.RUNNING: self._running,
            Check.INBOUND: self._inbound,
            Check.UNMATCHED_EVENTS: self._unmatched_events,
            Check.NOTIFICATIONS: self.notifications.inspect,
        }
        return await comparisons[inspection.check](inspection)

    async def _overdue(self, inspection: Inspection) -> Inspected:
        """Compare interactions that are past their deadline."""
        before = earlier(utc_now(), inspection.grace)
        page = await Interaction.overdue(before, _due_and_id(inspection.cursor), inspection.page_size)
        last = page[-1] if len(page) == inspection.page_size else None
        cursor = f"{last.due.isoformat()} {last.id}" if last is not None and last.due is not None else None
        runs = await self.strategies.overdue(inspection) if inspection.cursor is None else []
        discrepancies = [*await self._open(page, inspection), *runs]
        return Inspected(examined=len(page) + len(runs), counts=log_discrepancies(discrepancies), cursor=cursor)

    async def _abandoned(self, inspection: Inspection) -> Inspected:
        """Compare workflows that did not complete; interactions that they left open are resumed at once."""
        broken = "ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"
        page, cursor = await self._interactions(inspection, broken)
        documents = await Interaction.find({"_id": {"$in": _interactions(page)}, "due": {"$ne": None}}).to_list()
        discrepancies = await self._open(documents, inspection)
        lost = [discrepancy for discrepancy in discrepancies if discrepancy.kind is Kind.WORKFLOW_LOST]
        return Inspected(examined=len(page), counts=log_discrepancies(lost), cursor=cursor)

    async def _waking(self, inspection: Inspection) -> Inspected:
        """Start the workflows of messages that the gate holds for long, some hours before they go."""
        now = utc_now()
        page = await Interaction.waking(now, inspection.page_size)
        late = [self._not_woken(one) for one in page if one.wakes_at and one.wakes_at < earlier(now, _LATE_WAKING)]
        for interaction in page if inspection.repairs else ():
            await self.signal_events(InteractionRef.of(interaction), [])
            await Interaction.mark_awake(interaction.id, interaction.wakes_at)
            activity.heartbeat()
        if inspection.repairs:
            late = [_with_repair(discrepancy, "its next workflow started") for discrepancy in late]
        # Those that are awake are in no page any more.
        has_more = inspection.repairs and len(page) == inspection.page_size
        return Inspected(examined=len(page), counts=log_discrepancies(late), cursor="next" if has_more else None)

    def _not_woken(self, interaction: Interaction) -> Discrepancy:
        since = to_wire(interaction.wakes_at) if interaction.wakes_at else ""
        return self._discrepancy(Kind.NOT_WOKEN, interaction, f"it should have started at {since}")

    async def _open(self, interactions: Sequence[Interaction], inspection: Inspection) -> list[Discrepancy]:
        """Find discrepancies of open interactions, and repair lost workflows if requested."""
        discrepancies = [one for one in await _gather(self._classify, interactions) if one is not None]
        if discrepancies:
            await asyncio.sleep(_SECOND_LOOK)
            ids = [discrepancy.interaction_id for discrepancy in discrepancies]
            before = {interaction.id: interaction.sequence for interaction in interactions}
            again = await Interaction.find({"_id": {"$in": ids}}).to_list()
            unmoved = [interaction for interaction in again if interaction.sequence == before[interaction.id]]
            discrepancies = [one for one in await _gather(self._classify, unmoved) if one is not None]
            if inspection.repairs:
                lost = {
                    discrepancy.interaction_id
                    for discrepancy in discrepancies
                    if discrepancy.kind is Kind.WORKFLOW_LOST
                }
                repaired = await self._resume([interaction for interaction in unmoved if interaction.id in lost])
                discrepancies = [
                    _with_repair(discrepancy, repaired.get(discrepancy.interaction_id)) for discrepancy in discrepancies
                ]
        return discrepancies

    async def _classify(self, interaction: Interaction) -> Discrepancy | None:
        state = await state_of(self.temporal, workflow_id(interaction.id))
        match state:
            case Running():
                kind, reason = Kind.OVERDUE, state.problem
            case Ended() if state.state != interaction.state:
                kind, reason = Kind.RECORD_DIFFERS, f"its workflow ended in {_words(state.state)}"
            case Ended():
                kind, reason = Kind.WORKFLOW_LOST, "its workflow ended before it"
            case Lost():
                kind, reason = Kind.WORKFLOW_LOST, state.reason
        if kind is Kind.OVERDUE and interaction.due is not None and interaction.due > utc_now():
            return None
        return self._discrepancy(kind, interaction, reason)

    async def _resume(self, interactions: Sequence[Interaction]) -> dict[str, str]:
        """Resume interactions from their records; returns the result of each that resumed, by id."""
        for interaction in interactions:
            await self.signal_events(InteractionRef.of(interaction), [])
            activity.heartbeat()
        left = {interaction.id: interaction for interaction in interactions}
        repaired: dict[str, str] = {}
        give_up = utc_now() + _TIMEOUT
        while left and utc_now() < give_up:
            await asyncio.sleep(0.2)
            activity.heartbeat()
            for now in await Interaction.find({"_id": {"$in": list(left)}}).to_list():
                is_moved = now.sequence > left[now.id].sequence
                stays = now.status not in _ALWAYS_MOVED or now.hold is not None
                only_waits = stays and now.due is not None and now.due > utc_now()
                if is_moved or only_waits:
                    note = words_of_note(now.history[-1].notes, Language.ENGLISH) if is_moved else None
                    repaired[now.id] = f"a new run went on: {_words(now.state)}{f', «{note}»' if note else ''}"
                    del left[now.id]
        return repaired

    async def _failing(self, inspection: Inspection) -> Inspected:
        """Compare workflows whose tasks keep failing, as the server marks them; also those of notifications."""
        query = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
        page, cursor = await self._workflows(
            inspection, query, self.task_queue, notification_task_queue(self.task_queue)
        )
        problems = await _gather(self._problem, page)
        discrepancies = [
            Discrepancy(kind=Kind.TASK_FAILING, interaction_id=interaction_of(execution.id), reason=problem)
            for execution, problem in zip(page, problems, strict=True)
            if problem
        ]
        return Inspected(examined=len(page), counts=log_discrepancies(discrepancies), cursor=cursor)

    async def _problem(self, execution: WorkflowExecution) -> str:
        """Return why a running workflow of any kind makes no progress; empty if it has ended."""
        description = await find_workflow(self.temporal, execution.id)
        if description is None or description.status is not WorkflowExecutionStatus.RUNNING:
            return ""
        return await stuck_reason(self.temporal, description)

    async def _ended(self, inspection: Inspection) -> Inspected:
        """Compare the results of completed workflows with their records, newest first."""
        page, cursor = await self._interactions(inspection, "ExecutionStatus = 'Completed'")
        before = await _states(page)

        async def differs(execution: WorkflowExecution) -> bool:
            result = await result_of(self.temporal, execution.id, execution.run_id)
            return before.get(interaction_of(execution.id)) != result

        doubtful = [execution for execution, wrong in zip(page, await _gather(differs, page), strict=True) if wrong]
        # A later run may have changed it since: only its latest run and its current record are compared.
        states = await self._states({execution.id: execution for execution in doubtful}.values())
        documents = await _documents(doubtful)
        discrepancies: list[Discrepancy] = []
        for execution, state in states:
            document = documents.get(interaction_of(execution.id))
            if isinstance(state, Ended) and (document is None or document.state != state.state):
                reason = f"its workflow ended in {_words(state.state)}"
                kind = Kind.RECORD_DIFFERS if document else Kind.RECORD_MISSING
                discrepancies.append(self._discrepancy(kind, document or interaction_of(execution.id), reason))
        return Inspected(examined=len(page), counts=log_discrepancies(discrepancies), cursor=cursor)

    async def _running(self, inspection: Inspection) -> Inspected:
        """Check that each running workflow has its record, newest first."""
        page, cursor = await self._interactions(inspection, _running_since(inspection.grace))
        known = await _states(page)
        doubtful = [execution for execution in page if interaction_of(execution.id) not in known]
        states = await self._states(doubtful)
        known = await _states(doubtful)
        discrepancies = [
            self._discrepancy(Kind.RECORD_MISSING, interaction_of(execution.id), state.problem)
            for execution, state in states
            if isinstance(state, Running) and interaction_of(execution.id) not in known
        ]
        return Inspected(examined=len(page), counts=log_discrepancies(discrepancies), cursor=cursor)

    async def _inbound(self, inspection: Inspection) -> Inspected:
        """Report inbound messages whose workflow still runs: recording one takes little time."""
        query = f"WorkflowType = 'InboundMessage' AND {_running_since(inspection.grace)}"
        page, cursor = await self._workflows(inspection, query, self.task_queue)
        discrepancies = [
            self._discrepancy(Kind.INBOUND_STUCK, interaction_of(execution.id), state.problem)
            for execution, state in await self._states(page)
            if isinstance(state, Running)
        ]
        return Inspected(examined=len(page), counts=log_discrepancies(discrepancies), cursor=cursor)

    async def _unmatched_events(self, inspection: Inspection) -> Inspected:
        """Try to correlate unmatched provider events again, newest first."""
        before = datetime.fromisoformat(inspection.cursor) if inspection.cursor else utc_now()
        page = await UnmatchedEvent.newest(before, inspection.page_size)
        discrepancies: list[Discrepancy] = []
        for unmatched in page:
            activity.heartbeat()
            discrepancies.extend(await self._match(unmatched, inspection))
        cursor = page[-1].received_at.isoformat() if len(page) == inspection.page_size else None
        return Inspected(examined=len(page), counts=log_discrepancies(discrepancies), cursor=cursor)

    async def _match(self, unmatched: UnmatchedEvent, inspection: Inspection) -> list[Discrepancy]:
        integration = await Integration.find_one({"_id": unmatched.integration_id, "tenant": unmatched.tenant})
        if integration is None or unmatched.event is None:
            return []
        interactions = await find_by_event(integration, unmatched.event)
        # It keeps its id, so that an event that is signalled again after a crash is applied once.
        received = ReceivedEvent(id=unmatched.id, received_at=unmatched.received_at, event=unmatched.event)
        reason = f"«{unmatched.event.provider_status}», received at {to_wire(unmatched.received_at)}"
        discrepancies = [self._discrepancy(Kind.EVENT_MATCHED, interaction.id, reason) for interaction in interactions]
        if not inspection.repairs or not interactions:
            return discrepancies
        for interaction in interactions:
            await self.signal_events(interaction, [received])
        await unmatched.delete()
        return [_with_repair(discrepancy, "it was passed on") for discrepancy in discrepancies]

    async def _workflows(
        self, inspection: Inspection, query: str, *queues: str
    ) -> tuple[list[WorkflowExecution], str | None]:
        """Return one page of the workflows of these task queues, newest first, and the next page's cursor."""
        token = base64.b64decode(inspection.cursor) if inspection.cursor else None
        ours = f"TaskQueue IN ({', '.join(repr(queue) for queue in queues)})"
        found = self.temporal.list_workflows(
            f"{ours} AND {query}", page_size=inspection.page_size, next_page_token=token
        )
        await found.fetch_next_page()
        activity.heartbeat()
        following = base64.b64encode(found.next_page_token).decode() if found.next_page_token else None
        return list(found.current_page or []), following

    async def _interactions(self, inspection: Inspection, query: str) -> tuple[list[WorkflowExecution], str | None]:
        """Return one page of the interactions' workflows, and the next page's cursor."""
        return await self._workflows(inspection, f"WorkflowType = 'Interaction' AND {query}", self.task_queue)

    async def _states(self, executions: Iterable[WorkflowExecution]) -> list[tuple[WorkflowExecution, RunState]]:
        async def state(execution: WorkflowExecution) -> tuple[WorkflowExecution, RunState]:
            return execution, await state_of(self.temporal, execution.id)

        return await _gather(state, list(executions))

    def _discrepancy(self, kind: Kind, interaction: Interaction | str, reason: str) -> Discrepancy:
        if isinstance(interaction, str):
            return Discrepancy(kind=kind, interaction_id=interaction, reason=reason)
        wait = waiting_for(interaction.situation, self.windows, utc_now())
        return Discrepancy(
            kind=kind,
            interaction_id=interaction.id,
            state=_words(interaction.state),
            waited_for=wait.sentence(Language.ENGLISH) if wait else None,
            reason=reason,
        )


async def _gather(function: Callable[[A], Awaitable[R]], arguments: Sequence[A]) -> list[R]:
    """Call a function for each argument, `_AT_ONCE` at a time, and return its results."""
    results: list[R] = []
    for start in range(0, len(arguments), _AT_ONCE):
        results += await asyncio.gather(*map(function, arguments[start : start + _AT_ONCE]))
        activity.heartbeat()
    return results


async def _documents(executions: Sequence[WorkflowExecution]) -> dict[str, Interaction]:
    found = await Interaction.find({"_id": {"$in": _interactions(executions)}}).to_list()
    return {interaction.id: interaction for interaction in found}


async def _states(executions: Sequence[WorkflowExecution]) -> dict[str, InteractionState]:
    selector = {"_id": {"$in": _interactions(executions)}}
    fields = ("status", "custom_status", "milestone")
    found = await Interaction.collection().find(selector, dict.fromkeys(fields, 1)).to_list()
    return {one["_id"]: InteractionState.model_validate({field: one[field] for field in fields}) for one in found}


def _interactions(executions: Sequence[WorkflowExecution]) -> list[str]:
    return [interaction_of(execution.id) for execution in executions]


def _due_and_id(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    due, _, interaction_id = cursor.partition(" ")
    return datetime.fromisoformat(due), interaction_id


def _running_since(grace: timedelta) -> str:
    return f"ExecutionStatus = 'Running' AND StartTime < '{to_wire(earlier(utc_now(), grace))}'"


def _with_repair(discrepancy: Discrepancy, repair: str | None) -> Discrepancy:
    return discrepancy.model_copy(update={"repair": repair})


def _words(state: InteractionState) -> str:
    return f"{state.status} {state.custom_status or ''}".rstrip()
