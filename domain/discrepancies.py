"""Results of reconciling MongoDB with Temporal, as text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.outcomes import Detail


class Kind(StrEnum):
    """Kind of discrepancy."""

    WORKFLOW_LOST = "workflow_lost"
    OVERDUE = "overdue"
    TASK_FAILING = "task_failing"
    RECORD_DIFFERS = "record_differs"
    RECORD_MISSING = "record_missing"
    INBOUND_STUCK = "inbound_stuck"
    EVENT_MATCHED = "event_matched"
    NOTIFICATION_LOST = "notification_lost"
    NOT_WOKEN = "not_woken"


SENTENCES: Final[Mapping[Kind, str]] = {
    Kind.WORKFLOW_LOST: "it is open, and no workflow runs that would move it on",
    Kind.OVERDUE: "its workflow runs, but did not act in time",
    Kind.TASK_FAILING: "its workflow cannot go on",
    Kind.RECORD_DIFFERS: "MongoDB and its ended workflow disagree about where it stands",
    Kind.RECORD_MISSING: "it has a workflow, and MongoDB does not have it",
    Kind.INBOUND_STUCK: "an inbound message is not written down yet",
    Kind.EVENT_MATCHED: "a provider event came before its interaction could be found",
    Kind.NOTIFICATION_LOST: "its notification is pending, and no workflow delivers it",
    Kind.NOT_WOKEN: "it is held for long, and its next workflow should have started",
}
"""Description of each kind, with an interaction as its subject."""

REMEDIES: Final[Mapping[Kind, str]] = {
    Kind.WORKFLOW_LOST: "run `iris doctor` without --dry-run: a new run goes on from the record, and never sends",
    Kind.OVERDUE: "look whether workers run and MongoDB answers; it goes on by itself then",
    Kind.TASK_FAILING: "deploy a worker whose code fits its history; it goes on by itself then",
    Kind.RECORD_DIFFERS: "was MongoDB restored from a backup? Its history in Temporal says what is true",
    Kind.RECORD_MISSING: "was MongoDB restored from a backup? Its history in Temporal has what was submitted",
    Kind.INBOUND_STUCK: "look whether workers run and MongoDB answers; it goes on by itself then",
    Kind.EVENT_MATCHED: "run `iris doctor` without --dry-run: it is passed on",
    Kind.NOTIFICATION_LOST: "run `iris doctor` without --dry-run: it is delivered",
    Kind.NOT_WOKEN: "run `iris doctor` without --dry-run: its next workflow starts, and holds it until it may go",
}
"""Action for a person if nothing was repaired."""


class Discrepancy(BaseModel):
    """Discrepancy that reconciliation found.

    Attributes:
        interaction_id: of the interaction; the workflow's id if there is none.
        state: the interaction's recorded state, if it has a record.
        waited_for: the awaited event, as text.
        reason: the status of the workflow in Temporal.
        repair: the repair that was made; None if there was none.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    interaction_id: str
    state: str | None = None
    waited_for: str | None = None
    reason: Detail = ""
    repair: str | None = None

    def sentence(self) -> str:
        """Describe the discrepancy, the awaited event, the reason, and the repair or remedy."""
        parts = [self.state, SENTENCES[self.kind], self.reason or None, self.waited_for]
        done = f"Repaired: {self.repair}" if self.repair else f"Not repaired: {REMEDIES[self.kind]}"
        return ". ".join([*(part for part in parts if part), done])


MAX_SHOWN_DISCREPANCIES: Final = 20
"""Maximum discrepancies of one kind that are listed; the others are only counted."""


class DiscrepancyCounts(BaseModel):
    """Counts of discrepancies.

    Attributes:
        found: the number of each kind.
        repaired: how many of them were repaired.
        discrepancies: the first of each kind.
    """

    model_config = ConfigDict(frozen=True)

    found: dict[Kind, int] = {}
    repaired: dict[Kind, int] = {}
    discrepancies: list[Discrepancy] = []

    @classmethod
    def of(cls, discrepancies: Sequence[Discrepancy]) -> "DiscrepancyCounts":
        """Count discrepancies."""
        found = Counter(discrepancy.kind for discrepancy in discrepancies)
        repaired = Counter(discrepancy.kind for discrepancy in discrepancies if discrepancy.repair)
        return cls(found=dict(found), repaired=dict(repaired), discrepancies=_first_of_each(discrepancies))

    def plus(self, other: "DiscrepancyCounts") -> "DiscrepancyCounts":
        """Add up both counts."""
        return DiscrepancyCounts(
            found=dict(Counter(self.found) + Counter(other.found)),
            repaired=dict(Counter(self.repaired) + Counter(other.repaired)),
            discrepancies=_first_of_each([*self.discrepancies, *other.discrepancies]),
        )


def _first_of_each(discrepancies: Sequence[Discrepancy]) -> list[Discrepancy]:
    return [
        discrepancy
        for kind in Kind
        for discrepancy in [one for one in discrepancies if one.kind is kind][:MAX_SHOWN_DISCREPANCIES]
    ]
