"""Rules for cancelling and resending."""

import pytest

from domain.cancelling import why_not_cancelled
from domain.deadlines import CANCELLED, UNKNOWN
from domain.interaction import Direction
from domain.resending import why_not_resent
from domain.status import InteractionState, Status


def state(status: Status, word: str | None = None) -> InteractionState:
    return InteractionState(status=status, custom_status=word)


UNCERTAIN = [
    state(Status.VALIDATION_PENDING),
    state(Status.DISPATCH_PENDING),
    state(Status.SENT, "queued"),
    state(Status.PROVIDER_SENDING_ERROR, UNKNOWN),
]
CERTAIN = [
    state(Status.VALIDATION_ERROR),
    state(Status.PROVIDER_SENDING_ERROR, "rejected"),
    state(Status.PROVIDER_SENDING_ERROR, CANCELLED),
    state(Status.PROCESS_ERROR, "undelivered"),
    state(Status.COMPLETED, "delivered"),
]


@pytest.mark.parametrize("where", UNCERTAIN, ids=str)
def test_a_message_that_may_still_arrive_is_resent_only_by_force(where: InteractionState) -> None:
    assert why_not_resent(Direction.OUT, where, has_content=True, is_forced=False) == "may_still_arrive"
    assert why_not_resent(Direction.OUT, where, has_content=True, is_forced=True) is None


@pytest.mark.parametrize("where", CERTAIN, ids=str)
def test_a_message_with_a_known_failure_is_resent(where: InteractionState) -> None:
    assert why_not_resent(Direction.OUT, where, has_content=True, is_forced=False) is None


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (state(Status.VALIDATION_PENDING), "being_sent"),
        (state(Status.DISPATCH_PENDING), "being_sent"),
        (state(Status.SENT), "already_sent"),
        (state(Status.COMPLETED), "already_sent"),
        (state(Status.PROCESS_ERROR), "already_sent"),
        (state(Status.PROVIDER_SENDING_ERROR, UNKNOWN), "may_have_been_sent"),
        (state(Status.PROVIDER_SENDING_ERROR, "rejected"), "already_ended"),
        (state(Status.VALIDATION_ERROR), "already_ended"),
        (state(Status.RECEIVED), "already_ended"),
        (state(Status.PROVIDER_SENDING_ERROR, CANCELLED), None),
    ],
)
def test_only_a_cancelled_interaction_is_reported_as_cancelled(where: InteractionState, code: str | None) -> None:
    assert why_not_cancelled(where) == code
