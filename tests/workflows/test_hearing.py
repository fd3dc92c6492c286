"""Hearing news: in whatever order, batches and repetitions, across crashes and the window's end, to the same place."""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.destinations import Destination, DestinationKind
from domain.events import HeardNews, ProviderEvent
from domain.interaction import HeardEvent, HistoryEntry
from domain.outcomes import Accepted, FailureClass, Outcome, RefusedDestination, Rejected, Unanswered
from domain.status import TRANSITIONS, Milestone, Standing, Status
from workflows.audience import Reached
from workflows.hearing import MOST_EVENTS, Hearing
from workflows.outcomes import UNKNOWN, standing_after
from workflows.story import events_of_refused

AT = datetime(2025, 6, 25, 9, 48, 21, 246_000, UTC)
ANA, BLAS, COPY = "ana@correo.es", "blas@correo.es", "copia@correo.es"
PHONE, OTHER_FORM = "5491123456789", "541123456789"
BOTH = [Destination(key=DestinationKind.EMAIL, value=value) for value in (ANA, BLAS)]
ONE = [Destination(key=DestinationKind.PHONE_NUMBER, value=PHONE)]
NOWHERE: Reached = (Milestone.NONE, "")

REACHED: list[Reached] = [
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
    Accepted(provider_message_id="m1", word="queued"),
    Rejected(code="30006", failure=FailureClass.DESTINATION),
    Unanswered(),
    "unreachable",
]


def news(number: int, event: ProviderEvent) -> HeardNews:
    return HeardNews(id=f"hearing-{number}", heard_at=AT, event=event)


def event(destination: str | None, milestone: Milestone, word: str, variant: int = 0) -> ProviderEvent:
    key = f"{destination}:{word}:{variant}"
    return ProviderEvent(key=key, word=word, milestone=milestone, destination=destination)


def unknown_words(count: int) -> list[HeardEvent]:
    """A record of so many events, none of which means anything."""
    heard = [news(-1 - number, event(None, Milestone.NONE, "pondering", number)) for number in range(count)]
    return [HeardEvent.taken(one, Status.SENT, "unknown_status") for one in heard]


NEARLY_FULL = unknown_words(MOST_EVENTS - 1)


@st.composite
def told_events(draw: st.DrawFn, destinations: list[Destination]) -> ProviderEvent:
    about = [ANA, BLAS, ANA, BLAS, COPY, None] if destinations is BOTH else [PHONE, OTHER_FORM, None]
    destination, reached = draw(st.sampled_from(about)), draw(st.sampled_from(REACHED))
    return event(destination, *reached, variant=draw(st.integers(0, 1)))


class Receipts(RuleBasedStateMachine):
    """One interaction from the provider's answer on, as its workflow hears of it.

    The model is the furthest that was heard of each destination, and the least of these; it knows no order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.destinations = ONE
        self.record: list[HeardEvent] = []
        self.history = [HistoryEntry(date=AT, status=Status.DISPATCH_PENDING)]
        self.standing = Standing(status=Status.DISPATCH_PENDING)
        self.hearing = Hearing(self.destinations)
        self.inbox: list[HeardNews] = []
        self.told: list[HeardNews] = []
        self.answered = False
        self.closed = False
        self.start = self.standing
        self.reached: dict[str, Reached] = {}

    @initialize(destinations=st.sampled_from([ONE, BOTH]), recorded=st.sampled_from([0, len(NEARLY_FULL)]))
    def begin(self, destinations: list[Destination], recorded: int) -> None:
        self.destinations = destinations
        self.record = NEARLY_FULL[:recorded]
        self.hearing = Hearing(destinations, self.record)
        self.reached = {one.value: NOWHERE for one in destinations}

    @rule(data=st.data(), again=st.booleans())
    def tell(self, data: st.DataObject, again: bool) -> None:
        fresh = told_events(self.destinations)
        one = data.draw(st.sampled_from(self.told)).event if self.told and again else data.draw(fresh)
        self.told.append(news(len(self.told), one))
        self.inbox.append(self.told[-1])

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def deliver_the_same_signal_again(self, data: st.DataObject) -> None:
        self.inbox.append(data.draw(st.sampled_from(self.told)))

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
        self.start = standing_after(outcome)
        refused = self.hearing.refuse(events_of_refused(outcome), self.start, AT)
        self._write(self.start, [entry_of(self.start)], refused)

    @precondition(lambda self: self.answered)
    @rule(data=st.data(), more=st.integers(0, 3), crash=st.booleans())
    def take_a_batch(self, data: st.DataObject, more: int, crash: bool) -> None:
        for _ in range(more):
            self.tell(data, again=False)
        batch, self.inbox = self.inbox, []
        known = {one.id for one in self.record}
        full = len(self.record) + len(batch) > MOST_EVENTS
        heard = self.hearing.take(batch, self.standing, AT)
        for one in batch:
            self._model(one.event)
        fresh = list(dict.fromkeys(one.id for one in batch if one.id not in known))
        taken = [one.id for one in heard.events]
        assert taken == [one for one in fresh if one in taken]
        assert full or taken == fresh
        assert all(one.applied is (one.reason is None) for one in heard.events)
        assert [(entry.status, entry.custom_status) for entry in heard.entries][-1:] in (
            [],
            [(heard.standing.status, heard.standing.custom_status)],
        )
        assert len(heard.entries) == sum(one.applied for one in heard.events)
        self._write(heard.standing, heard.entries, heard.events)
        if crash:
            self._go_on_from_the_record()

    @precondition(lambda self: self.answered and not self.closed and not self._is_given_up())
    @rule(reports_delivery=st.booleans())
    def close_the_window(self, reports_delivery: bool) -> None:
        self.closed = True
        failures = [word for milestone, word in self.reached.values() if milestone is Milestone.FAILED]
        if self.standing.status is Status.SENT and failures:
            word = min(failures)
            expected = Standing(status=Status.PROCESS_ERROR, custom_status=word, milestone=Milestone.FAILED)
        elif self.standing.status is Status.SENT and not reports_delivery:
            expected = self.standing.model_copy(update={"status": Status.COMPLETED})
        else:
            expected = self.standing
        closed = self.hearing.close(self.standing, reports_delivery=reports_delivery)
        assert (closed is None) is (self.standing.status is Status.COMPLETED)
        if closed is not None:
            standing, note = closed
            assert (standing, bool(note)) == (expected, True)
            self.start = standing
            self._write(standing, [entry_of(standing)], [])

    @invariant()
    def it_stands_where_the_furthest_of_the_slowest_destination_is(self) -> None:
        least = min(self.reached.values(), default=NOWHERE)
        expected = self.start if least[0] is Milestone.NONE else self.start.hear(*least)
        assert self.standing == expected

    @invariant()
    def its_status_moved_only_as_the_table_allows(self) -> None:
        before, *later = [entry.status for entry in self.history]
        for status in later:
            assert status is before or status in TRANSITIONS[before]
            before = status

    @invariant()
    def each_hearing_is_recorded_once_and_counted(self) -> None:
        assert len({one.id for one in self.record}) == len(self.record) == self.hearing.recorded

    def _go_on_from_the_record(self) -> None:
        before = len(self.record) // len(NEARLY_FULL) * len(NEARLY_FULL)
        written = [HeardEvent.model_validate_json(one.model_dump_json()) for one in self.record[before:]]
        self.hearing = Hearing(self.destinations, self.record[:before] + written)
        self.standing = Standing.model_validate_json(self.standing.model_dump_json())

    def _is_given_up(self) -> bool:
        given_up = self.standing.status is Status.PROVIDER_SENDING_ERROR and self.standing.custom_status != UNKNOWN
        return given_up or self.standing.status is Status.PROCESS_ERROR

    def _write(self, standing: Standing, entries: list[HistoryEntry], events: list[HeardEvent]) -> None:
        self.standing = standing
        self.history += entries
        self.record += events

    def _model(self, one: ProviderEvent) -> None:
        if one.milestone is Milestone.NONE or one.destination == COPY:
            return
        for destination in [one.destination] if one.destination in self.reached else list(self.reached):
            self.reached[destination] = max(self.reached[destination], (one.milestone, one.word))


def entry_of(standing: Standing) -> HistoryEntry:
    return HistoryEntry(date=AT, status=standing.status, custom_status=standing.custom_status)


Receipts.TestCase.settings = settings(max_examples=100, stateful_step_count=25)


class TestReceipts(Receipts.TestCase):
    """The machine above."""


SENT = Standing(status=Status.SENT, custom_status="queued", milestone=Milestone.ACCEPTED)


def test_news_of_one_destination_of_two_is_recorded_however_much_was_heard_before() -> None:
    hearing = Hearing(BOTH, unknown_words(MOST_EVENTS))
    first = hearing.take([news(1, event(ANA, Milestone.DELIVERED, "delivered"))], SENT, AT)
    assert [one.reason for one in first.events] == ["not_all_destinations"]
    resumed = Hearing(BOTH, unknown_words(MOST_EVENTS) + first.events)
    assert resumed.take([news(2, event(BLAS, Milestone.DELIVERED, "delivered"))], SENT, AT).standing == Standing(
        status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED
    )


def test_news_that_tells_nothing_more_is_not_recorded_for_ever() -> None:
    hearing = Hearing(BOTH)
    flood = [news(number, event(ANA, Milestone.DELIVERED, "delivered", number)) for number in range(MOST_EVENTS + 50)]
    assert len(hearing.take(flood, SENT, AT).events) == MOST_EVENTS


def test_a_window_that_closes_after_one_failure_tells_the_providers_word_for_it() -> None:
    hearing = Hearing(BOTH)
    hearing.take([news(1, event(ANA, Milestone.FAILED, "bounced"))], SENT, AT)
    closed = hearing.close(SENT, reports_delivery=False)
    assert closed is not None
    standing, _ = closed
    assert (standing.status, standing.custom_status) == (Status.PROCESS_ERROR, "bounced")
    late = hearing.take([news(2, event(BLAS, Milestone.DELIVERED, "delivered"))], standing, AT)
    assert late.standing == standing
