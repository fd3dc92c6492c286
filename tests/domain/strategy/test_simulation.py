"""The dry run of a strategy decides as a run does, on a virtual clock."""

from datetime import UTC, datetime, timedelta

from domain.strategy.plan import RunOutcome, Step, Success
from domain.strategy.progress import Reason
from domain.strategy.simulation import FAILING, SILENT, AssumedOutcome, Assumption, Moment, Timeline, cases, simulate

BEGIN = datetime(2026, 12, 1, 9, tzinfo=UTC)
TWO = [Step(deadline=timedelta(minutes=2)), Step(deadline=timedelta(hours=1))]


def rehearsed(*assumptions: Assumption, opens: dict[int, datetime] | None = None) -> Timeline:
    return simulate(TWO, assumptions, BEGIN, opens or {})


def starts(timeline: Timeline) -> list[tuple[int | None, timedelta, Reason]]:
    return [(one.step, one.at - BEGIN, one.reason) for one in timeline.moments if one.reason is not None]


def test_a_silent_step_is_followed_at_its_deadline() -> None:
    timeline = rehearsed(Assumption(1, AssumedOutcome.DELIVERED, timedelta(seconds=10)))
    assert starts(timeline) == [(0, timedelta(), Reason.FIRST), (1, timedelta(minutes=2), Reason.DEADLINE)]
    assert timeline.moments[-1] == Moment(BEGIN + timedelta(minutes=2, seconds=10), outcome=RunOutcome.SUCCEEDED)


def test_a_late_delivery_makes_two() -> None:
    timeline = rehearsed(
        Assumption(0, AssumedOutcome.DELIVERED, timedelta(minutes=5)),
        Assumption(1, AssumedOutcome.DELIVERED, timedelta(seconds=10)),
    )
    assert (timeline.outcome, timeline.is_delivered_twice) == (RunOutcome.SUCCEEDED, True)


def test_the_deadline_counts_from_when_the_gate_lets_the_message_go() -> None:
    opens = {0: BEGIN + timedelta(hours=12)}
    assert starts(rehearsed(opens=opens))[1] == (1, timedelta(hours=12, minutes=2), Reason.DEADLINE)


def test_the_cases_end_as_their_names_say() -> None:
    shown = {name: simulate(TWO, assumed, BEGIN, {}) for name, assumed in cases(TWO).items()}
    assert {name: (one.outcome, len(one.states)) for name, one in shown.items()} == {
        "best": (RunOutcome.SUCCEEDED, 1),
        SILENT: (RunOutcome.UNCONFIRMED, 2),
        FAILING: (RunOutcome.FAILED, 2),
    }


def test_where_reading_is_awaited_a_delivered_message_is_followed() -> None:
    reading = [step.model_copy(update={"success": Success.READ}) for step in TWO]
    timeline = simulate(reading, [Assumption(0, AssumedOutcome.DELIVERED, timedelta())], BEGIN, {})
    assert starts(timeline)[1:] == [(1, timedelta(minutes=2), Reason.DEADLINE)]
