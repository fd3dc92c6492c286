"""Cost of a run for the engine, counted in its history: exact figures that do not depend on the machine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

LOCAL_ACTIVITY: Final = "core_local_activity"
"""Marker with which the SDK's core records a local activity."""

BILLED: Final[Mapping[int, int]] = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: 1,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: 1,
    EventType.EVENT_TYPE_TIMER_STARTED: 1,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
}
"""Events that are billable actions of Temporal Cloud (https://docs.temporal.io/cloud/actions)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Cost of a run.

    Attributes:
        events: number of history events.
        workflow_tasks: number of completed workflow tasks.
        actions: billable on Temporal Cloud.
    """

    events: int
    workflow_tasks: int
    actions: int


def figures_of(history: Iterable[HistoryEvent]) -> Figures:
    """Count the figures of a run's history.

    Each attempt of an activity is an action; all local activities of one workflow task are one action together.
    """
    events = list(history)
    tasks_with_local_activities = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
        and event.marker_recorded_event_attributes.marker_name == LOCAL_ACTIVITY
    }
    attempts = sum(
        event.activity_task_started_event_attributes.attempt
        for event in events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    )
    billed = sum(BILLED.get(event.event_type, 0) for event in events)
    return Figures(
        events=len(events),
        workflow_tasks=sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in events),
        actions=billed + attempts + len(tasks_with_local_activities),
    )
