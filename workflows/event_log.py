"""What was received of an interaction: each piece of news taken once, and where it leaves the interaction."""

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
"""After so many recorded events of one interaction, those that change nothing are no longer recorded.

What is known of one destination of several is such a change: a run that goes on from the record needs to find it there.
"""


@dataclass(frozen=True, slots=True)
class AppliedEvents:
    """What came of some news.

    Attributes:
        state: where the interaction stands now.
        entries: of its history, one for each change of the state.
        events: the news as it was taken, to be recorded.
    """

    state: InteractionState
    entries: list[HistoryEntry]
    events: list[RecordedEvent]


class EventLog:
    """What was received of one interaction.

    Attributes:
        recorded: how many of the events received are recorded, or about to be.
    """

    def __init__(self, destinations: Sequence[Destination], recorded: Sequence[RecordedEvent] = ()) -> None:
        """The hearing of a message to `destinations`, of which this much is recorded already."""
        self._progress = RecipientProgress(destinations)
        self._ids = {received.id for received in recorded}
        self._keys = {received.event.key for received in recorded}
        self.recorded = len(recorded)
        for received in recorded:
            if self._progress.includes(received.event):
                self._progress.apply(received.event)

    def leave_out(self, user_ids: Sequence[str]) -> None:
        """Await no more of these users, who are erased, where the message is to others too."""
        self._progress.leave_out(user_ids)

    def refuse(self, refused: Sequence[ProviderEvent], state: InteractionState, at: datetime) -> list[RecordedEvent]:
        """The events of the destinations that the provider refused when it took the message, to be recorded."""
        for event in refused:
            self._progress.apply(event)
        self.recorded += len(refused)
        return [
            RecordedEvent(id=event.key, received_at=at, event=event, status=state.status, applied=True)
            for event in refused
        ]

    def take(self, news: Sequence[ReceivedEvent], state: InteractionState, at: datetime) -> AppliedEvents:
        """Take news in their order, from where the interaction stands."""
        entries: list[HistoryEntry] = []
        events: list[RecordedEvent] = []
        for item in news:
            if item.id in self._ids:
                # A run that begins from the record may find there what an earlier try of itself has written.
                continue
            event = item.event
            before, known = state, self._progress.known
            state, reason = self._apply(state, event)
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
        """Where the end of the receipt window leaves the interaction, and the note on it; None if it says nothing.

        Silence completes what has no receipts, and is noted on all else.
        """
        failure = self._progress.failure
        if state.status is Status.SENT and failure is not None:
            return state.apply(Milestone.FAILED, failure), Note(code="not_at_all_destinations")
        if state.status is Status.SENT and not reports_delivery:
            return state.model_copy(update={"status": Status.COMPLETED}), Note(code="no_bounce")
        if state.status is Status.COMPLETED:
            return None
        return state, Note(code="no_confirmation")

    def _apply(self, state: InteractionState, event: ProviderEvent) -> tuple[InteractionState, str | None]:
        """The state after an event, and why the event was not applied, if it was not."""
        if not self._progress.includes(event):
            return state, "other_destination"
        reason = why_not_applied(state, event, repeated=event.key in self._keys)
        if reason is not None:
            return state, reason
        milestone, word = self._progress.apply(event)
        after = state if milestone is Milestone.NONE else state.apply(milestone, word)
        return after, "not_all_destinations" if after == state else None
