"""Audit of the observations for contradictions. Pure, so that tests can give it contradictory ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from bench.faults.endpoint import UNKNOWN
from bench.faults.gate_audit import above_rate, after_opt_out, too_early
from bench.faults.observations import Entry, Observations, Record, Runs
from bench.faults.requests import DONE, Demand, FollowUp, Order
from bench.faults.strategy_audit import contradictions, unended
from domain.deadlines import CANCELLED
from domain.interaction import Direction
from domain.resending import RESEND_OF
from domain.status import TRANSITIONS, Status
from domain.webhook_events import WebhookEventType
from workflows.sending import REPEATED_AFTER

Ending = tuple[str, str | None]
"""A status and a customStatus."""

_NEVER_LEFT: Final[frozenset[Ending]] = frozenset(
    {("PROVIDER_SENDING_ERROR", "unknown"), ("PROVIDER_SENDING_ERROR", "not_sent")}
)
_NO_CALLBACK: Final[frozenset[Ending]] = frozenset({("SENT", "queued"), ("PROVIDER_SENDING_ERROR", "unknown")})
_REFUSED: Final[frozenset[Ending]] = frozenset(
    {("PROVIDER_SENDING_ERROR", "rejected"), ("PROVIDER_SENDING_ERROR", "unknown")}
)
_STATUS_OF_CALLBACK: Final = {
    "read": "COMPLETED",
    "delivered": "COMPLETED",
    "recalled": "PROCESS_ERROR",
    "failed": "PROCESS_ERROR",
    "sent": "SENT",
}
"""Meaning of the gateway's statuses, most advanced first."""

_INVALID: Final[Ending] = ("VALIDATION_ERROR", None)
_CANCELLED: Final[Ending] = ("PROVIDER_SENDING_ERROR", CANCELLED)
_EXPIRED: Final[Ending] = ("PROVIDER_SENDING_ERROR", "expired")
_SUPPRESSED: Final[Ending] = ("PROVIDER_SENDING_ERROR", "suppressed")
_NEVER_CANCELLED: Final = frozenset({"already_sent", "may_have_been_sent", "already_ended"})
"""Reasons why a message can never be cancelled."""

_NOT_ENDED: Final = {"VALIDATION_PENDING", "DISPATCH_PENDING"}


class Fault(StrEnum):
    """Violations that Iris promises never to commit."""

    LOST = "lost"
    TWICE = "sent twice"
    STUCK = "stuck"
    WRONG = "wrong record"
    NOT_ALLOWED = "sent against the gate"


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation."""

    fault: Fault
    interaction_id: str
    what: str


def audit(observations: Observations) -> list[Finding]:
    """Find every violation in the observations."""
    examined = {*observations.orders, *observations.records, *observations.runs, *observations.deliveries} - {UNKNOWN}
    return [
        *(
            Finding(Fault.WRONG, UNKNOWN, f"a webhook call to the tenant: {one.problem}")
            for one in observations.deliveries.get(UNKNOWN, ())
        ),
        *(
            Finding(fault, interaction_id, what)
            for interaction_id in sorted(examined)
            for fault, what in _examine(observations, interaction_id)
        ),
        *(Finding(Fault.NOT_ALLOWED, integration_id, what) for integration_id, what in above_rate(observations)),
        *(
            Finding(fault, demand.order.interaction_id, what)
            for demand in observations.demands
            for fault, what in _examine_demand(observations, demand)
        ),
    ]


def _examine(observations: Observations, interaction_id: str) -> Iterator[tuple[Fault, str]]:
    order, record = observations.orders.get(interaction_id), observations.records.get(interaction_id)
    runs = observations.runs.get(interaction_id, Runs())
    if order is None:
        yield Fault.WRONG, "nobody asked for it"
        return
    if not order.is_answered and order.insists:
        yield Fault.STUCK, f"its callers were never answered: {order.answers[-3:]}"
    if order.interaction_ids - {interaction_id}:
        yield Fault.TWICE, f"its callers received the ids of other interactions: {order.interaction_ids}"
    if record is not None and order.is_refused:
        yield Fault.WRONG, f"it exists, and its callers received {order.answers}"
    elif record is not None:
        yield from _examine_record(observations, order, record, runs)
        if order.then is not None and record["status"] != Status.VALIDATION_ERROR:
            yield from ((Fault.STUCK, what) for what in unended(observations, order))
            yield from ((Fault.WRONG, what) for what in contradictions(observations, order, order.then))
    elif (order.is_answered and not order.is_refused) or runs.statuses:
        yield Fault.LOST, f"MongoDB does not have it; its callers received {order.answers}"


def _examine_record(
    observations: Observations, order: Order, record: Record, runs: Runs
) -> Iterator[tuple[Fault, str]]:
    if order.is_inbound:
        yield from _examine_inbound(observations, order, record, runs)
    else:
        entry = observations.ledger.get(order.interaction_id, Entry())
        yield from _examine_sending(order, entry, runs)
        for what in (*too_early(observations, order, entry), *after_opt_out(observations, order, entry)):
            yield Fault.NOT_ALLOWED, what
        yield from _examine_state(observations, order, record, runs)
        yield from _examine_events(entry, record)
    if order in observations.erased:
        yield from _examine_erased(observations, order, record)
    elif record["status"] != Status.VALIDATION_ERROR:
        yield from _examine_user_and_process(observations, order, record)
    yield from _examine_notifications(observations, order, record)


def _examine_inbound(
    observations: Observations,
    order: Order,
    record: Record,
    runs: Runs,
) -> Iterator[tuple[Fault, str]]:
    if observations.inbound_states[order.key] == "pending":
        yield Fault.STUCK, "its gateway still calls back"
    if record["status"] != Status.RECEIVED:
        yield Fault.WRONG, f"an inbound message is in {record['status']}"
    if runs.statuses != ["COMPLETED"]:
        yield Fault.WRONG, f"its workflow: {runs.statuses}"


def _examine_sending(order: Order, entry: Entry, runs: Runs) -> Iterator[tuple[Fault, str]]:
    sends = sum(verdict in {"accepted", "repeated"} for verdict in entry.verdicts)
    if order.at_most_once and sends > 1:
        yield Fault.TWICE, f"the gateway was asked {sends} times"
    if entry.verdicts.count("accepted") > 1:
        yield Fault.TWICE, f"the gateway accepted it as {entry.verdicts.count('accepted')} messages"
    # The workflow repeats permitted sends itself, dispatch by dispatch (docs/decisions/0019-cancelling.md).
    if runs.dispatches > (1 if order.at_most_once else 1 + len(REPEATED_AFTER)):
        yield Fault.TWICE, f"it was dispatched {runs.dispatches} times"
    if "reused" in entry.verdicts:
        yield Fault.WRONG, "it was sent again with other content"
    if not order.is_valid and entry.verdicts:
        yield Fault.WRONG, "it was refused, and sent"


def _examine_state(observations: Observations, order: Order, record: Record, runs: Runs) -> Iterator[tuple[Fault, str]]:
    entry = observations.ledger.get(order.interaction_id, Entry())
    ending: Ending = (record["status"], record["custom_status"])
    if record["status"] in _NOT_ENDED:
        yield Fault.STUCK, f"in {record['status']}; its workflow: {runs.statuses}"
        return
    if "RUNNING" in runs.statuses or any(callback.state == "pending" for callback in entry.callbacks):
        yield Fault.STUCK, f"in {ending}, and its workflow or its gateway goes on"
        return
    expected = endings(observations, order, entry)
    if ending not in expected:
        yield Fault.WRONG, f"in {ending}, where the gateway's ledger means {sorted(expected, key=str)}: {entry}"
    left = runs.state and (runs.state.status.value, runs.state.custom_status)
    # The histories of erased users' interactions are deleted.
    if left != ending and (left or order not in observations.erased):
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


def _examine_events(entry: Entry, record: Record) -> Iterator[tuple[Fault, str]]:
    received = {received["event"]["provider_status"] for received in record["provider_events"]}
    for callback in entry.callbacks:
        if callback.state == "delivered" and callback.status not in received:
            yield Fault.LOST, f"the event {callback.status!r}, whose callback was answered with 2xx"
    ids = [received["id"] for received in record["provider_events"]]
    if len(ids) != len(set(ids)):
        yield Fault.WRONG, "one event is recorded twice"


def _examine_user_and_process(observations: Observations, order: Order, record: Record) -> Iterator[tuple[Fault, str]]:
    owners = [user_id for user_id, user in observations.users.items() if _owns(user, order.destination)]
    if len(owners) != 1 or record["user_ids"] != owners:
        yield Fault.WRONG, f"it has the users {record['user_ids']}, and its destination the owners {owners}"
    process = observations.processes.get(record["process_id"])
    last = process and process["last_interaction_id"]
    if process is None or (not order.is_inbound and last != _newest_of(observations, record["process_id"])):
        yield Fault.WRONG, f"its process names {last} as its last interaction"
    elif process["user_ids"] != record["user_ids"]:
        yield Fault.WRONG, f"it has the users {record['user_ids']}, and its process {process['user_ids']}"
    if order.repeats is not None and record["metadata"].get(RESEND_OF) != order.repeats.interaction_id:
        yield Fault.WRONG, f"it is not linked to {order.repeats.interaction_id}, which it repeats"


def _owns(user: Record, destination: str) -> bool:
    return any(owned["value"] == destination for owned in user["destinations"])


def _newest_of(observations: Observations, process_id: str) -> str:
    members = [record for record in observations.records.values() if record["process_id"] == process_id]
    return max(members, key=lambda record: record["created"])["_id"]


def _examine_erased(observations: Observations, order: Order, record: Record) -> Iterator[tuple[Fault, str]]:
    if record["erased_at"] is None or record["payload"] or record["metadata"] or record["primary_key"]:
        yield Fault.WRONG, "its user is erased, and it is not"
    process = observations.processes.get(record["process_id"])
    if process is not None and (not process["is_closed"] or process["metadata"]):
        yield Fault.WRONG, "its user is erased, and its process is not"
    for place in observations.traces.get(order.key, ()):
        yield Fault.WRONG, f"its user is erased, and something personal is left in {place}"


def _examine_notifications(observations: Observations, order: Order, record: Record) -> Iterator[tuple[Fault, str]]:
    """Check notifications. A retried step may have a different outcome: of each position, the latest counts."""
    deliveries = sorted(observations.deliveries.get(record["_id"], ()), key=lambda one: one.created)
    meant = {one.position: one.thing[1:] for one in deliveries}
    happened = dict(_happened(record))
    for position in sorted(happened.keys() | meant.keys()):
        was, received = happened.get(position), meant.get(position)
        if received is None:
            yield Fault.LOST, f"no webhook event was delivered for its change {position}, {was}"
        elif was != received:
            yield Fault.WRONG, f"the tenant received {received}, where its change {position} is {was}"
    if order not in observations.erased:  # whose bodies show only what is left of it
        ids, things = {one.webhook_id for one in deliveries}, {one.thing for one in deliveries}
        if not len(ids) == len(things) == len({(one.webhook_id, one.thing) for one in deliveries}):
            yield Fault.WRONG, "one webhook event has several ids, or several have one"
        if len({(one.webhook_id, one.digest) for one in deliveries}) > len(ids):
            yield Fault.WRONG, "one webhook event has several bodies"
    if states := observations.undelivered.get(record["_id"]):
        yield Fault.STUCK, f"it has notifications that are {sorted(states)}"


def _happened(record: Record) -> Iterator[tuple[int, tuple[str, str, str | None]]]:
    """Expected notifications for a history with all events subscribed: position, event and statuses of each change."""
    before: Ending = ("", None)
    created = WebhookEventType.IN_CREATED if record["direction"] == Direction.IN else WebhookEventType.OUT_CREATED
    for position, entry in enumerate(record["history"]):
        now: Ending = (entry["status"], entry["custom_status"])
        event = WebhookEventType.STATUS_CHANGED if now[0] != before[0] else WebhookEventType.CUSTOM_STATUS_CHANGED
        if now != before:
            yield position, (created.value if position == 0 else event.value, *now)
        before = now


def _examine_demand(observations: Observations, demand: Demand) -> Iterator[tuple[Fault, str]]:
    if not demand.result:
        yield Fault.STUCK, f"to {demand.follow_up} it was never answered: {demand.answers[-3:]}"
        return
    match demand.follow_up:
        case FollowUp.CANCEL:
            yield from _examine_cancelling(observations, demand)
        case FollowUp.MERGE if demand.into is not None:
            yield from _examine_merge(observations, demand, demand.into)
        case FollowUp.OPT_OUT if demand.result != DONE:
            yield Fault.LOST, f"the opt-out of its recipient was answered {demand.result}"
        case FollowUp.OPT_OUT | FollowUp.RESCHEDULE:
            pass
        case _:
            user = observations.users.get(demand.order.user_id)
            erasure = user and user["erasure"]
            if demand.result != DONE or not erasure:
                yield Fault.LOST, f"the erasure of its user was answered {demand.result}, and its user is {user}"
            elif erasure["completed"] is None:
                yield Fault.STUCK, "the erasure of its user is not complete"


def _examine_cancelling(observations: Observations, demand: Demand) -> Iterator[tuple[Fault, str]]:
    record = observations.records.get(demand.order.interaction_id)
    entry = observations.ledger.get(demand.order.interaction_id, Entry())
    ending = record and (record["status"], record["custom_status"])
    if demand.result == DONE and "accepted" in entry.verdicts:
        yield Fault.TWICE, "its cancelling was confirmed, and the gateway accepted it"
    if (demand.result == DONE and ending != _CANCELLED) or (demand.result in _NEVER_CANCELLED and ending == _CANCELLED):
        yield Fault.WRONG, f"its cancelling was answered {demand.result}, and it is in {ending}"
    if demand.result == "already_sent" and "accepted" not in entry.verdicts:
        yield Fault.WRONG, "its cancelling was refused as already sent, and the gateway did not accept it"


def _examine_merge(observations: Observations, demand: Demand, into: Order) -> Iterator[tuple[Fault, str]]:
    user = observations.users.get(demand.order.user_id)
    merge = user and user["merge"]
    if demand.result != DONE or not merge or merge["into"] != into.user_id:
        yield (
            Fault.LOST,
            f"the merge of its user into {into.user_id} was answered {demand.result}, and its user is {user}",
        )
    elif merge["completed"] is None:
        yield Fault.STUCK, "the merge of its user is not complete"
    record = observations.records.get(demand.order.interaction_id)
    if record is not None and record["user_ids"] != [into.user_id]:
        yield Fault.WRONG, f"its user was merged into {into.user_id}, and it has {record['user_ids']}"


def endings(observations: Observations, order: Order, entry: Entry) -> frozenset[Ending]:
    """Permitted final states of an order, by its entry in the gateway's ledger.

    A callback that the gateway gave up may have been received all the same.
    """
    if not order.is_valid:
        return frozenset({_INVALID})
    is_erased = order in observations.erased
    delivered = {callback.status for callback in entry.callbacks if callback.state == "delivered"}
    perhaps = delivered | {callback.status for callback in entry.callbacks if callback.state == "abandoned"}
    if "accepted" not in entry.verdicts:
        is_cancelled = is_erased or any(
            demand.follow_up is FollowUp.CANCEL and demand.order is order for demand in observations.demands
        )
        unsent = _REFUSED if "refused" in entry.verdicts else _NEVER_LEFT
        # A step is also cancelled once an earlier one succeeded, and expires at its deadline.
        is_step = order.then is not None or order.is_later_step
        unsent = unsent | {_EXPIRED, _CANCELLED} if is_step else unsent
        unsent = unsent | {_CANCELLED} if is_cancelled else unsent
        # The opt-out may come before its admission, which then refuses it.
        unsent = unsent | {_SUPPRESSED, _INVALID} if order.follow_up is FollowUp.OPT_OUT else unsent
        # If its user was erased before its step was finished, or its callers came after its time, it is rejected.
        is_late = order.send_at is not None and observations.records[order.interaction_id]["created"] >= order.send_at
        return unsent | {_INVALID} if is_erased or is_late else unsent
    expected = _ending_after(delivered) | _ending_after(perhaps)
    if is_erased and order.channel == "email":
        # Later events are about an address that the interaction no longer has.
        expected = expected.union(_NO_CALLBACK, *(_ending_after({callback_status}) for callback_status in perhaps))
    return expected


def _ending_after(delivered: set[str]) -> frozenset[Ending]:
    for callback_status, status in _STATUS_OF_CALLBACK.items():
        if callback_status in delivered:
            return frozenset({(status, callback_status)})
    return _NO_CALLBACK
