"""Webhook notifications of tenants and the progress of their delivery."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import to_milliseconds, utc_now
from domain.identifiers import derived_id
from domain.outcomes import Detail
from domain.status import InteractionState
from domain.webhook_events import MAX_DELIVERY_AGE, NotificationState, WebhookEventType
from models.base import ANY_TEXT, NEWEST_FIRST, Stored
from models.user import User

TTL_SECONDS: Final = 30 * 24 * 60 * 60
"""How long a notification is kept: much longer than its delivery is attempted."""

PENDING: Final = {"state": NotificationState.PENDING.value}
"""Selector of the notifications that are still to be delivered."""


class Attempt(BaseModel):
    """One delivery attempt.

    Attributes:
        round: its round; redelivery starts another.
        number: within its round, from one.
        status: HTTP status of the endpoint; None without a response.
        error: the reason of the failure; empty on success.
        took: duration in seconds.
    """

    round: int
    number: int
    date: datetime
    status: int | None
    error: Detail
    took: float


class NotificationLine(BaseModel):
    """Summary of a notification: without its body, and with its attempts counted."""

    id: str
    integration_id: str
    interaction_id: str | None
    event: WebhookEventType
    host: str
    created: datetime
    state: NotificationState
    next_attempt: datetime | None
    attempt_count: int
    last_error: str = ""


_LINE: Final = {
    "_id": 0,
    "id": "$_id",
    **dict.fromkeys(("integration_id", "interaction_id", "event", "host", "created", "state", "next_attempt"), 1),
    "attempt_count": {"$size": "$attempts"},
    "last_error": {"$ifNull": [{"$last": "$attempts.error"}, ""]},
}


class Notification(Stored):
    """One event published to one tenant. Its id is also the message id (`webhook-id`).

    Attributes:
        interaction_id: the interaction of the event; None if the event is about a consent.
        person: the recipient's name in the tenant's consents, if the event is about a consent.
        position: of the event in the interaction's history.
        user_ids: of the interaction's users when the event happened.
        host: host of the endpoint, as of the last attempt.
        created: when the event happened.
        body: the exact bytes delivered, so that they are the same at each attempt.
        round: number of times that delivery was started.
        began: when the current round started.
        next_attempt: when it is tried again; None if nothing more happens by itself.
        redelivery: the bulk redelivery that it was last part of.
        is_unbegun: whether Temporal did not accept its workflow in time, so that it is started later.
    """

    tenant: str
    integration_id: str
    interaction_id: str | None = None
    person: str | None = None
    event: WebhookEventType
    position: int = 0
    user_ids: list[str] = []
    host: str
    created: datetime
    body: str
    state: NotificationState = NotificationState.PENDING
    round: int = 1
    began: datetime
    next_attempt: datetime | None
    attempts: list[Attempt] = []
    redelivery: str | None = None
    is_unbegun: bool = False

    class Settings:
        """Collection name and indexes; old notifications are removed by a TTL index."""

        name = "notifications"
        indexes = [
            IndexModel([("tenant", ASCENDING), *NEWEST_FIRST]),
            *(
                IndexModel([("tenant", ASCENDING), (field, ASCENDING), *NEWEST_FIRST])
                for field in ("integration_id", "interaction_id", "event", "state", "host")
            ),
            IndexModel([("tenant", ASCENDING), ("person", ASCENDING)], partialFilterExpression={"person": ANY_TEXT}),
            # Only pending notifications.
            IndexModel([("next_attempt", ASCENDING), ("_id", ASCENDING)], partialFilterExpression=PENDING),
            IndexModel([("is_unbegun", ASCENDING)], partialFilterExpression={"is_unbegun": True}),
            IndexModel([("created", ASCENDING)], expireAfterSeconds=TTL_SECONDS),
        ]

    @staticmethod
    def id_of(interaction_id: str, position: int, event: WebhookEventType, state: InteractionState) -> str:
        """The deterministic id of an event, so that it is published once however often its step is retried.

        If a retried step has a different outcome, that is a different event and is published too.
        """
        words = (state.status, state.custom_status or "")
        return derived_id("notification", interaction_id, str(position), event, *words)

    async def insert_once(self) -> bool:
        """Insert it unless it exists; return whether it is still to be delivered."""
        try:
            await self.insert()
        except DuplicateKeyError:
            return await Notification.pending(self.id) is not None
        return True

    async def is_to_be_redacted(self) -> bool:
        """Whether a user is erased whose data the body may still contain."""
        return bool(await User.erased_among(self.tenant, self.user_ids))

    @property
    def tries(self) -> int:
        """Number of attempts in this round."""
        return sum(attempt.round == self.round for attempt in self.attempts)

    def time_left(self, now: datetime) -> timedelta:
        """Remaining time for attempts in this round; after it, one last attempt follows."""
        return max(self.began + MAX_DELIVERY_AGE - now, timedelta())

    def was_tried_at(self, at: datetime) -> bool:
        """Whether the last attempt started at that moment."""
        return bool(self.attempts) and self.attempts[-1].date == to_milliseconds(at)

    @classmethod
    async def write_attempt(
        cls, notification_id: str, attempt: Attempt, state: NotificationState, next_attempt: datetime | None
    ) -> None:
        """Record an attempt and its result."""
        selector = {"_id": notification_id, **PENDING}
        changes = {"state": state.value, "next_attempt": next_attempt}
        await cls.collection().update_one(selector, {"$set": changes, "$push": {"attempts": attempt.model_dump()}})

    @classmethod
    async def postpone(cls, notification_id: str, until: datetime) -> None:
        """Postpone the next attempt."""
        await cls.collection().update_one({"_id": notification_id, **PENDING}, {"$set": {"next_attempt": until}})

    @classmethod
    async def conclude(cls, notification_id: str, state: NotificationState) -> None:
        """End a pending delivery for a reason other than an attempt's result."""
        changes = {"state": state.value, "next_attempt": None}
        await cls.collection().update_one({"_id": notification_id, **PENDING}, {"$set": changes})

    @classmethod
    async def cancel_all(cls, tenant: str, integration_id: str) -> None:
        """Cancel all pending notifications of an integration; their workflows end at their next attempt."""
        selector = {"tenant": tenant, "integration_id": integration_id, **PENDING}
        changes = {"state": NotificationState.CANCELLED.value, "next_attempt": None}
        await cls.collection().update_many(selector, {"$set": changes})

    @classmethod
    async def begin_again(cls, selector: dict[str, Any], redelivery: str | None = None) -> "Notification | None":
        """Start another round of a finished notification; return None if the selector matches none."""
        now = utc_now()
        changes = {
            "state": NotificationState.PENDING.value,
            "began": now,
            "next_attempt": now,
            "redelivery": redelivery,
        }
        ended = {"state": {"$ne": NotificationState.PENDING.value}}
        begun = await cls.collection().find_one_and_update(
            {"$and": [selector, ended]}, {"$set": changes, "$inc": {"round": 1}}, return_document=True
        )
        return cls.model_validate(begun) if begun else None

    @classmethod
    async def lines(cls, selector: dict[str, Any], limit: int) -> "Sequence[NotificationLine]":
        """Summaries of the selected notifications, newest first."""
        found = cls.collection().find(selector, _LINE).sort(NEWEST_FIRST).limit(limit)
        return [NotificationLine.model_validate(one) async for one in found]

    @property
    def cursor(self) -> str:
        """Cursor with which `since` continues after it."""
        return f"{self.created.isoformat()} {self.id}"

    @classmethod
    async def since(  # noqa: PLR0913, PLR0917 - whose, from when to when, and which page
        cls, tenant: str, integration_id: str, since: datetime, until: datetime, cursor: str | None, limit: int
    ) -> "Sequence[Notification]":
        """Return an integration's events between two moments, oldest first, after a `cursor`."""
        selector: dict[str, Any] = {
            "tenant": tenant,
            "integration_id": integration_id,
            "created": {"$gte": since, "$lt": until},
        }
        if cursor is not None:
            date, _, last_id = cursor.partition(" ")
            last = datetime.fromisoformat(date)
            selector["$or"] = [{"created": {"$gt": last}}, {"created": last, "_id": {"$gt": last_id}}]
        return await cls.find(selector).sort("created", "_id").limit(limit).to_list()

    @classmethod
    async def pending(cls, notification_id: str) -> "Notification | None":
        """Return the notification, if it is still to be delivered."""
        return await cls.find_one({"_id": notification_id, **PENDING})

    @classmethod
    async def mark_unbegun(cls, ids: Sequence[str]) -> None:
        """Mark these to be started later."""
        await cls.collection().update_many({"_id": {"$in": list(ids)}, **PENDING}, {"$set": {"is_unbegun": True}})

    @classmethod
    async def unbegun_page(cls, limit: int) -> "Sequence[Notification]":
        """Return a page of those that are to be started later and have not ended meanwhile."""
        return await cls.find({"is_unbegun": True, **PENDING}).limit(limit).to_list()

    @classmethod
    async def unmark_unbegun(cls, notification_id: str) -> None:
        """Record that it was started."""
        await cls.collection().update_one({"_id": notification_id}, {"$set": {"is_unbegun": False}})

    @classmethod
    async def overdue(
        cls, before: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> "Sequence[Notification]":
        """Return notifications whose attempt was due before a moment, the longest overdue first.

        Args:
            before: the moment.
            after: `next_attempt` and id of the last one of the previous page.
            limit: maximum number.
        """
        return await cls.find(overdue_selector(before, after)).sort("next_attempt", "_id").limit(limit).to_list()


def overdue_selector(before: datetime, after: tuple[datetime, str] | None) -> dict[str, Any]:
    """Selector of the notifications that `Notification.overdue` returns."""
    late: dict[str, Any] = {**PENDING, "next_attempt": {"$lt": before}}
    if after is None:
        return late
    date, last_id = after
    return {
        **late,
        "$or": [{"next_attempt": {"$gt": date, "$lt": before}}, {"next_attempt": date, "_id": {"$gt": last_id}}],
    }


Begin = Callable[[Notification], Awaitable[None]]
"""Starts the workflow of a notification; one that runs already is left alone."""


class SuspendedHost(Stored):
    """A tenant's host whose notifications all wait, because it failed too often."""

    until: datetime

    class Settings:
        """Collection name and indexes; it is removed once the suspension is over."""

        name = "suspended_hosts"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=24 * 60 * 60)]

    @classmethod
    async def until_when(cls, tenant: str, host: str, now: datetime) -> datetime | None:
        """Time until which a host's notifications wait; None if it is not suspended."""
        suspension = await cls.find_one({"_id": _host_id(tenant, host), "until": {"$gt": now}})
        return suspension.until if suspension else None

    @classmethod
    async def suspend(cls, tenant: str, host: str, until: datetime) -> None:
        """Suspend a host until a moment; a longer suspension stays."""
        await cls.collection().update_one({"_id": _host_id(tenant, host)}, {"$max": {"until": until}}, upsert=True)

    @classmethod
    async def resume(cls, tenant: str, host: str) -> None:
        """Resume deliveries to a host before its suspension ends."""
        await cls.collection().delete_one({"_id": _host_id(tenant, host)})


def _host_id(tenant: str, host: str) -> str:
    return f"{tenant} {host}"
