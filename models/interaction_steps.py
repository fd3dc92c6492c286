"""Steps of an interaction's record, each written once however often its workflow task is tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from domain.interaction import HistoryEntry, RecordedEvent, Revision
from models.erasure import EMPTY_ENTRY, EMPTY_EVENT, KEPT_IF_ERASED, erased_id, if_erased, redacted_if_erased


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an interaction's record.

    Attributes:
        sequence: its number.
        revision: of the record with this step; the highest wins.
        history_before: number of history entries before this step.
        history: the entries that it adds.
        recorded_before: number of provider events before this step.
        received: the events that it adds.
        message_ids: the provider's message ids that it learned.
    """

    sequence: int
    revision: Revision
    history_before: int
    history: Sequence[HistoryEntry]
    recorded_before: int = 0
    received: Sequence[RecordedEvent] = ()
    message_ids: Sequence[str] = ()


def writing(
    interaction_id: str, step: Step, changes: Mapping[str, object]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Selector and update that write a step when its predecessor is stored."""
    # MongoDB compares embedded documents field by field, in their order.
    revision = step.revision.model_dump()
    turn = [
        {"sequence": step.sequence - 1, "revision": {"$lte": revision}},
        {"sequence": {"$gte": step.sequence}, "revision": {"$lt": revision}},
    ]
    values = {"sequence": step.sequence, "revision": revision, **changes}
    update: dict[str, Any] = {name: {"$literal": value} for name, value in values.items()}
    for name in KEPT_IF_ERASED & update.keys():
        update[name] = if_erased(f"${name}", update[name])
    history = _extended("history", step.history_before, step.history)
    update["history"] = redacted_if_erased(history, EMPTY_ENTRY)
    received = _extended("provider_events", step.recorded_before, step.received)
    update["provider_events"] = redacted_if_erased(received, EMPTY_EVENT)
    raw, hashed = ({"$literal": list(ids)} for ids in (step.message_ids, map(erased_id, step.message_ids)))
    update["provider_message_ids"] = {"$setUnion": ["$provider_message_ids", if_erased(hashed, raw)]}
    return {"_id": interaction_id, "$or": turn}, [{"$set": update}]


def _extended(field: str, before: int, added: Sequence[BaseModel]) -> dict[str, Any]:
    """The first `before` elements of a stored list, followed by the added ones."""
    previous: Any = {"$slice": [f"${field}", before]} if before else []
    return {"$concatArrays": [previous, {"$literal": [one.model_dump() for one in added]}]}
