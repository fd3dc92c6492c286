"""What may be cancelled, and what may be sent again."""

import pytest

from domain.cancelling import why_not_cancelled
from domain.interaction import Direction
from domain.resending import why_not_resent
from domain.status import Standing, Status
from domain.waiting import CANCELLED, UNKNOWN


def standing(status: Status, word: str | None = None) -> Standing:
    return Standing(status=status, custom_status=word)


UNCERTAIN = [
    standing(Status.VALIDATION_PENDING),
    standing(Status.DISPATCH_PENDING),
    standing(Status.SENT, "queued"),
    standing(Status.PROVIDER_SENDING_ERROR, UNKNOWN),
]
CERTAIN = [
    standing(Status.VALIDATION_ERROR),
    standing(Status.PROVIDER_SENDING_ERROR, "rejected"),
    standing(Status.PROVIDER_SENDING_ERROR, CANCELLED),
    standing(Status.PROCESS_ERROR, "undelivered"),
    standing(Status.COMPLETED, "delivered"),
]


@pytest.mark.parametrize("where", UNCERTAIN, ids=str)
def test_what_may_still_arrive_is_sent_again_only_by_force(where: Standing) -> None:
    assert why_not_resent(Direction.OUT, where, has_content=True, is_forced=False) == "may_still_arrive"
    assert why_not_resent(Direction.OUT, where, has_content=True, is_forced=True) is None


@pytest.mark.parametrize("where", CERTAIN, ids=str)
def test_what_is_certain_is_sent_again(where: Standing) -> None:
    assert why_not_resent(Direction.OUT, where, has_content=True, is_forced=False) is None


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (standing(Status.VALIDATION_PENDING), "being_sent"),
        (standing(Status.DISPATCH_PENDING), "being_sent"),
        (standing(Status.SENT), "already_sent"),
        (standing(Status.COMPLETED), "already_sent"),
        (standing(Status.PROCESS_ERROR), "already_sent"),
        (standing(Status.PROVIDER_SENDING_ERROR, UNKNOWN), "may_have_been_sent"),
        (standing(Status.PROVIDER_SENDING_ERROR, "rejected"), "already_ended"),
        (standing(Status.VALIDATION_ERROR), "already_ended"),
        (standing(Status.RECEIVED), "already_ended"),
        (standing(Status.PROVIDER_SENDING_ERROR, CANCELLED), None),
    ],
)
def test_only_what_is_cancelled_is_said_to_be(where: Standing, code: str | None) -> None:
    assert why_not_cancelled(where) == code
