"""Outcomes of failed dispatch activities, from errors as the Temporal server produces them."""

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, RetryState, TimeoutError, TimeoutType  # noqa: A004 - the SDK's own name

from domain.outcomes import OutcomeUnknown
from workflows.outcomes import outcome_of_failure

STARTED, NEVER_STARTED = 6, 0
NOT_ACCEPTED = ApplicationError("throttled", type="NotAccepted")


def timeout(kind: TimeoutType, after: ApplicationError | None) -> TimeoutError:
    error = TimeoutError("out of time", type=kind, last_heartbeat_details=[])
    error.__cause__ = after
    return error


def given_up(started: int, cause: BaseException) -> ActivityError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=5,
        started_event_id=started,
        identity="worker",
        activity_type="dispatch",
        activity_id="1",
        retry_state=RetryState.TIMEOUT,
    )
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", [TimeoutType.START_TO_CLOSE, TimeoutType.HEARTBEAT, TimeoutType.SCHEDULE_TO_CLOSE])
@pytest.mark.parametrize("earlier", [None, NOT_ACCEPTED])
def test_a_lost_attempt_may_have_sent_the_message_whatever_earlier_ones_reported(
    kind: TimeoutType, earlier: ApplicationError | None
) -> None:
    outcome = outcome_of_failure(given_up(STARTED, timeout(kind, earlier)))
    assert isinstance(outcome, OutcomeUnknown)


def test_a_message_that_the_last_attempt_reports_as_not_accepted_was_not_sent() -> None:
    assert outcome_of_failure(given_up(STARTED, NOT_ACCEPTED)) == "NotAccepted: throttled"


@pytest.mark.parametrize(
    ("kind", "earlier", "words"),
    [
        (TimeoutType.SCHEDULE_TO_CLOSE, NOT_ACCEPTED, "NotAccepted: throttled"),
        (TimeoutType.SCHEDULE_TO_START, None, "out of time"),
    ],
)
def test_time_that_runs_out_while_no_attempt_is_under_way_sends_nothing(
    kind: TimeoutType, earlier: ApplicationError | None, words: str
) -> None:
    assert outcome_of_failure(given_up(NEVER_STARTED, timeout(kind, earlier))) == words


@pytest.mark.parametrize("started", [NEVER_STARTED, STARTED])
def test_a_cancelled_attempt_did_not_send(started: int) -> None:
    """An attempt that has handed the message over is shielded from cancellation."""
    assert outcome_of_failure(given_up(started, CancelledError("cancelled"))) == "cancelled"


@pytest.mark.parametrize(
    ("heartbeat", "may_have_sent"), [([], True), ([1], True), ([2, True], True), ([1, False], False)]
)
@pytest.mark.parametrize("kind", [TimeoutType.START_TO_CLOSE, TimeoutType.HEARTBEAT])
def test_an_attempt_that_was_lost_before_it_handed_anything_over_was_not_sent(
    kind: TimeoutType, heartbeat: list[object], *, may_have_sent: bool
) -> None:
    error = TimeoutError("out of time", type=kind, last_heartbeat_details=heartbeat)
    assert isinstance(outcome_of_failure(given_up(STARTED, error)), OutcomeUnknown) is may_have_sent
