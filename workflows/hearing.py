"""What was heard of an interaction: each piece of news taken once, and where it leaves the interaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.destinations import Destination
from domain.events import HeardNews, ProviderEvent
from domain.interaction import HeardEvent, HistoryEntry
from domain.notes import Note
from domain.status import Milestone, Standing, Status
from workflows.audience import Audience
from workflows.story import describe_event, why_not_applied

MOST_EVENTS: Final = 500
"""After so many recorded events of one interaction, those that change nothing are no longer recorded.

What is known of one destination of several is such a change: a run that goes on from the record needs to find it there.
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of some news.

    Attributes:
        standing: where the interaction stands now.
        entries: of its history, one for each change of the standing.
        events: the news as it was taken, to be recorded.
    """

    standing: Standing
    entries: list[HistoryEntry]
    events: list[HeardEvent]


class Hearing:
    """What was heard of one interaction.

    Attributes:
        recorded: how many of the events heard are recorded, or about to be.
    """

    def __init__(self, destinations: Sequence[Destination], recorded: Sequence[HeardEvent] = ()) -> None:
        """The hearing of a message to `destinations`, of which this much is recorded already."""
        self._audience = Audience(destinations)
        self._ids = {heard.id for heard in recorded}
        self._keys = {heard.event.key for heard in recorded}
        self.recorded = len(recorded)
        for heard in recorded:
            if self._audience.includes(heard.event):
                self._audience.hear(heard.event)

    def leave_out(self, user_ids: Sequence[str]) -> None:
        """Await no more of these users, who are erased, where the message is to others too."""
        self._audience.leave_out(user_ids)

    def refuse(self, refused: Sequence[ProviderEvent], standing: Standing, at: datetime) -> list[HeardEvent]:
        """The events of the destinations that the provider refused when it took the message, to be recorded."""
        for event in refused:
            self._audience.hear(event)
        self.recorded += len(refused)
        return [
            HeardEvent(id=event.key, heard_at=at, event=event, status=standing.status, applied=True)
            for event in refused
        ]

    def take(self, news: Sequence[HeardNews], standing: Standing, at: datetime) -> Heard:
        """Take news in their order, from where the interaction stands."""
        entries: list[HistoryEntry] = []
        events: list[HeardEvent] = []
        for item in news:
            if item.id in self._ids:
                # A run that begins from the record may find there what an earlier try of itself has written.
                continue
            event = item.event
            before, known = standing, self._audience.known
            standing, reason = self._hear(standing, event)
            if standing != before:
                entries.append(
                    HistoryEntry(
                        date=at,
                        status=standing.status,
                        custom_status=standing.custom_status,
                        notes=describe_event(event),
                    )
                )
            if (standing, self._audience.known) != (before, known) or self.recorded < MOST_EVENTS:
                events.append(HeardEvent.taken(item, standing.status, reason))
                self.recorded += 1
            self._ids.add(item.id)
            self._keys.add(event.key)
        return Heard(standing, entries, events)

    def close(self, standing: Standing, *, reports_delivery: bool) -> tuple[Standing, Note] | None:
        """Where the end of the receipt window leaves the interaction, and the note on it; None if it says nothing.

        Silence completes what has no receipts, and is noted on all else.
        """
        failure = self._audience.failure
        if standing.status is Status.SENT and failure is not None:
            return standing.hear(Milestone.FAILED, failure), Note(code="not_at_all_destinations")
        if standing.status is Status.SENT and not reports_delivery:
            return standing.model_copy(update={"status": Status.COMPLETED}), Note(code="no_bounce")
        if standing.status is Status.COMPLETED:
            return None
        return standing, Note(code="no_confirmation")

    def _hear(self, standing: Standing, event: ProviderEvent) -> tuple[Standing, str | None]:
        """The standing after an event, and why the event was not applied, if it was not."""
        if not self._audience.includes(event):
            return standing, "other_destination"
        reason = why_not_applied(standing, event, repeated=event.key in self._keys)
        if reason is not None:
            return standing, reason
        milestone, word = self._audience.hear(event)
        after = standing if milestone is Milestone.NONE else standing.hear(milestone, word)
        return after, "not_all_destinations" if after == standing else None
