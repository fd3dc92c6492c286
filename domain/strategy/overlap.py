"""Overlap of a step with the next one: whether both messages may reach the recipient, and why.

Facts about validity and recall: `docs/strategies.md`. None of them is certain, so that only a step that nothing
follows, or that is followed only when it failed, never overlaps.
"""

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.strategy.plan import Success


class OverlapReason(StrEnum):
    """Why a message may, or never does, reach the recipient besides the next one."""

    LAST = "last"
    SENT_SUFFICES = "sent_suffices"
    READ_AWAITED = "read_awaited"
    RECALL_UNCERTAIN = "recall_uncertain"
    VALIDITY_UNCERTAIN = "validity_uncertain"
    VALIDITY_TOO_LONG = "validity_too_long"
    NO_VALIDITY = "no_validity"


NEVER = frozenset({OverlapReason.LAST, OverlapReason.SENT_SUFFICES})
"""Reasons for which a step never overlaps with the next one."""


class Means(NamedTuple):
    """What a provider does about a message that is of no use any more.

    Attributes:
        recalls: whether it can be asked to take a message back.
        min_validity: the shortest validity of a message that it takes; None if it takes none.
    """

    recalls: bool = False
    min_validity: timedelta | None = None


def overlap_of(success: Success, deadline: timedelta, means: Means, *, is_last: bool) -> OverlapReason:
    """Return why a step may, or never does, overlap with the next one.

    Args:
        success: what it must reach.
        deadline: how long that is awaited.
        means: what its provider does on its channel.
        is_last: whether no step follows it.
    """
    if is_last:
        return OverlapReason.LAST
    if success is not Success.DELIVERED:
        return OverlapReason.SENT_SUFFICES if success is Success.SENT else OverlapReason.READ_AWAITED
    if means.recalls:
        return OverlapReason.RECALL_UNCERTAIN
    if means.min_validity is None:
        return OverlapReason.NO_VALIDITY
    return OverlapReason.VALIDITY_UNCERTAIN if means.min_validity <= deadline else OverlapReason.VALIDITY_TOO_LONG
