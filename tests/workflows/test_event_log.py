"""The event log gives the same state for any order, batching, repetition, crash and end of the receipt window."""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.destinations import Destination, DestinationKind
from domain.events import ProviderEvent, ReceivedEvent
from domain.interaction import HistoryEntry, RecordedEvent
from domain.outcomes import Accepted, FailureClass, Outcome, OutcomeUnknown, RefusedDestination, Rejected
from domain.status import TRANSITIONS, InteractionState, Milestone, Status
from workflows.event_log import MAX_RECORDED_EVENTS, EventLog
from workflows.history_notes import events_of_refused
from workflows.outcomes import UNKNOWN, state_after
from workflows.recipient_progress import ReachedMilestone

AT = datetime(2025, 6, 25, 9, 48, 21, 246_000, UTC)
ANA, BLAS, COPY = "ana@correo.es", "blas@correo.es", "copia@correo.es"
PHONE, OTHER_FORM = "5491123456789", "541123456789"
BOTH = [Destination(key=DestinationKind.EMAIL, value=value) for value in (ANA, BLAS)]
ONE = [Destination(key=DestinationKind.PHONE_NUMBER, value=PHONE)]
NOWHERE: ReachedMilestone = (Milestone.NONE, "")

REACHED: list[ReachedMilestone] = [
    (Milestone.NONE, "pondering"),
    (Milestone.ACCEPTED, "accepted"),
    (Milestone.SENT, "enroute"),
    (Milestone.SENT, "sent"),
    (Milestone.FAILED, "bounced"),
    (Milestone.FAILED, "undelivered"),
    (Milestone.DELIVERED, "delivered"),
    (Milestone.READ, "read"),
]

REFUSED = RefusedDestination(destination=BLAS, code="550", failure=FailureClass.DESTINATION)
ANSWERS: list[Outcome | str] = [
    Accepted(provider_message_id="m1", provider_status="queued"),
    Rejected(code="30006", failure=FailureClass.DESTINATION),
    OutcomeUnknown(),
    "unreachable",
]


def received_event(number: int, event: ProviderEvent) -> ReceivedEvent:
    return ReceivedEvent(id=f"log-{number}", received_at=AT, event=event)


def event(destination: str | None, milestone: Milestone, word: str, variant: int = 0) -> ProviderEvent:
    key = f"{destination}:{word}:{variant}"
    return ProviderEvent(key=key, provider_status=word, milestone=milestone, destination=destination)


def unknown_statuses(count: int) -> list[RecordedEvent]:
    """Recorded events without a known milestone."""
    received = [
        received_event(-1 - number, event(None, Milestone.NONE, "pondering", number)) for number in range(count)
    ]
    return [RecordedEvent.taken(one, Status.SENT, "unknown_status") for one in received]


NEARLY_FULL = unknown_statuses(MAX_RECORDED_EVENTS - 1)


@st.composite
def provider_events(draw: st.DrawFn, destinations: list[Destination]) -> ProviderEvent:
    about = [ANA, BLAS, ANA, BLAS, COPY, None] if destinations is BOTH else [PHONE, OTHER_FORM, None]
    destination, reached = draw(st.sampled_from(about)), draw(st.sampled_from(REACHED))
    return event(destination, *reached, variant=draw(st.integers(0, 1)))


class Receipts(RuleBasedStateMachine):
    """State machine of one interaction, from the provider's answer on.

    The model is the highest milestone received for each destination, and the lowest of these; it knows no order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.destinations = ONE
        self.record: list[RecordedEvent] = []
        self.history = [HistoryEntry(date=AT, status=Status.DISPATCH_PENDING)]
        self.state = InteractionState(status=Status.DISPATCH_PENDING)
        self.log = EventLog(self.destinations)
        self.inbox: list[ReceivedEvent] = []
        self.signalled: list[ReceivedEvent] = []
        self.answered = False
        self.closed = False
        self.start = self.state
        self.reached: dict[str, ReachedMilestone] = {}

    @initialize(destinations=st.sampled_from([ONE, BOTH]), recorded=st.sampled_from([0, len(NEARLY_FULL)]))
    def begin(self, destinations: list[Destination], recorded: int) -> None:
        self.destinations = destinations
        self.record = NEARLY_FULL[:recorded]
        self.log = EventLog(destinations, self.record)
        self.reached = {one.value: NOWHERE for one in destinations}

    @rule(data=st.data(), again=st.booleans())
    def signal_events(self, data: st.DataObject, again: bool) -> None:
        fresh = provider_events(self.destinations)
        one = data.draw(st.sampled_from(self.signalled)).event if self.signalled and again else data.draw(fresh)
        self.signalled.append(received_event(len(self.signalled), one))
        self.inbox.append(self.signalled[-1])

    @precondition(lambda self: self.signalled)
    @rule(data=st.data())
    def deliver_the_same_signal_again(self, data: st.DataObject) -> None:
        self.inbox.append(data.draw(st.sampled_from(self.signalled)))

    @precondition(lambda self: self.inbox)
    @rule(data=st.data(), lose=st.booleans())
    def lose_or_delay(self, data: st.DataObject, lose: bool) -> None:
        one = self.inbox.pop(data.draw(st.integers(0, len(self.inbox) - 1)))
        if not lose:
            self.inbox.append(one)

    @precondition(lambda self: not self.answered)
    @rule(outcome=st.sampled_from(ANSWERS), partly=st.booleans())
    def answer(self, outcome: Outcome | str, partly: bool) -> None:
        if isinstance(outcome, Accepted) and partly and self.destinations is BOTH:
            outcome = outcome.model_copy(update={"refused": (REFUSED,)})
            self.reached[BLAS] = (Milestone.FAILED, "rejected")
        self.answered = True
        self.start = state_after(outcome)
        refused = self.log.refuse(events_of_refused(outcome), self.start, AT)
        self._write(self.start, [entry_of(self.start)], refused)

    @precondition(lambda self: self.answered)
    @rule(data=st.data(), more=st.integers(0, 3), crash=st.booleans())
    def apply_a_batch(self, data: st.DataObject, more: int, crash: bool) -> None:
        for _ in range(more):
            self.signal_events(data, again=False)
        batch, self.inbox = self.inbox, []
        known = {one.id for one in self.record}
        full = len(self.record) + len(batch) > MAX_RECORDED_EVENTS
        applied = self.log.apply(batch, self.state, AT)
        for one in batch:
            self._model(one.event)
        fresh = list(dict.fromkeys(one.id for one in batch if one.id not in known))
        recorded = [one.id for one in applied.events]
        assert recorded == [one for one in fresh if one in recorded]
        assert full or recorded == fresh
        assert all(one.applied is (one.reason is None) for one in applied.events)
        assert [(entry.status, entry.custom_status) for entry in applied.entries][-1:] in (
            [],
            [(applied.state.status, applied.state.custom_status)],
        )
        assert len(applied.entries) == sum(one.applied for one in applied.events)
        self._write(applied.state, applied.entries, applied.events)
        if crash:
            self._resume_from_the_record()

    @precondition(lambda self: self.answered and not self.closed and not self._is_given_up())
    @rule(reports_delivery=st.booleans())
    def close_the_window(self, reports_delivery: bool) -> None:
        self.closed = True
        failures = [word for milestone, word in self.reached.values() if milestone is Milestone.FAILED]
        if self.state.status is Status.SENT and failures:
            word = min(failures)
            expected = InteractionState(status=Status.PROCESS_ERROR, custom_status=word, milestone=Milestone.FAILED)
        elif self.state.status is Status.SENT and not reports_delivery:
            expected = self.state.model_copy(update={"status": Status.COMPLETED})
        else:
            expected = self.state
        closed = self.log.close(self.state, reports_delivery=reports_delivery)
        assert (closed is None) is (self.state.status is Status.COMPLETED)
        if closed is not None:
            state, note = closed
            assert (state, bool(note)) == (expected, True)
            self.start = state
            self._write(state, [entry_of(state)], [])

    @invariant()
    def its_state_is_that_of_the_slowest_destination(self) -> None:
        least = min(self.reached.values(), default=NOWHERE)
        expected = self.start if least[0] is Milestone.NONE else self.start.apply(*least)
        assert self.state == expected

    @invariant()
    def its_status_moved_only_as_the_table_allows(self) -> None:
        before, *later = [entry.status for entry in self.history]
        for status in later:
            assert status is before or status in TRANSITIONS[before]
            before = status

    @invariant()
    def each_event_is_recorded_once_and_counted(self) -> None:
        assert len({one.id for one in self.record}) == len(self.record) == self.log.recorded

    def _resume_from_the_record(self) -> None:
        before = len(self.record) // len(NEARLY_FULL) * len(NEARLY_FULL)
        written = [RecordedEvent.model_validate_json(one.model_dump_json()) for one in self.record[before:]]
        self.log = EventLog(self.destinations, self.record[:before] + written)
        self.state = InteractionState.model_validate_json(self.state.model_dump_json())

    def _is_given_up(self) -> bool:
        given_up = self.state.status is Status.PROVIDER_SENDING_ERROR and self.state.custom_status != UNKNOWN
        return given_up or self.state.status is Status.PROCESS_ERROR

    def _write(self, state: InteractionState, entries: list[HistoryEntry], events: list[RecordedEvent]) -> None:
        self.state = state
        self.history += entries
        self.record += events

    def _model(self, one: ProviderEvent) -> None:
        if one.milestone is Milestone.NONE or one.destination == COPY:
            return
        for destination in [one.destination] if one.destination in self.reached else list(self.reached):
            self.reached[destination] = max(self.reached[destination], (one.milestone, one.provider_status))


def entry_of(state: InteractionState) -> HistoryEntry:
    return HistoryEntry(date=AT, status=state.status, custom_status=state.custom_status)


Receipts.TestCase.settings = settings(max_examples=50, stateful_step_count=25)


class TestReceipts(Receipts.TestCase):
    """Test case of the state machine above."""


SENT = InteractionState(status=Status.SENT, custom_status="queued", milestone=Milestone.ACCEPTED)


def test_an_event_of_one_destination_of_two_is_recorded_although_the_maximum_is_reached() -> None:
    log = EventLog(BOTH, unknown_statuses(MAX_RECORDED_EVENTS))
    first = log.apply([received_event(1, event(ANA, Milestone.DELIVERED, "delivered"))], SENT, AT)
    assert [one.reason for one in first.events] == ["not_all_destinations"]
    resumed = EventLog(BOTH, unknown_statuses(MAX_RECORDED_EVENTS) + first.events)
    assert resumed.apply(
        [received_event(2, event(BLAS, Milestone.DELIVERED, "delivered"))], SENT, AT
    ).state == InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)


def test_events_that_change_nothing_are_not_recorded_beyond_the_maximum() -> None:
    log = EventLog(BOTH)
    flood = [
        received_event(number, event(ANA, Milestone.DELIVERED, "delivered", number))
        for number in range(MAX_RECORDED_EVENTS + 50)
    ]
    assert len(log.apply(flood, SENT, AT).events) == MAX_RECORDED_EVENTS


def test_a_window_that_closes_after_one_failure_gives_the_providers_status_for_it() -> None:
    log = EventLog(BOTH)
    log.apply([received_event(1, event(ANA, Milestone.FAILED, "bounced"))], SENT, AT)
    closed = log.close(SENT, reports_delivery=False)
    assert closed is not None
    state, _ = closed
    assert (state.status, state.custom_status) == (Status.PROCESS_ERROR, "bounced")
    late = log.apply([received_event(2, event(BLAS, Milestone.DELIVERED, "delivered"))], state, AT)
    assert late.state == state
