"""What a tenant is told: which events there are, who asked for which, and how long is tried to tell them.

The events' names, the patterns and the law of the retries are the vendor's.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import JsonValue

from domain.clock import to_wire
from domain.interaction import Direction, Interaction
from domain.problems import Problem
from domain.status import InteractionState


class WebhookEventType(StrEnum):
    """What happened to an interaction, as the tenant is told it."""

    IN_CREATED = "INTERACTION_IN_CREATED_EVT"
    OUT_CREATED = "INTERACTION_OUT_CREATED_EVT"
    STATUS_CHANGED = "INTERACTION_STATUSCHANGED_EVT"
    CUSTOM_STATUS_CHANGED = "INTERACTION_CUSTOMSTATUSCHANGED_EVT"


EVERYTHING: Final = "*"

PATTERNS: Final[Sequence[str]] = (EVERYTHING, *WebhookEventType, *(f"-{event}" for event in WebhookEventType))
"""All that a subscription may be."""


def subscribed(subscriptions: Sequence[str]) -> frozenset[WebhookEventType]:
    """The events that subscriptions ask for: those named, or all by `*`, but for those named with a `-` before."""
    return frozenset(
        event
        for event in WebhookEventType
        if f"-{event}" not in subscriptions and (EVERYTHING in subscriptions or event in subscriptions)
    )


def problems_of_subscriptions(subscriptions: Sequence[str]) -> list[Problem]:
    """What is wrong with subscriptions, if anything is."""
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
    """One event of an interaction.

    Attributes:
        position: of the entry in the interaction's history that it is; no two events of an interaction share one.
        interaction: as it was then.
    """

    event: WebhookEventType
    position: int
    interaction: Interaction

    @property
    def created(self) -> datetime:
        """When it happened."""
        return self.interaction.audit_trail.history[-1].date

    def body(self, payload: JsonValue) -> dict[str, JsonValue]:
        """What is told; `payload` is the interaction as the API answers it."""
        return {"Event": self.event.value, "Created": to_wire(self.created), "Payload": payload}


def events_since(interaction: Interaction, first: int) -> Iterator[InteractionEvent]:
    """What happened to an interaction from an entry of its history on: its creation, and each change.

    A change of the status tells of both words; an entry that changes neither is a note, of which nobody is told.
    """
    history = interaction.audit_trail.history
    for position in range(first, len(history)):
        event = _event(interaction, position)
        if event is not None:
            entry = history[position]
            state = InteractionState(status=entry.status, custom_status=entry.custom_status)
            yield InteractionEvent(event, position, interaction.state_at(state, history[: position + 1]))


def _event(interaction: Interaction, position: int) -> WebhookEventType | None:
    if position == 0:
        return WebhookEventType.IN_CREATED if interaction.direction is Direction.IN else WebhookEventType.OUT_CREATED
    before, entry = interaction.audit_trail.history[position - 1 : position + 1]
    if entry.status is not before.status:
        return WebhookEventType.STATUS_CHANGED
    return WebhookEventType.CUSTOM_STATUS_CHANGED if entry.custom_status != before.custom_status else None


class NotificationState(StrEnum):
    """How far telling has come."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    GIVEN_UP = "GIVEN_UP"
    CANCELLED = "CANCELLED"


MAX_WAIT: Final = timedelta(seconds=4096)

MAX_WAIT_ALONE: Final = timedelta(seconds=16)
"""When a notification waits for longer, all of its host wait with it."""

MAX_DELIVERY_AGE: Final = timedelta(minutes=10_080)


def backoff(failed: int) -> timedelta:
    """How long is waited after so many failed attempts: 2^n seconds, and never more than `MAX_WAIT`."""
    return min(timedelta(seconds=2 ** min(failed, 12)), MAX_WAIT)


def suspends_host(wait: timedelta) -> bool:
    """Whether all notifications of a host wait with one that waits for so long."""
    return wait > MAX_WAIT_ALONE


def host_of(url: str) -> str:
    """The host that an endpoint is at, with its port: `example.com:443`."""
    parts = urlsplit(url)
    return f"{(parts.hostname or '').lower()}:{parts.port or (80 if parts.scheme == 'http' else 443)}"
