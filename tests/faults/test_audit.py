"""The audit of the fault tests finds every violation: consistent observations pass, and each modified one does not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from bench.faults.audit import Fault, audit
from bench.faults.endpoint import ReceivedDelivery
from bench.faults.observations import Entry, Runs
from bench.faults.requests import DONE, Demand, FollowUp
from tests.faults.scenarios import (
    CALLBACKS_DELIVERED,
    CANCELLED,
    DELIVERED,
    ERASED,
    FIRST,
    GOOD,
    ID,
    INBOUND,
    MERGED,
    NOW,
    OTHER,
    RESENT,
    SCHEDULED,
    STRATEGY,
    SUPPRESSED,
    USER,
    Scenario,
    delivery,
    order,
    record,
    runs,
)


def test_sends_that_the_provider_deduplicates_may_be_repeated() -> None:
    entry = replace(GOOD.entry, verdicts=["accepted", "repeated"])
    scenario = replace(GOOD, order=order(at_most_once=False), entry=entry, runs=replace(GOOD.runs, dispatches=3))
    assert not list(audit(scenario.observations()))


@pytest.mark.parametrize(
    "scenario", [GOOD, INBOUND, CANCELLED, RESENT, MERGED, ERASED, SCHEDULED, STRATEGY, SUPPRESSED]
)
def test_consistent_observations_have_no_findings(scenario: Scenario) -> None:
    assert audit(scenario.observations()) == []


def test_a_refused_cancellation_agrees_with_the_gateways_ledger() -> None:
    assert audit(GOOD.demanding(FollowUp.CANCEL, "already_sent").observations()) == []
    assert audit(replace(CANCELLED.demanding(FollowUp.CANCEL, "being_sent")).observations()) == []


def test_a_send_with_unknown_outcome_need_not_be_resent() -> None:
    refused = replace(RESENT, order=order(repeats=FIRST, is_refused=True), record=None, entry=Entry(), runs=Runs())
    assert audit(refused.observations()) == []


def test_the_tenant_may_receive_repeated_events_and_events_of_a_retried_step() -> None:
    *_, last = GOOD.received()
    otherwise = delivery(3, last.event, "PROCESS_ERROR", "failed", created="2026-07-21T10:30:02.500Z")
    assert audit(GOOD.with_deliveries(3, last, otherwise, last).observations()) == []


def test_a_redelivery_for_an_erased_user_may_contain_less() -> None:
    received = ERASED.received()
    assert audit(ERASED.with_deliveries(3, received[3], replace(received[3], digest="other")).observations()) == []


def test_the_history_of_an_erased_users_message_may_be_gone() -> None:
    assert audit(replace(ERASED, runs=Runs()).observations()) == []
    not_received = replace(
        ERASED, order=order(channel="email"), record=record(*DELIVERED[:3], words=("sent", "delivered"))
    )
    not_received = not_received.of_record(erased_at=NOW, payload={}).demanding(FollowUp.ERASE, DONE)
    assert audit(replace(not_received, runs=Runs()).observations()) == []


def test_a_refused_submission_that_was_never_sent_is_right() -> None:
    refused = replace(
        GOOD,
        order=order(is_valid=False),
        record=record(("VALIDATION_PENDING", None), ("VALIDATION_ERROR", None)),
        entry=Entry(),
        runs=runs("VALIDATION_ERROR", None, dispatches=0),
    )
    assert audit(refused.observations()) == []
    sent = replace(refused, entry=Entry(["accepted"]))
    assert Fault.WRONG in {finding.fault for finding in audit(sent.observations())}


def test_an_unanswered_order_may_be_missing() -> None:
    unasked = replace(GOOD, order=order(is_answered=False, insists=False), record=None, entry=Entry(), runs=Runs())
    assert audit(unasked.observations()) == []


def test_a_message_whose_answer_was_lost_may_be_unknown_only_without_callbacks() -> None:
    steps = (*DELIVERED[:2], ("PROVIDER_SENDING_ERROR", "unknown"))
    not_received = replace(
        GOOD, record=record(*steps), entry=Entry(["accepted"]), runs=runs("PROVIDER_SENDING_ERROR", "unknown")
    )
    assert audit(not_received.observations()) == []
    received = replace(not_received, entry=Entry(["accepted"], [NOW], CALLBACKS_DELIVERED))
    assert {finding.fault for finding in audit(received.observations())} == {Fault.WRONG, Fault.LOST}


def test_messages_above_the_rate_of_their_integration_are_found() -> None:
    def found(seconds: float) -> set[Fault]:
        observations = GOOD.observations()
        orders = {str(number): order(interaction_id=str(number), rate=1.0) for number in range(60)}
        ledger = {one: Entry(["accepted"], [NOW + seconds * timedelta(seconds=int(one))]) for one in orders}
        return {finding.fault for finding in audit(replace(observations, orders=orders, records={}, ledger=ledger))}

    assert Fault.NOT_ALLOWED in found(0.1)
    assert Fault.NOT_ALLOWED not in found(1)


BROKEN: Final[Mapping[str, tuple[Fault, Callable[[], Scenario]]]] = {
    "sent before its time": (
        Fault.NOT_ALLOWED,
        lambda: replace(SCHEDULED, order=order(send_at=NOW + timedelta(seconds=1))),
    ),
    "put off, and sent before the new time": (
        Fault.NOT_ALLOWED,
        lambda: SCHEDULED.demanding(FollowUp.RESCHEDULE, DONE, send_at=NOW + timedelta(seconds=1)),
    ),
    "sent to a recipient who had opted out": (
        Fault.NOT_ALLOWED,
        lambda: replace(SUPPRESSED, entry=Entry(["accepted"], [NOW])),
    ),
    "a strategy without end": (
        Fault.STUCK,
        lambda: replace(STRATEGY, strategy_run={"outcome": None, "is_delivered_twice": False}),
    ),
    "a strategy that is not recorded": (Fault.STUCK, lambda: replace(STRATEGY, strategy_run=None)),
    "a strategy that failed although its message arrived": (
        Fault.WRONG,
        lambda: replace(STRATEGY, strategy_run={"outcome": "failed", "is_delivered_twice": False}),
    ),
    "a strategy that says that one message arrived twice": (
        Fault.WRONG,
        lambda: replace(STRATEGY, strategy_run={"outcome": "succeeded", "is_delivered_twice": True}),
    ),
    "suppressed without an opt-out": (
        Fault.WRONG,
        lambda: replace(SUPPRESSED, order=order(send_at=NOW), demands=()),
    ),
    "an opt-out that is not taken": (Fault.LOST, lambda: SUPPRESSED.demanding(FollowUp.OPT_OUT, "not_found")),
    "admitted and not in the database": (Fault.LOST, lambda: replace(GOOD, record=None)),
    "started and not in the database": (
        Fault.LOST,
        lambda: replace(GOOD, record=None, order=order(is_answered=False, insists=False)),
    ),
    "a delivered event is not recorded": (Fault.LOST, lambda: GOOD.of_record(provider_events=[])),
    "asked of the gateway twice": (
        Fault.TWICE,
        lambda: replace(GOOD, entry=replace(GOOD.entry, verdicts=["accepted", "repeated"])),
    ),
    "dispatched twice": (Fault.TWICE, lambda: replace(GOOD, runs=runs("COMPLETED", "delivered", dispatches=2))),
    "repeated too often": (
        Fault.TWICE,
        lambda: replace(GOOD, order=order(at_most_once=False), runs=runs("COMPLETED", "delivered", dispatches=4)),
    ),
    "accepted as two messages": (
        Fault.TWICE,
        lambda: replace(
            GOOD, order=order(at_most_once=False), entry=replace(GOOD.entry, verdicts=["accepted", "accepted"])
        ),
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
    "never accepted and recorded as sent": (Fault.WRONG, lambda: replace(GOOD, entry=Entry())),
    "its workflow says otherwise": (Fault.WRONG, lambda: replace(GOOD, runs=runs("SENT", "queued"))),
    "a status goes backwards": (
        Fault.WRONG,
        lambda: replace(GOOD, record=record(*DELIVERED, DELIVERED[2], DELIVERED[3], words=("sent", "delivered"))),
    ),
    "an event recorded twice": (
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
    "confirmed as cancelled, and sent": (
        Fault.TWICE,
        lambda: replace(CANCELLED, entry=Entry(["accepted"])),
    ),
    "confirmed as cancelled, and recorded otherwise": (Fault.WRONG, lambda: GOOD.demanding(FollowUp.CANCEL, DONE)),
    "reported as sent, and cancelled": (Fault.WRONG, lambda: CANCELLED.demanding(FollowUp.CANCEL, "already_sent")),
    "reported as sent, and never accepted": (
        Fault.WRONG,
        lambda: replace(GOOD, entry=Entry()).demanding(FollowUp.CANCEL, "already_sent"),
    ),
    "cancelled by nobody": (Fault.WRONG, lambda: replace(CANCELLED, demands=())),
    "asked to cancel, and never answered": (Fault.STUCK, lambda: GOOD.demanding(FollowUp.CANCEL, "")),
    "sent again, and not linked": (Fault.WRONG, lambda: RESENT.of_record(metadata={})),
    "refused to be sent again, and sent": (
        Fault.WRONG,
        lambda: replace(RESENT, order=order(repeats=FIRST, is_refused=True)),
    ),
    "confirmed as merged, and is not": (Fault.LOST, lambda: replace(MERGED, users=({},))),
    "a merge without end": (
        Fault.STUCK,
        lambda: replace(MERGED, users=({"destinations": [], "merge": {"into": OTHER, "completed": None}},)),
    ),
    "an interaction that does not follow its merged user": (Fault.WRONG, lambda: MERGED.of_record(user_ids=[USER])),
    "refused to be merged": (
        Fault.LOST,
        lambda: MERGED.demanding(FollowUp.MERGE, "user_merged", order(user_id=OTHER)),
    ),
    "confirmed as erased, and is not": (Fault.LOST, lambda: replace(ERASED, users=({},))),
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
    "a change without a webhook event": (Fault.LOST, lambda: GOOD.with_deliveries(1)),
    "a change with a false webhook event": (
        Fault.WRONG,
        lambda: GOOD.with_deliveries(3, replace(GOOD.received()[3], status="PROCESS_ERROR")),
    ),
    "an event by another name": (
        Fault.WRONG,
        lambda: GOOD.with_deliveries(3, replace(GOOD.received()[3], event="INTERACTION_CUSTOMSTATUSCHANGED_EVT")),
    ),
    "a change that never was": (
        Fault.WRONG,
        lambda: replace(
            GOOD, deliveries=(*GOOD.received(), delivery(4, "INTERACTION_STATUSCHANGED_EVT", "SENT", "sent"))
        ),
    ),
    "one change under two ids": (
        Fault.WRONG,
        lambda: GOOD.with_deliveries(3, GOOD.received()[3], replace(GOOD.received()[3], webhook_id="other")),
    ),
    "two changes under one id": (
        Fault.WRONG,
        lambda: GOOD.with_deliveries(3, replace(GOOD.received()[3], webhook_id=GOOD.received()[2].webhook_id)),
    ),
    "one change in two wordings": (
        Fault.WRONG,
        lambda: GOOD.with_deliveries(3, GOOD.received()[3], replace(GOOD.received()[3], digest="other")),
    ),
    "an unsigned webhook event": (
        Fault.WRONG,
        lambda: replace(
            GOOD, deliveries=(*GOOD.received(), ReceivedDelivery("w", problem="No matching signature found"))
        ),
    ),
    "a notification that waits for ever": (Fault.STUCK, lambda: replace(GOOD, undelivered=("PENDING",))),
}


def erasing_other(scenario: Scenario) -> tuple[Demand, ...]:
    """Demands to erase the user that the scenario's user was merged into."""
    (merge,) = scenario.demands
    assert merge.into is not None
    return (Demand(FollowUp.ERASE, merge.into, result=DONE),)


@pytest.mark.parametrize("broken", BROKEN)
def test_each_violation_is_found(broken: str) -> None:
    fault, scenario = BROKEN[broken]
    assert fault in {finding.fault for finding in audit(scenario().observations())}


def test_an_unrequested_interaction_is_found() -> None:
    observations = replace(GOOD.observations(), orders={})
    assert [finding.what for finding in audit(observations)] == ["nobody asked for it"]
