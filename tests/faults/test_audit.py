"""The audit of the fault harness finds every broken promise: books that agree pass, and each doctored one does not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from bench.faults.audit import Fault, audit
from bench.faults.books import Books, Callback, Entry, Runs
from bench.faults.endpoint import Told
from bench.faults.orders import DONE, Demand, Errand, Order
from domain.status import Standing, Status

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
class Story:
    """One interaction in all books; as it comes, delivered and heard of.

    Attributes:
        told: what the tenant heard; None is each change once.
    """

    order: Order
    record: dict[str, Any] | None
    entry: Entry
    runs: Runs
    inbound_state: str = "told"
    users: tuple[Changes, ...] = ({},)
    process: Changes | None = field(default_factory=dict[str, Any])
    demands: tuple[Demand, ...] = ()
    told: tuple[Told, ...] | None = None
    untold: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()

    def books(self) -> Books:
        told = self.heard() if self.told is None else self.told
        return Books(
            orders={ID: self.order},
            demands=self.demands,
            records={ID: self.record} if self.record else {},
            ledger={ID: self.entry},
            inbound_states={self.order.key: self.inbound_state},
            runs={ID: self.runs},
            users={one["_id"]: one for one in (user(**changes) for changes in self.users)},
            processes={PROCESS: process(**self.process)} if self.process is not None else {},
            told={
                one.interaction_id: [other for other in told if other.interaction_id == one.interaction_id]
                for one in told
            },
            untold={ID: self.untold},
            traces={self.order.key: self.traces},
        )

    def heard(self) -> tuple[Told, ...]:
        """What the tenant is told of it, each once."""
        if self.record is None:
            return ()
        steps = [(one["status"], one["custom_status"]) for one in self.record["history"]]
        return tuple(
            told(position, event_of(steps, position, self.record["direction"]), *steps[position])
            for position in range(len(steps))
        )

    def of_record(self, **changes: object) -> "Story":
        assert self.record
        return replace(self, record={**self.record, **changes})

    def of_told(self, position: int, *others: Told) -> "Story":
        """The story with other calls in the place of one."""
        heard = self.heard()
        return replace(self, told=(*heard[:position], *others, *heard[position + 1 :]))

    def demanding(self, errand: Errand, answer: str, into: Order | None = None) -> "Story":
        return replace(self, demands=(Demand(errand, self.order, into, told=answer),))


def event_of(steps: Sequence[tuple[str, str | None]], position: int, direction: str) -> str:
    if position == 0:
        return f"INTERACTION_{direction.upper()}_CREATED_EVT"
    is_status = steps[position][0] != steps[position - 1][0]
    return f"INTERACTION_{'STATUS' if is_status else 'CUSTOMSTATUS'}CHANGED_EVT"


def told(position: int, event: str, status: str, custom_status: str | None, **changes: str) -> Told:
    one = Told(
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
        "provider_events": [{"id": word, "event": {"word": word}} for word in words],
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
        "standing": Standing(status=Status(status), custom_status=custom_status) if status else None,
    }
    return Runs(**{**values, **changes})


TOLD: Final = (Callback("sent", "told"), Callback("delivered", "told"))
GOOD: Final = Story(
    order=order(),
    record=record(*DELIVERED, words=("sent", "delivered")),
    entry=Entry(["taken"], TOLD),
    runs=runs("COMPLETED", "delivered"),
)
INBOUND: Final = Story(
    order=order(is_inbound=True),
    record={**record(("RECEIVED", None)), "direction": "in"},
    entry=Entry(),
    runs=runs("RECEIVED", None),
    process={"last_interaction_id": "another"},
)
CANCELLED: Final = Story(
    order=order(),
    record=record(*DELIVERED[:2], ("PROVIDER_SENDING_ERROR", "cancelled")),
    entry=Entry(["throttled"]),
    runs=runs("PROVIDER_SENDING_ERROR", "cancelled"),
).demanding(Errand.CANCEL, DONE)
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
    .demanding(Errand.MERGE, DONE, order(user_id=OTHER))
)
ERASED: Final = (
    replace(
        GOOD,
        users=({"destinations": [], "erasure": {"completed": NOW}},),
        process={"is_closed": True},
    )
    .of_record(erased_at=NOW, payload={})
    .demanding(Errand.ERASE, DONE)
)


def test_what_the_provider_recognises_may_be_repeated() -> None:
    entry = replace(GOOD.entry, verdicts=["taken", "repeated"])
    story = replace(GOOD, order=order(at_most_once=False), entry=entry, runs=replace(GOOD.runs, dispatches=3))
    assert not list(audit(story.books()))


@pytest.mark.parametrize("story", [GOOD, INBOUND, CANCELLED, RESENT, MERGED, ERASED])
def test_books_that_agree_have_no_findings(story: Story) -> None:
    assert audit(story.books()) == []


def test_what_was_not_cancelled_is_where_the_gateways_ledger_says() -> None:
    assert audit(GOOD.demanding(Errand.CANCEL, "already_sent").books()) == []
    assert audit(replace(CANCELLED.demanding(Errand.CANCEL, "being_sent")).books()) == []


def test_what_may_still_arrive_need_not_be_sent_again() -> None:
    refused = replace(RESENT, order=order(repeats=FIRST, is_refused=True), record=None, entry=Entry(), runs=Runs())
    assert audit(refused.books()) == []


def test_the_tenant_may_be_told_twice_and_of_a_step_that_came_out_otherwise() -> None:
    *_, last = GOOD.heard()
    otherwise = told(3, last.event, "PROCESS_ERROR", "failed", created="2026-07-21T10:30:02.500Z")
    assert audit(GOOD.of_told(3, last, otherwise, last).books()) == []


def test_what_an_erased_users_message_is_told_again_may_say_less() -> None:
    heard = ERASED.heard()
    assert audit(ERASED.of_told(3, heard[3], replace(heard[3], digest="other")).books()) == []


def test_the_history_of_an_erased_users_message_may_be_gone() -> None:
    assert audit(replace(ERASED, runs=Runs()).books()) == []
    unheard = replace(ERASED, order=order(channel="email"), record=record(*DELIVERED[:3], words=("sent", "delivered")))
    unheard = unheard.of_record(erased_at=NOW, payload={}).demanding(Errand.ERASE, DONE)
    assert audit(replace(unheard, runs=Runs()).books()) == []


def test_a_refused_submission_that_was_never_sent_is_right() -> None:
    refused = replace(
        GOOD,
        order=order(is_valid=False),
        record=record(("VALIDATION_PENDING", None), ("VALIDATION_ERROR", None)),
        entry=Entry(),
        runs=runs("VALIDATION_ERROR", None, dispatches=0),
    )
    assert audit(refused.books()) == []
    sent = replace(refused, entry=Entry(["taken"]))
    assert Fault.WRONG in {finding.fault for finding in audit(sent.books())}


def test_what_nobody_was_told_of_may_be_missing() -> None:
    unasked = replace(GOOD, order=order(is_answered=False, insists=False), record=None, entry=Entry(), runs=Runs())
    assert audit(unasked.books()) == []


def test_a_message_whose_answer_was_lost_may_be_unknown_only_while_nothing_is_heard() -> None:
    steps = (*DELIVERED[:2], ("PROVIDER_SENDING_ERROR", "unknown"))
    unheard = replace(
        GOOD, record=record(*steps), entry=Entry(["taken"]), runs=runs("PROVIDER_SENDING_ERROR", "unknown")
    )
    assert audit(unheard.books()) == []
    heard = replace(unheard, entry=Entry(["taken"], TOLD))
    assert {finding.fault for finding in audit(heard.books())} == {Fault.WRONG, Fault.LOST}


BROKEN: Final[Mapping[str, tuple[Fault, Callable[[], Story]]]] = {
    "admitted and not in the database": (Fault.LOST, lambda: replace(GOOD, record=None)),
    "started and not in the database": (
        Fault.LOST,
        lambda: replace(GOOD, record=None, order=order(is_answered=False, insists=False)),
    ),
    "news that was told is not recorded": (Fault.LOST, lambda: GOOD.of_record(provider_events=[])),
    "asked of the gateway twice": (
        Fault.TWICE,
        lambda: replace(GOOD, entry=replace(GOOD.entry, verdicts=["taken", "repeated"])),
    ),
    "dispatched twice": (Fault.TWICE, lambda: replace(GOOD, runs=runs("COMPLETED", "delivered", dispatches=2))),
    "repeated too often": (
        Fault.TWICE,
        lambda: replace(GOOD, order=order(at_most_once=False), runs=runs("COMPLETED", "delivered", dispatches=4)),
    ),
    "taken as two messages": (
        Fault.TWICE,
        lambda: replace(GOOD, order=order(at_most_once=False), entry=replace(GOOD.entry, verdicts=["taken", "taken"])),
    ),
    "one key, two interactions": (Fault.TWICE, lambda: replace(GOOD, order=order(interaction_ids={ID, "other"}))),
    "never answered": (Fault.STUCK, lambda: replace(GOOD, order=order(is_answered=False))),
    "queued for ever": (Fault.STUCK, lambda: replace(GOOD, record=record(*DELIVERED[:2]))),
    "its workflow never ends": (
        Fault.STUCK,
        lambda: replace(GOOD, runs=runs(None, None, statuses=["RUNNING"])),
    ),
    "never called back": (Fault.STUCK, lambda: replace(INBOUND, inbound_state="pending")),
    "delivered and recorded as sent": (
        Fault.WRONG,
        lambda: replace(GOOD, record=record(*DELIVERED[:3], words=("sent", "delivered")), runs=runs("SENT", "queued")),
    ),
    "never taken and recorded as sent": (Fault.WRONG, lambda: replace(GOOD, entry=Entry())),
    "its workflow says otherwise": (Fault.WRONG, lambda: replace(GOOD, runs=runs("SENT", "queued"))),
    "a status goes backwards": (
        Fault.WRONG,
        lambda: replace(GOOD, record=record(*DELIVERED, DELIVERED[2], DELIVERED[3], words=("sent", "delivered"))),
    ),
    "news recorded twice": (
        Fault.WRONG,
        lambda: replace(GOOD, record=record(*DELIVERED, words=("sent", "delivered", "sent"))),
    ),
    "two owners of a destination": (Fault.WRONG, lambda: replace(GOOD, users=({}, {"_id": OTHER}))),
    "another user than its destination's": (Fault.WRONG, lambda: GOOD.of_record(user_ids=[OTHER])),
    "a process without its interaction": (Fault.WRONG, lambda: replace(GOOD, process=None)),
    "a process that names another as its last": (
        Fault.WRONG,
        lambda: replace(GOOD, process={"last_interaction_id": "another"}),
    ),
    "a process with another user": (Fault.WRONG, lambda: replace(GOOD, process={"user_ids": [OTHER]})),
    "an inbound message that is not received": (
        Fault.WRONG,
        lambda: INBOUND.of_record(status="DISPATCH_PENDING"),
    ),
    "told to be cancelled, and sent": (
        Fault.TWICE,
        lambda: replace(CANCELLED, entry=Entry(["taken"])),
    ),
    "told to be cancelled, and recorded otherwise": (Fault.WRONG, lambda: GOOD.demanding(Errand.CANCEL, DONE)),
    "told to be sent, and cancelled": (Fault.WRONG, lambda: CANCELLED.demanding(Errand.CANCEL, "already_sent")),
    "told to be sent, and never taken": (
        Fault.WRONG,
        lambda: replace(GOOD, entry=Entry()).demanding(Errand.CANCEL, "already_sent"),
    ),
    "cancelled by nobody": (Fault.WRONG, lambda: replace(CANCELLED, demands=())),
    "asked to cancel, and never answered": (Fault.STUCK, lambda: GOOD.demanding(Errand.CANCEL, "")),
    "sent again, and not linked": (Fault.WRONG, lambda: RESENT.of_record(metadata={})),
    "refused to be sent again, and sent": (
        Fault.WRONG,
        lambda: replace(RESENT, order=order(repeats=FIRST, is_refused=True)),
    ),
    "told to be merged, and is not": (Fault.LOST, lambda: replace(MERGED, users=({},))),
    "a merge without end": (
        Fault.STUCK,
        lambda: replace(MERGED, users=({"destinations": [], "merge": {"into": OTHER, "completed": None}},)),
    ),
    "an interaction that does not follow its merged user": (Fault.WRONG, lambda: MERGED.of_record(user_ids=[USER])),
    "refused to be merged": (
        Fault.LOST,
        lambda: MERGED.demanding(Errand.MERGE, "user_merged", order(user_id=OTHER)),
    ),
    "told to be erased, and is not": (Fault.LOST, lambda: replace(ERASED, users=({},))),
    "an erasure without end": (
        Fault.STUCK,
        lambda: replace(ERASED, users=({"destinations": [], "erasure": {"completed": None}},)),
    ),
    "an interaction that is not erased with its user": (Fault.WRONG, lambda: ERASED.of_record(erased_at=None)),
    "an erased interaction that still says something": (Fault.WRONG, lambda: ERASED.of_record(payload={"Text": "t"})),
    "a process that is not erased with its user": (Fault.WRONG, lambda: replace(ERASED, process={})),
    "a trace of an erased user": (Fault.WRONG, lambda: replace(ERASED, traces=("notifications n",))),
    "a merged user's message that is not erased with it": (
        Fault.WRONG,
        lambda: replace(MERGED, demands=(*MERGED.demands, *erasing_other(MERGED))),
    ),
    "a change that the tenant was not told": (Fault.LOST, lambda: GOOD.of_told(1)),
    "a change that the tenant was told otherwise": (
        Fault.WRONG,
        lambda: GOOD.of_told(3, replace(GOOD.heard()[3], status="PROCESS_ERROR")),
    ),
    "an event by another name": (
        Fault.WRONG,
        lambda: GOOD.of_told(3, replace(GOOD.heard()[3], event="INTERACTION_CUSTOMSTATUSCHANGED_EVT")),
    ),
    "a change that never was": (
        Fault.WRONG,
        lambda: replace(GOOD, told=(*GOOD.heard(), told(4, "INTERACTION_STATUSCHANGED_EVT", "SENT", "sent"))),
    ),
    "one change under two ids": (
        Fault.WRONG,
        lambda: GOOD.of_told(3, GOOD.heard()[3], replace(GOOD.heard()[3], webhook_id="other")),
    ),
    "two changes under one id": (
        Fault.WRONG,
        lambda: GOOD.of_told(3, replace(GOOD.heard()[3], webhook_id=GOOD.heard()[2].webhook_id)),
    ),
    "one change in two wordings": (
        Fault.WRONG,
        lambda: GOOD.of_told(3, GOOD.heard()[3], replace(GOOD.heard()[3], digest="other")),
    ),
    "told what is not signed": (
        Fault.WRONG,
        lambda: replace(GOOD, told=(*GOOD.heard(), Told("w", problem="No matching signature found"))),
    ),
    "a notification that waits for ever": (Fault.STUCK, lambda: replace(GOOD, untold=("PENDING",))),
}


def erasing_other(story: Story) -> tuple[Demand, ...]:
    """What erases the user that the story's was merged into."""
    (merge,) = story.demands
    assert merge.into is not None
    return (Demand(Errand.ERASE, merge.into, told=DONE),)


@pytest.mark.parametrize("broken", BROKEN)
def test_each_broken_promise_is_found(broken: str) -> None:
    fault, story = BROKEN[broken]
    assert fault in {finding.fault for finding in audit(story().books())}


def test_an_interaction_that_nobody_asked_for_is_found() -> None:
    books = replace(GOOD.books(), orders={})
    assert [finding.what for finding in audit(books)] == ["nobody asked for it"]
