"""Webhook events: their derivation from an interaction's history, subscriptions, and the retry schedule."""

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.channels import Channel
from domain.interaction import AuditTrail, Direction, HistoryEntry, IntegrationReference, Interaction
from domain.status import Status
from domain.webhook_events import (
    INTERACTION_EVENTS,
    PATTERNS,
    WebhookEventType,
    backoff,
    events_since,
    host_of,
    problems_of_subscriptions,
    subscribed,
    suspends_host,
)

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOTHING: set[WebhookEventType] = set()
PATTERN_LISTS = st.lists(st.sampled_from(PATTERNS), max_size=9)


@pytest.mark.parametrize(
    ("subscriptions", "events"),
    [
        (["*"], INTERACTION_EVENTS),
        (["*", "CONSENT_CHANGED_EVT", "STRATEGY_ENDED_EVT"], set(WebhookEventType)),
        (["INTERACTION_IN_CREATED_EVT"], {WebhookEventType.IN_CREATED}),
        (["*", "-INTERACTION_STATUSCHANGED_EVT"], INTERACTION_EVENTS - {WebhookEventType.STATUS_CHANGED}),
        (["-INTERACTION_STATUSCHANGED_EVT", "*"], INTERACTION_EVENTS - {WebhookEventType.STATUS_CHANGED}),
        (["-INTERACTION_STATUSCHANGED_EVT"], NOTHING),
        ([], NOTHING),
    ],
)
def test_subscriptions_are_names_all_or_all_but(
    subscriptions: list[str], events: AbstractSet[WebhookEventType]
) -> None:
    assert subscribed(subscriptions) == events


@given(PATTERN_LISTS, st.sampled_from(WebhookEventType), st.randoms())
def test_names_add_events_exceptions_remove_them_and_their_order_does_not_matter(
    subscriptions: list[str], event: WebhookEventType, chance: Random
) -> None:
    events = subscribed(subscriptions)
    assert subscribed([*subscriptions, f"-{event}"]) == events - {event}
    excepted = f"-{event}" in subscriptions
    assert subscribed([*subscriptions, event]) == (events if excepted else events | {event})
    shuffled = list(subscriptions)
    chance.shuffle(shuffled)
    assert subscribed(shuffled) == events


@given(PATTERN_LISTS)
def test_only_subscriptions_without_any_event_are_refused(subscriptions: list[str]) -> None:
    assert bool(problems_of_subscriptions(subscriptions)) != bool(subscribed(subscriptions))


@given(st.lists(st.text(max_size=40), min_size=1))
def test_every_unknown_pattern_is_named(subscriptions: list[str]) -> None:
    unknown = [f"Subscriptions[{n}]" for n, pattern in enumerate(subscriptions) if pattern not in PATTERNS]
    found = [one.field for one in problems_of_subscriptions(subscriptions) if one.code == "not_allowed"]
    assert found == unknown


def interaction(direction: Direction, *states: tuple[Status, str | None]) -> Interaction:
    history = [
        HistoryEntry(date=START + timedelta(seconds=number), status=status, custom_status=custom)
        for number, (status, custom) in enumerate(states)
    ]
    trail = AuditTrail(created=START, updated=history[-1].date, author_id="a", updater_id="a", history=history)
    reference = IntegrationReference(
        integration_id="i",
        integration_name="i",
        channel=Channel.SMS,
        channel_id="c",
        provider="p",
        provider_id="p",
        provider_title="P",
    )
    return Interaction(
        id="x",
        tenant="t",
        summary="",
        audit_trail=trail,
        integration=reference,
        metadata={},
        payload={},
        primary_key={},
        process_id=None,
        direction=direction,
        status=history[-1].status,
        custom_status=history[-1].custom_status,
    )


STATES = st.lists(
    st.tuples(st.sampled_from(Status), st.sampled_from([None, "sent", "delivered", "read"])), min_size=1, max_size=8
)


@given(st.sampled_from(Direction), STATES, st.integers(0, 9))
def test_every_change_is_one_event_and_shows_the_interaction_as_it_was_then(
    direction: Direction, states: list[tuple[Status, str | None]], first: int
) -> None:
    found = list(events_since(interaction(direction, *states), first))
    changes = [n for n, (before, after) in enumerate(pairwise(states), start=1) if before != after]
    assert [one.position for one in found] == [n for n in [0, *changes] if n >= first]
    for one in found:
        status, custom = states[one.position]
        assert (one.interaction.status, one.interaction.custom_status) == (status, custom)
        assert len(one.interaction.audit_trail.history) == one.position + 1
        assert one.created == START + timedelta(seconds=one.position)
        if one.position == 0:
            assert one.event is (
                WebhookEventType.IN_CREATED if direction is Direction.IN else WebhookEventType.OUT_CREATED
            )
        else:
            is_status = states[one.position - 1][0] is not status
            assert one.event is (
                WebhookEventType.STATUS_CHANGED if is_status else WebhookEventType.CUSTOM_STATUS_CHANGED
            )


def test_the_retry_schedule_is_the_vendors() -> None:
    waits = [backoff(failed).total_seconds() for failed in range(1, 20)]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, *[4096] * 8]
    assert [suspends_host(backoff(failed)) for failed in range(1, 8)] == [False] * 4 + [True] * 3


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://CRM.example.com/iris?x=1", "crm.example.com:443"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://crm.example.com", "crm.example.com:80"),
        ("https://[2001:db8::1]/", "2001:db8::1:443"),
    ],
)
def test_a_host_is_its_name_and_port(url: str, host: str) -> None:
    assert host_of(url) == host
