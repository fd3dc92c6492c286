"""State machine of an interaction: its transitions, and how provider events move it.

The rows of `TRANSITIONS` form a chain, so applying events takes a maximum: order, repetition and delay of receipts
cannot change the final state.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict


class Status(StrEnum):
    """The eight statuses of an interaction, as the vendor documents them."""

    VALIDATION_PENDING = "VALIDATION_PENDING"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    DISPATCH_PENDING = "DISPATCH_PENDING"
    PROVIDER_SENDING_ERROR = "PROVIDER_SENDING_ERROR"
    SENT = "SENT"
    PROCESS_ERROR = "PROCESS_ERROR"
    COMPLETED = "COMPLETED"
    RECEIVED = "RECEIVED"


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.VALIDATION_PENDING: frozenset({Status.VALIDATION_ERROR, Status.DISPATCH_PENDING}),
    Status.VALIDATION_ERROR: frozenset(),
    # A receipt may overtake the provider's own answer, so a queued interaction can become delivered.
    Status.DISPATCH_PENDING: frozenset(
        {Status.PROVIDER_SENDING_ERROR, Status.SENT, Status.PROCESS_ERROR, Status.COMPLETED}
    ),
    # A send whose answer was lost may have gone out: later evidence corrects the error.
    Status.PROVIDER_SENDING_ERROR: frozenset({Status.SENT, Status.PROCESS_ERROR, Status.COMPLETED}),
    Status.SENT: frozenset({Status.PROCESS_ERROR, Status.COMPLETED}),
    # Providers have been seen to report a failure and then a delivery: proof of delivery wins.
    Status.PROCESS_ERROR: frozenset({Status.COMPLETED}),
    Status.COMPLETED: frozenset(),
    Status.RECEIVED: frozenset(),
}

UNSENT: Final = frozenset({Status.VALIDATION_PENDING, Status.DISPATCH_PENDING})
"""Statuses in which possibly no provider has the message."""

FAILURES: Final = frozenset({Status.VALIDATION_ERROR, Status.PROVIDER_SENDING_ERROR, Status.PROCESS_ERROR})
"""Statuses that need a person's attention."""


def advance(current: Status, target: Status) -> Status:
    """Return the status after an event that leads to `target`; late and repeated events change nothing."""
    return target if target in TRANSITIONS[current] else current


class IllegalTransitionError(Exception):
    """A state that `TRANSITIONS` does not allow after the current one: a fault of ours, which must not be recorded."""


class Milestone(IntEnum):
    """Progress of a message as a provider reports it; finer than `Status`, coarser than the provider's own statuses."""

    NONE = 0
    ACCEPTED = 1
    SENT = 2
    FAILED = 3
    DELIVERED = 4
    READ = 5


STATUS_OF_MILESTONE: Final[Mapping[Milestone, Status]] = {
    Milestone.ACCEPTED: Status.SENT,
    Milestone.SENT: Status.SENT,
    Milestone.FAILED: Status.PROCESS_ERROR,
    Milestone.DELIVERED: Status.COMPLETED,
    Milestone.READ: Status.COMPLETED,
}


class InteractionState(BaseModel):
    """State of an interaction: its status, the provider's finer status, and the milestone behind that."""

    model_config = ConfigDict(frozen=True)

    status: Status
    custom_status: str | None = None
    milestone: Milestone = Milestone.NONE

    def apply(self, milestone: Milestone, provider_status: str) -> "InteractionState":
        """Return the state after an event with this `milestone` and the provider's own `provider_status`.

        The event changes the state if it moves the status, or if it is finer within the same status. Two provider
        statuses of one milestone are ordered alphabetically: an arbitrary order, but one that arrival cannot change.
        """
        target = STATUS_OF_MILESTONE[milestone]
        status = advance(self.status, target)
        if status is not self.status:
            return InteractionState(status=status, custom_status=provider_status, milestone=milestone)
        finer = (milestone, provider_status) > (self.milestone, self.custom_status or "")
        if target is self.status and finer:
            return InteractionState(status=status, custom_status=provider_status, milestone=milestone)
        return self


def transition(current: InteractionState, target: InteractionState) -> InteractionState:
    """Return the next state of an interaction: every state that is recorded passes here.

    Raises:
        IllegalTransitionError: if `TRANSITIONS` has no such step.
    """
    if target.status is not current.status and target.status not in TRANSITIONS[current.status]:
        raise IllegalTransitionError(f"{current.status} does not become {target.status}")
    return target
