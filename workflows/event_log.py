"""Event log of an interaction: it applies each provider event once, and gives the resulting state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.destinations import Destination
from domain.events import ProviderEvent, ReceivedEvent
from domain.interaction import HistoryEntry, RecordedEvent
from domain.notes import Note
from domain.status import InteractionState, Milestone, Status
from workflows.history_notes import describe_event, why_not_applied
from workflows.recipient_progress import RecipientProgress

MAX_RECORDED_EVENTS: Final = 500
"""Recorded events of one interaction after which events that change nothing are no longer recorded.

A change of one destination of several counts as a change: a run that resumes from the record needs it.
"""


@dataclass(frozen=True, slots=True)
class AppliedEvents:
    """Result of applying provider events.

    Attributes:
        state: the interaction's state afterwards.
        entries: history entries, one for each change of the state.
        events: the events to record.
    """

    state: InteractionState
    entries: list[HistoryEntry]
    events: list[RecordedEvent]


class EventLog:
    """Provider events of one interaction.

    Attributes:
        recorded: number of events that are recorded or about to be.
    """

    def __init__(self, destinations: Sequence[Destination], recorded: Sequence[RecordedEvent] = ()) -> None:
        """Start the log of a message to `destinations` from the events that are recorded already."""
        self._progress = RecipientProgress(destinations)
        self._ids = {received.id for received in recorded}
        self._keys = {received.event.key for received in recorded}
        self.recorded = len(recorded)
        for received in recorded:
            if self._progress.includes(received.event):
                self._progress.apply(received.event)

    def leave_out(self, user_ids: Sequence[str]) -> None:
        """Stop waiting for these users, who are erased, if the message goes to others too."""
        self._progress.leave_out(user_ids)

    def refuse(self, refused: Sequence[ProviderEvent], state: InteractionState, at: datetime) -> list[RecordedEvent]:
        """Apply the events of destinations that the provider refused when it accepted the message, and record them."""
        for event in refused:
            self._progress.apply(event)
        self.recorded += len(refused)
        return [
            RecordedEvent(id=event.key, received_at=at, event=event, status=state.status, applied=True)
            for event in refused
        ]

    def apply(self, received: Sequence[ReceivedEvent], state: InteractionState, at: datetime) -> AppliedEvents:
        """Apply events in their order to the interaction's current state."""
        entries: list[HistoryEntry] = []
        events: list[RecordedEvent] = []
        for item in received:
            if item.id in self._ids:
                # A run that resumes from the record may find events there that an earlier try of itself has written.
                continue
            event = item.event
            before, known = state, self._progress.known
            state, reason = self._apply_one(state, event)
            if state != before:
                entries.append(
                    HistoryEntry(
                        date=at,
                        status=state.status,
                        custom_status=state.custom_status,
                        notes=describe_event(event),
                    )
                )
            if (state, self._progress.known) != (before, known) or self.recorded < MAX_RECORDED_EVENTS:
                events.append(RecordedEvent.taken(item, state.status, reason))
                self.recorded += 1
            self._ids.add(item.id)
            self._keys.add(event.key)
        return AppliedEvents(state, entries, events)

    def close(self, state: InteractionState, *, reports_delivery: bool) -> tuple[InteractionState, Note] | None:
        """Return the state and the note at the end of the receipt window; None if nothing changes.

        Without receipts, an interaction whose provider does not report delivery is completed; others get a note.
        """
        failure = self._progress.failure
        if state.status is Status.SENT and failure is not None:
            return state.apply(Milestone.FAILED, failure), Note(code="not_at_all_destinations")
        if state.status is Status.SENT and not reports_delivery:
            return state.model_copy(update={"status": Status.COMPLETED}), Note(code="no_bounce")
        if state.status is Status.COMPLETED:
            return None
        return state, Note(code="no_confirmation")

    def _apply_one(self, state: InteractionState, event: ProviderEvent) -> tuple[InteractionState, str | None]:
        """Return the state after an event, and the code of the reason if the event was not applied."""
        if not self._progress.includes(event):
            return state, "other_destination"
        reason = why_not_applied(state, event, repeated=event.key in self._keys)
        if reason is not None:
            return state, reason
        milestone, provider_status = self._progress.apply(event)
        after = state if milestone is Milestone.NONE else state.apply(milestone, provider_status)
        return after, "not_all_destinations" if after == state else None
