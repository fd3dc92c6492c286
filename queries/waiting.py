"""What a tenant's interactions wait for: how many, and the oldest."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from pymongo.errors import ExecutionTimeout

from domain.deadlines import UNKNOWN, WaitReason
from domain.gate.decision import HoldReason
from domain.status import Status
from models.base import OLDEST_FIRST
from models.interaction import HOLD_REASON, Interaction, newest_first_by

MAX_COUNTED: Final = 10_000
"""Most interactions that are counted for a reason."""

_TIMEOUT_MS: Final = 2_000

_OPEN: Final = {"due": {"$type": "date"}}

WAITING: Final[Mapping[str, Mapping[str, Any]]] = {
    **{reason: {HOLD_REASON: reason.value} for reason in HoldReason},
    WaitReason.VALIDATION: {"status": Status.VALIDATION_PENDING.value, **_OPEN},
    WaitReason.SEND: {"status": Status.DISPATCH_PENDING.value, "hold": None, **_OPEN},
    WaitReason.SEARCH: {
        "status": Status.PROVIDER_SENDING_ERROR.value,
        "custom_status": UNKNOWN,
        "policy.finds_sent": True,
        **_OPEN,
    },
    WaitReason.EVIDENCE: {
        "status": Status.PROVIDER_SENDING_ERROR.value,
        "custom_status": UNKNOWN,
        "policy.finds_sent": {"$ne": True},
        **_OPEN,
    },
    WaitReason.DELIVERY: {"status": Status.SENT.value, "policy.reports_delivery": {"$ne": False}, **_OPEN},
    WaitReason.BOUNCE: {"status": Status.SENT.value, "policy.reports_delivery": False, **_OPEN},
}
"""Conditions of the waits that the record decides, by their words.

It does not decide whether a delivered message still waits to be read. A send of unknown outcome that can be searched
for counts as `search` also after the last search.
"""


@dataclass(frozen=True, slots=True)
class WaitingCount:
    """Interactions of a tenant that wait for the same.

    Attributes:
        count: how many, at most `MAX_COUNTED`; None if counting takes too long.
        oldest: the one that was created first; None if there is none.
    """

    awaited: str
    count: int | None
    oldest: "Oldest | None"


class Oldest(NamedTuple):
    """The oldest of the interactions that wait for the same.

    Attributes:
        until: when its workflow acts by itself.
    """

    id: str
    created: datetime
    until: datetime


async def count_waiting(tenant: str) -> list[WaitingCount]:
    """Count the interactions of a tenant by what they wait for, without the reasons for which none waits."""
    counts = await asyncio.gather(*(_count(tenant, awaited) for awaited in WAITING))
    return [one for one in counts if one.count != 0]


async def _count(tenant: str, awaited: str) -> WaitingCount:
    conditions = WAITING[awaited]
    selector = {"tenant": tenant, **conditions}
    hint = newest_first_by(HOLD_REASON if HOLD_REASON in conditions else "status")
    collection = Interaction.collection()
    try:
        count = await collection.count_documents(selector, limit=MAX_COUNTED, hint=hint, maxTimeMS=_TIMEOUT_MS)
        if not count:
            return WaitingCount(awaited, 0, None)
        found = collection.find(selector, {"created": True, "due": True}).sort(list(OLDEST_FIRST)).limit(1).hint(hint)
        oldest = await found.max_time_ms(_TIMEOUT_MS).to_list()
    except ExecutionTimeout:
        return WaitingCount(awaited, None, None)
    first = next((Oldest(one["_id"], one["created"], one["due"]) for one in oldest), None)
    return WaitingCount(awaited, count, first)
