"""The audit: whether the books agree. Pure, so that it is tested with books that do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from bench.faults.books import Books, Entry, Record, Runs
from bench.faults.callers import Order
from domain.status import TRANSITIONS, Status
from workflows.sending import REPEATED_AFTER

Ending = tuple[str, str | None]
"""A status and a customStatus."""

_NEVER_LEFT: Final[frozenset[Ending]] = frozenset(
    {("PROVIDER_SENDING_ERROR", "unknown"), ("PROVIDER_SENDING_ERROR", "not_sent")}
)
_NOTHING_HEARD: Final[frozenset[Ending]] = frozenset({("SENT", "queued"), ("PROVIDER_SENDING_ERROR", "unknown")})
_REFUSED: Final[frozenset[Ending]] = frozenset(
    {("PROVIDER_SENDING_ERROR", "rejected"), ("PROVIDER_SENDING_ERROR", "unknown")}
)
_STATUS_OF_WORD: Final = {"read": "COMPLETED", "delivered": "COMPLETED", "failed": "PROCESS_ERROR", "sent": "SENT"}
"""What the gateway's words mean, the furthest first."""

_NOT_ENDED: Final = {"VALIDATION_PENDING", "DISPATCH_PENDING"}


class Fault(StrEnum):
    """What Iris promises never to do."""

    LOST = "lost"
    TWICE = "sent twice"
    STUCK = "stuck"
    WRONG = "wrong record"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise."""

    fault: Fault
    interaction_id: str
    what: str


def audit(books: Books) -> list[Finding]:
    """Every broken promise in the books."""
    return [
        Finding(fault, interaction_id, what)
        for interaction_id in sorted({*books.orders, *books.records, *books.runs})
        for fault, what in _examine(books, interaction_id)
    ]


def _examine(books: Books, interaction_id: str) -> Iterator[tuple[Fault, str]]:
    order, record = books.orders.get(interaction_id), books.records.get(interaction_id)
    runs = books.runs.get(interaction_id, Runs())
    if order is None:
        yield Fault.WRONG, "nobody asked for it"
        return
    if not order.is_answered and order.insists:
        yield Fault.STUCK, f"its callers were never answered: {order.answers[-3:]}"
    if order.interaction_ids - {interaction_id}:
        yield Fault.TWICE, f"its callers were told of other interactions: {order.interaction_ids}"
    if record is None:
        if order.is_answered or runs.statuses:
            yield Fault.LOST, f"MongoDB does not have it; its callers were told {order.answers}"
        return
    if order.is_inbound:
        yield from _examine_inbound(books, order, record, runs)
    else:
        entry = books.ledger.get(interaction_id, Entry())
        yield from _examine_sending(order, entry, runs)
        yield from _examine_standing(order, entry, record, runs)
        yield from _examine_news(entry, record)
    if record["status"] != Status.VALIDATION_ERROR:
        yield from _examine_company(books, order, record)


def _examine_inbound(
    books: Books,
    order: Order,
    record: Record,
    runs: Runs,
) -> Iterator[tuple[Fault, str]]:
    if books.inbound_states[order.key] == "pending":
        yield Fault.STUCK, "its gateway still calls back"
    if record["status"] != Status.RECEIVED:
        yield Fault.WRONG, f"an inbound message is in {record['status']}"
    if runs.statuses != ["COMPLETED"]:
        yield Fault.WRONG, f"its workflow: {runs.statuses}"


def _examine_sending(order: Order, entry: Entry, runs: Runs) -> Iterator[tuple[Fault, str]]:
    sends = sum(verdict in {"taken", "repeated"} for verdict in entry.verdicts)
    if order.at_most_once and sends > 1:
        yield Fault.TWICE, f"the gateway was asked {sends} times"
    if entry.verdicts.count("taken") > 1:
        yield Fault.TWICE, f"the gateway took it as {entry.verdicts.count('taken')} messages"
    # What may be repeated is repeated by the workflow, dispatch by dispatch (docs/decisions/0019-cancelling.md).
    if runs.dispatches > (1 if order.at_most_once else 1 + len(REPEATED_AFTER)):
        yield Fault.TWICE, f"it was dispatched {runs.dispatches} times"
    if "reused" in entry.verdicts:
        yield Fault.WRONG, "it was sent again with other content"
    if not order.is_valid and entry.verdicts:
        yield Fault.WRONG, "it was refused, and sent"


def _examine_standing(
    order: Order,
    entry: Entry,
    record: Record,
    runs: Runs,
) -> Iterator[tuple[Fault, str]]:
    ending: Ending = (record["status"], record["custom_status"])
    if record["status"] in _NOT_ENDED:
        yield Fault.STUCK, f"in {record['status']}; its workflow: {runs.statuses}"
        return
    if "RUNNING" in runs.statuses or any(callback.state == "pending" for callback in entry.callbacks):
        yield Fault.STUCK, f"in {ending}, and its workflow or its gateway goes on"
        return
    expected = endings(order, entry)
    if ending not in expected:
        yield Fault.WRONG, f"in {ending}, where the gateway's ledger means {sorted(expected, key=str)}: {entry}"
    left = runs.standing and (runs.standing.status.value, runs.standing.custom_status)
    if left != ending:
        yield Fault.WRONG, f"in {ending}, and its workflow left it in {left} ({runs.statuses})"
    yield from _examine_history(record, ending)


def _examine_history(record: Record, ending: Ending) -> Iterator[tuple[Fault, str]]:
    history = record["history"]
    steps = [(entry["status"], entry["custom_status"]) for entry in history]
    if steps[0] != (Status.VALIDATION_PENDING, None) or steps[-1] != ending:
        yield Fault.WRONG, f"its history is {steps}"
    for (one, _), (other, _) in pairwise(steps):
        if one != other and Status(other) not in TRANSITIONS[Status(one)]:
            yield Fault.WRONG, f"its history goes from {one} to {other}"
    dates = [entry["date"] for entry in history]
    if dates != sorted(dates):
        yield Fault.WRONG, "its history is not in the order of time"


def _examine_news(entry: Entry, record: Record) -> Iterator[tuple[Fault, str]]:
    heard = {heard["event"]["word"] for heard in record["provider_events"]}
    for callback in entry.callbacks:
        if callback.state == "told" and callback.status not in heard:
            yield Fault.LOST, f"the news {callback.status!r}, which the gateway was told is heard"
    ids = [heard["id"] for heard in record["provider_events"]]
    if len(ids) != len(set(ids)):
        yield Fault.WRONG, "one piece of news is recorded twice"


def _examine_company(books: Books, order: Order, record: Record) -> Iterator[tuple[Fault, str]]:
    if len(record["user_ids"]) != 1 or books.owners.get(order.destination, 0) != 1:
        owners = books.owners.get(order.destination, 0)
        yield Fault.WRONG, f"it has the users {record['user_ids']}, and its destination {owners} owners"
    last = books.last_entries.get(record["process_id"])
    if last is None or (not order.is_inbound and last != record["_id"]):
        yield Fault.WRONG, f"its process names {last} as its last interaction"


def endings(order: Order, entry: Entry) -> frozenset[Ending]:
    """Where an order may end, by what the gateway's ledger has of it.

    A callback that the gateway gave up may have been heard all the same.
    """
    if not order.is_valid:
        return frozenset({("VALIDATION_ERROR", None)})
    told = {callback.status for callback in entry.callbacks if callback.state == "told"}
    perhaps = told | {callback.status for callback in entry.callbacks if callback.state == "abandoned"}
    if "taken" not in entry.verdicts:
        return _REFUSED if "refused" in entry.verdicts else _NEVER_LEFT
    return _ending_after(told) | _ending_after(perhaps)


def _ending_after(told: set[str]) -> frozenset[Ending]:
    for word, status in (
        ("read", "COMPLETED"),
        ("delivered", "COMPLETED"),
        ("failed", "PROCESS_ERROR"),
        ("sent", "SENT"),
    ):
        if word in told:
            return frozenset({(status, word)})
    return _NOTHING_HEARD
