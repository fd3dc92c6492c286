"""Notifications on the wire."""

import json
from typing import Annotated, Any

from pydantic import Field, JsonValue

from models.notification import Notification, NotificationLine
from wire.answer import Answer, Instant


class NotificationAttemptAnswer(Answer):
    """One delivery attempt."""

    round: int
    number: int
    date: Instant
    status: int | None
    error: str | None
    seconds: float


class NotificationLineAnswer(Answer):
    """A notification in short, as lists have it."""

    id: str
    integration_id: str
    interaction_id: Annotated[str | None, Field(description="Null if the event is about a consent.")]
    event: str
    created: Instant
    host: str
    state: str
    next_attempt: Instant | None
    attempt_count: int
    last_error: str | None

    @classmethod
    def of(cls, line: NotificationLine) -> "NotificationLineAnswer":
        """The notification as a list shows it."""
        return cls.model_validate({**line.model_dump(), "last_error": line.last_error or None})


class NotificationAnswer(NotificationLineAnswer):
    """A notification with its attempts and its body."""

    attempts: list[NotificationAttemptAnswer]
    body: Annotated[
        JsonValue,
        Field(description="The body; null for callers who may not read what it is about, or once a user is erased."),
    ]

    @classmethod
    def whole(cls, notification: Notification, *, with_body: bool) -> "NotificationAnswer":
        """The notification as its own answer shows it; its body has the contents of an interaction or a consent."""
        attempts = notification.attempts
        values: dict[str, Any] = {
            **notification.model_dump(exclude={"attempts", "body"}),
            "attempt_count": len(attempts),
            "last_error": (attempts[-1].error if attempts else "") or None,
            "attempts": [
                {**attempt.model_dump(), "error": attempt.error or None, "seconds": attempt.took}
                for attempt in attempts
            ],
            "body": json.loads(notification.body) if with_body else None,
        }
        return cls.model_validate(values)
