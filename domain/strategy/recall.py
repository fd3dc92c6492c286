"""Recall of a message that is of no use any more."""

from enum import StrEnum


class RecallResult(StrEnum):
    """Answer of a provider that is asked to take a message back; only a provider event is proof.

    `RECALLED` is no certainty: the delivery may have crossed it.
    """

    RECALLED = "recalled"
    ALREADY_DELIVERED = "already_delivered"
    NOT_RECALLED = "not_recalled"
