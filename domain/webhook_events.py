"""Webhook events for tenants: their types, subscriptions to them, and the retry schedule of their deliveries.

The events' names, the patterns and the retry schedule are the vendor's.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from pydantic import JsonValue

from domain.clock import to_wire
from domain.interaction import Direction, Interaction
from domain.problems import Problem


class WebhookEventType(StrEnum):
    """Type of an event that is delivered to webhook endpoints."""

    IN_CREATED = "INTERACTION_IN_CREATED_EVT"
    OUT_CREATED = "INTERACTION_OUT_CREATED_EVT"
    STATUS_CHANGED = "INTERACTION_STATUSCHANGED_EVT"
    CUSTOM_STATUS_CHANGED = "INTERACTION_CUSTOMSTATUSCHANGED_EVT"
    CONSENT_CHANGED = "CONSENT_CHANGED_EVT"
    STRATEGY_ENDED = "STRATEGY_ENDED_EVT"


InteractionEventType = Literal[
    WebhookEventType.IN_CREATED,
    WebhookEventType.OUT_CREATED,
    WebhookEventType.STATUS_CHANGED,
    WebhookEventType.CUSTOM_STATUS_CHANGED,
]
"""Type of an event of an interaction."""

INTERACTION_EVENTS: Final[frozenset[WebhookEventType]] = frozenset(get_args(InteractionEventType))

EVERYTHING: Final = "*"

PATTERNS: Final[Sequence[str]] = (EVERYTHING, *WebhookEventType, *(f"-{event}" for event in WebhookEventType))
"""Valid entries of a subscription."""


def subscribed(subscriptions: Sequence[str]) -> frozenset[WebhookEventType]:
    """Return the events of a subscription: those named, interactions' by `*`, except any with a `-` before."""
    wanted = {event for event in WebhookEventType if event in subscriptions}
    if EVERYTHING in subscriptions:
        wanted |= INTERACTION_EVENTS
    return frozenset(event for event in wanted if f"-{event}" not in subscriptions)


def problems_of_subscriptions(subscriptions: Sequence[str]) -> list[Problem]:
    """Return the problems of a subscription."""
    allowed = ", ".join(PATTERNS)
    problems = [
        Problem(field=f"Subscriptions[{position}]", code="not_allowed", details={"allowed": allowed})
        for position, pattern in enumerate(subscriptions)
        if pattern not in PATTERNS
    ]
    if not problems and not subscribed(subscriptions):
        problems = [Problem(field="Subscriptions", code="subscribes_to_nothing")]
    return problems


class InteractionEvent(NamedTuple):
    """Event of an interaction.

    Attributes:
        position: of its entry in the interaction's history; no two events of an interaction share one.
        interaction: the interaction at the time of the event.
    """

    event: WebhookEventType
    position: int
    interaction: Interaction

    @property
    def created(self) -> datetime:
        """Return the time of the event."""
        return self.interaction.audit_trail.history[-1].date

    def body(self, payload: JsonValue) -> dict[str, JsonValue]:
        """Return the body of the notification; `payload` is the interaction as the API answers it."""
        return {"Event": self.event.value, "Created": to_wire(self.created), "Payload": payload}


def serialized(body: Mapping[str, JsonValue]) -> str:
    """Serialize the body of a notification."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def events_since(interaction: Interaction, first: int) -> Iterator[InteractionEvent]:
    """Return the events from an entry of the history on: the creation of the interaction, and each change.

    A change of `status` includes a simultaneous one of `customStatus`; an entry that changes neither is a note.
    """
    history = interaction.audit_trail.history
    for position in range(first, len(history)):
        event = _event(interaction, position)
        if event is not None:
            yield InteractionEvent(
                event, position, interaction.state_at(history[position].state, history[: position + 1])
            )


def _event(interaction: Interaction, position: int) -> WebhookEventType | None:
    if position == 0:
        return WebhookEventType.IN_CREATED if interaction.direction is Direction.IN else WebhookEventType.OUT_CREATED
    before, entry = interaction.audit_trail.history[position - 1 : position + 1]
    if entry.status is not before.status:
        return WebhookEventType.STATUS_CHANGED
    return WebhookEventType.CUSTOM_STATUS_CHANGED if entry.custom_status != before.custom_status else None


class NotificationState(StrEnum):
    """Progress of a notification's delivery."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    GIVEN_UP = "GIVEN_UP"
    CANCELLED = "CANCELLED"


MAX_WAIT: Final = timedelta(seconds=4096)

MAX_WAIT_ALONE: Final = timedelta(seconds=16)
"""Longest wait of a notification that does not suspend its host."""

MAX_DELIVERY_AGE: Final = timedelta(minutes=10_080)


def backoff(failed: int) -> timedelta:
    """Return the wait after so many failed attempts: 2^n seconds, at most `MAX_WAIT`."""
    return min(timedelta(seconds=2 ** min(failed, 12)), MAX_WAIT)


def suspends_host(wait: timedelta) -> bool:
    """Whether a wait of this length suspends all notifications of the host."""
    return wait > MAX_WAIT_ALONE


def host_of(url: str) -> str:
    """Return the host of an endpoint with its port: `example.com:443`."""
    parts = urlsplit(url)
    return f"{(parts.hostname or '').lower()}:{parts.port or (80 if parts.scheme == 'http' else 443)}"
