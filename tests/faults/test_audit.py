"""The audit of the fault harness finds every broken promise: books that agree pass, and each doctored one does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from bench.faults.audit import Fault, audit
from bench.faults.books import Books, Callback, Entry, Runs
from bench.faults.callers import Order
from domain.status import Standing, Status

ID: Final = "685bc5d05a72ed2a5f8d0e41"
PROCESS: Final = "685bc5e4c707c57a2a9d09c5"
DESTINATION: Final = "34638766068"
NOW: Final = datetime(2026, 7, 21, 10, 30, tzinfo=UTC)
DELIVERED: Final = (
    ("VALIDATION_PENDING", None),
    ("DISPATCH_PENDING", None),
    ("SENT", "queued"),
    ("COMPLETED", "delivered"),
)


@dataclass(frozen=True)
class Story:
    """One interaction in all books; as it comes, delivered and heard of."""

    order: Order
    record: dict[str, Any] | None
    entry: Entry
    runs: Runs
    inbound_state: str = "told"
    owners: int = 1
    last_entry: str | None = ID

    def books(self) -> Books:
        return Books(
            orders={ID: self.order},
            records={ID: self.record} if self.record else {},
            ledger={ID: self.entry},
            inbound_states={self.order.key: self.inbound_state},
            runs={ID: self.runs},
            owners={DESTINATION: self.owners},
            last_entries={PROCESS: self.last_entry} if self.last_entry else {},
        )

    def of_record(self, **changes: object) -> "Story":
        assert self.record
        return replace(self, record={**self.record, **changes})


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
        "user_ids": ["u"],
        "process_id": PROCESS,
    }


def order(**changes: Any) -> Order:  # noqa: ANN401 - any of its fields
    values: dict[str, Any] = {
        "key": "k",
        "channel": "sms",
        "integration_id": "i",
        "destination": DESTINATION,
        "at_most_once": True,
        "answers": ["200 DISPATCH_PENDING"],
        "interaction_ids": {ID},
        "is_answered": True,
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
    record=record(("RECEIVED", None)),
    entry=Entry(),
    runs=runs("RECEIVED", None),
    last_entry="another",
)


def test_what_the_provider_recognises_may_be_repeated() -> None:
    entry = replace(GOOD.entry, verdicts=["taken", "repeated"])
    story = replace(GOOD, order=order(at_most_once=False), entry=entry, runs=replace(GOOD.runs, dispatches=3))
    assert not list(audit(story.books()))


def test_books_that_agree_have_no_findings() -> None:
    assert audit(GOOD.books()) == []
    assert audit(INBOUND.books()) == []


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
    "two owners of a destination": (Fault.WRONG, lambda: replace(GOOD, owners=2)),
    "a process without its interaction": (Fault.WRONG, lambda: replace(GOOD, last_entry=None)),
    "an inbound message that is not received": (
        Fault.WRONG,
        lambda: replace(INBOUND, record=record(("DISPATCH_PENDING", None))),
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_each_broken_promise_is_found(broken: str) -> None:
    fault, story = BROKEN[broken]
    assert fault in {finding.fault for finding in audit(story().books())}


def test_an_interaction_that_nobody_asked_for_is_found() -> None:
    books = replace(GOOD.books(), orders={})
    assert [finding.what for finding in audit(books)] == ["nobody asked for it"]
