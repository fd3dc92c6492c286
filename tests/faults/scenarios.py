"""Consistent observations of the fault tests, each of one interaction, for tests to modify."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bench.faults.endpoint import ReceivedDelivery
from bench.faults.observations import Callback, Entry, Observations, Runs
from bench.faults.requests import DONE, Demand, FollowUp, Order
from domain.status import InteractionState, Status

ID: Final = "685bc5d05a72ed2a5f8d0e41"
PROCESS: Final = "685bc5e4c707c57a2a9d09c5"
USER: Final = "67c98902c362797495a604d2"
OTHER: Final = "67c98902c362797495a604d3"
DESTINATION: Final = "34638766068"
NOW: Final = datetime(2026, 7, 21, 10, 30, tzinfo=UTC)
DELIVERED: Final = (
    ("VALIDATION_PENDING", None),
    ("DISPATCH_PENDING", None),
    ("SENT", "queued"),
    ("COMPLETED", "delivered"),
)


Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """One interaction in all observations; by default delivered and received.

    Attributes:
        deliveries: received by the tenant; None is each change once.
    """

    order: Order
    record: dict[str, Any] | None
    entry: Entry
    runs: Runs
    inbound_state: str = "delivered"
    users: tuple[Changes, ...] = ({},)
    strategy_run: Changes | None = None
    process: Changes | None = field(default_factory=dict[str, Any])
    demands: tuple[Demand, ...] = ()
    deliveries: tuple[ReceivedDelivery, ...] | None = None
    undelivered: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()

    def observations(self) -> Observations:
        deliveries = self.received() if self.deliveries is None else self.deliveries
        return Observations(
            orders={ID: self.order},
            demands=self.demands,
            records={ID: self.record} if self.record else {},
            ledger={ID: self.entry},
            inbound_states={self.order.key: self.inbound_state},
            runs={ID: self.runs},
            users={one["_id"]: one for one in (user(**changes) for changes in self.users)},
            strategy_runs={self.order.run_id: self.strategy_run} if self.strategy_run else {},
            processes={PROCESS: process(**self.process)} if self.process is not None else {},
            deliveries={
                one.interaction_id: [other for other in deliveries if other.interaction_id == one.interaction_id]
                for one in deliveries
            },
            undelivered={ID: self.undelivered},
            traces={self.order.key: self.traces},
        )

    def received(self) -> tuple[ReceivedDelivery, ...]:
        """Deliveries to the tenant, each once."""
        if self.record is None:
            return ()
        steps = [(one["status"], one["custom_status"]) for one in self.record["history"]]
        return tuple(
            delivery(position, event_of(steps, position, self.record["direction"]), *steps[position])
            for position in range(len(steps))
        )

    def of_record(self, **changes: object) -> "Scenario":
        assert self.record
        return replace(self, record={**self.record, **changes})

    def with_deliveries(self, position: int, *others: ReceivedDelivery) -> "Scenario":
        """Replace one delivery by others."""
        received = self.received()
        return replace(self, deliveries=(*received[:position], *others, *received[position + 1 :]))

    def demanding(
        self,
        follow_up: FollowUp,
        answer: str,
        into: Order | None = None,
        send_at: datetime | None = None,
        done_at: datetime | None = None,
    ) -> "Scenario":
        return replace(self, demands=(Demand(follow_up, self.order, into, send_at, done_at, result=answer),))


def event_of(steps: Sequence[tuple[str, str | None]], position: int, direction: str) -> str:
    if position == 0:
        return f"INTERACTION_{direction.upper()}_CREATED_EVT"
    is_status = steps[position][0] != steps[position - 1][0]
    return f"INTERACTION_{'STATUS' if is_status else 'CUSTOMSTATUS'}CHANGED_EVT"


def delivery(position: int, event: str, status: str, custom_status: str | None, **changes: str) -> ReceivedDelivery:
    one = ReceivedDelivery(
        webhook_id=f"{position} {event} {status} {custom_status}",
        integration_id="i",
        interaction_id=ID,
        event=event,
        position=position,
        status=status,
        custom_status=custom_status,
        created=f"2026-07-21T10:30:0{position}.000Z",
        digest="d",
    )
    return replace(one, **changes)  # pyright: ignore[reportArgumentType] - which are texts


def record(*steps: tuple[str, str | None], words: tuple[str, ...] = ()) -> dict[str, Any]:
    status, custom_status = steps[-1]
    return {
        "_id": ID,
        "status": status,
        "custom_status": custom_status,
        "history": [
            {"status": one, "custom_status": custom, "date": NOW + timedelta(seconds=place)}
            for place, (one, custom) in enumerate(steps)
        ],
        "provider_events": [{"id": word, "event": {"provider_status": word}} for word in words],
        "user_ids": [USER],
        "process_id": PROCESS,
        "direction": "out",
        "created": NOW,
        "metadata": {},
        "payload": {"Type": "simple-text"},
        "primary_key": {},
        "erased_at": None,
    }


def user(**changes: object) -> dict[str, Any]:
    destinations = [{"kind": "PhoneNumber", "value": DESTINATION}]
    return {"_id": USER, "destinations": destinations, "merge": None, "erasure": None, **changes}


def process(**changes: object) -> dict[str, Any]:
    return {"user_ids": [USER], "last_interaction_id": ID, "is_closed": False, "metadata": {}, **changes}


def order(**changes: Any) -> Order:  # noqa: ANN401 - any of its fields
    values: dict[str, Any] = {
        "key": "k",
        "interaction_id": ID,
        "channel": "sms",
        "integration_id": "i",
        "destination": DESTINATION,
        "at_most_once": True,
        "answers": ["200 DISPATCH_PENDING"],
        "interaction_ids": {ID},
        "is_answered": True,
        "user_id": USER,
    }
    return Order(**{**values, **changes})


def runs(status: str | None, custom_status: str | None, **changes: Any) -> Runs:  # noqa: ANN401 - any of its fields
    values: dict[str, Any] = {
        "statuses": ["COMPLETED"],
        "dispatches": 1,
        "state": InteractionState(status=Status(status), custom_status=custom_status) if status else None,
    }
    return Runs(**{**values, **changes})


CALLBACKS_DELIVERED: Final = (Callback("sent", "delivered"), Callback("delivered", "delivered"))
GOOD: Final = Scenario(
    order=order(),
    record=record(*DELIVERED, words=("sent", "delivered")),
    entry=Entry(["accepted"], [NOW], CALLBACKS_DELIVERED),
    runs=runs("COMPLETED", "delivered"),
)
INBOUND: Final = Scenario(
    order=order(is_inbound=True),
    record={**record(("RECEIVED", None)), "direction": "in"},
    entry=Entry(),
    runs=runs("RECEIVED", None),
    process={"last_interaction_id": "another"},
)
CANCELLED: Final = Scenario(
    order=order(),
    record=record(*DELIVERED[:2], ("PROVIDER_SENDING_ERROR", "cancelled")),
    entry=Entry(["throttled"]),
    runs=runs("PROVIDER_SENDING_ERROR", "cancelled"),
).demanding(FollowUp.CANCEL, DONE)
FIRST: Final = order(interaction_id="685bc5d05a72ed2a5f8d0e40")
RESENT: Final = replace(GOOD, order=order(repeats=FIRST)).of_record(metadata={"resendOf": FIRST.interaction_id})
MERGED: Final = (
    replace(
        GOOD,
        users=(
            {"destinations": [], "merge": {"into": OTHER, "completed": NOW}},
            {"_id": OTHER},
        ),
        process={"user_ids": [OTHER]},
    )
    .of_record(user_ids=[OTHER])
    .demanding(FollowUp.MERGE, DONE, order(user_id=OTHER))
)
ERASED: Final = (
    replace(
        GOOD,
        users=({"destinations": [], "erasure": {"completed": NOW}},),
        process={"is_closed": True},
    )
    .of_record(erased_at=NOW, payload={})
    .demanding(FollowUp.ERASE, DONE)
)
STRATEGY: Final = replace(
    GOOD,
    order=order().followed_by("whatsapp", "i"),
    strategy_run={"outcome": "succeeded", "is_delivered_twice": False},
)
SCHEDULED: Final = replace(GOOD, order=order(send_at=NOW))
SUPPRESSED: Final = replace(
    GOOD,
    order=order(send_at=NOW, follow_up=FollowUp.OPT_OUT),
    record=record(*DELIVERED[:2], ("PROVIDER_SENDING_ERROR", "suppressed")),
    entry=Entry(),
    runs=runs("PROVIDER_SENDING_ERROR", "suppressed", dispatches=0),
).demanding(FollowUp.OPT_OUT, DONE, done_at=NOW - timedelta(seconds=1))
