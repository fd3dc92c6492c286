"""What tenants are told, and how far that has come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from domain.clock import to_milliseconds, utc_now
from domain.identifiers import derived_id
from domain.outcomes import Detail
from domain.status import InteractionState
from domain.webhook_events import MAX_DELIVERY_AGE, NotificationState, WebhookEventType
from models.base import Stored
from models.user import User

TTL_SECONDS: Final = 30 * 24 * 60 * 60
"""How long a notification is kept: much longer than it is tried to tell it."""

PENDING: Final = {"state": NotificationState.PENDING.value}
"""What selects the notifications that are still to be delivered."""


class Attempt(BaseModel):
    """One attempt to tell.

    Attributes:
        round: of which round; replaying begins another.
        number: within its round, from one.
        status: that the endpoint answered; None if it did not.
        error: why it failed; empty if it did not.
        took: seconds.
    """

    round: int
    number: int
    date: datetime
    status: int | None
    error: Detail
    took: float


class NotificationLine(BaseModel):
    """A notification in short: without what is told, and with its attempts counted."""

    id: str
    integration_id: str
    interaction_id: str
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
    """One event that one tenant is told. Its id is also that of the message (`webhook-id`).

    Attributes:
        position: of the event in the interaction's history.
        user_ids: of the interaction's users when the event happened.
        host: where it goes, or went at last.
        created: when the event happened.
        body: what is told: its very bytes, so that they are the same at each attempt.
        round: how often telling it was begun.
        began: when it was begun the last time.
        next_attempt: when it is tried again; None once nothing more happens by itself.
        replay: the replay of many that it was last part of.
        is_unbegun: whether Temporal did not take its workflow in time, so that it is begun later.
    """

    tenant: str
    integration_id: str
    interaction_id: str
    event: WebhookEventType
    position: int
    user_ids: list[str] = []
    host: str
    created: datetime
    body: str
    state: NotificationState = NotificationState.PENDING
    round: int = 1
    began: datetime
    next_attempt: datetime | None
    attempts: list[Attempt] = []
    replay: str | None = None
    is_unbegun: bool = False

    class Settings:
        """Where it is stored, and for how long."""

        name = "notifications"
        indexes = [
            IndexModel([("tenant", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)]),
            *(
                IndexModel([("tenant", ASCENDING), (field, ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)])
                for field in ("integration_id", "interaction_id", "event", "state", "host")
            ),
            # Only what is still to be told.
            IndexModel([("next_attempt", ASCENDING), ("_id", ASCENDING)], partialFilterExpression=PENDING),
            IndexModel([("is_unbegun", ASCENDING)], partialFilterExpression={"is_unbegun": True}),
            IndexModel([("created", ASCENDING)], expireAfterSeconds=TTL_SECONDS),
        ]

    @staticmethod
    def id_of(interaction_id: str, position: int, event: WebhookEventType, state: InteractionState) -> str:
        """The id that an event always has, so that it is told once however often its step is taken.

        A step that is taken again may come out otherwise: then that is told too.
        """
        words = (state.status, state.custom_status or "")
        return derived_id("notification", interaction_id, str(position), event, *words)

    async def keep(self) -> bool:
        """Keep it, unless it is kept already; whether it is still to be told."""
        try:
            await self.insert()
        except DuplicateKeyError:
            return await Notification.pending(self.id) is not None
        return True

    async def is_to_be_emptied(self) -> bool:
        """Whether a user is erased of whom the body may still say something."""
        return bool(await User.erased_among(self.tenant, self.user_ids))

    @property
    def tries(self) -> int:
        """How many attempts were made in this round."""
        return sum(attempt.round == self.round for attempt in self.attempts)

    def time_left(self, now: datetime) -> timedelta:
        """How much longer it is tried in this round; it is tried once more where that is over."""
        return max(self.began + MAX_DELIVERY_AGE - now, timedelta())

    def was_tried_at(self, at: datetime) -> bool:
        """Whether the last attempt is the one of that moment."""
        return bool(self.attempts) and self.attempts[-1].date == to_milliseconds(at)

    @classmethod
    async def write_attempt(
        cls, notification_id: str, attempt: Attempt, state: NotificationState, next_attempt: datetime | None
    ) -> None:
        """Write an attempt down, and what comes of it."""
        selector = {"_id": notification_id, **PENDING}
        changes = {"state": state.value, "next_attempt": next_attempt}
        await cls.collection().update_one(selector, {"$set": changes, "$push": {"attempts": attempt.model_dump()}})

    @classmethod
    async def postpone(cls, notification_id: str, until: datetime) -> None:
        """Let it wait."""
        await cls.collection().update_one({"_id": notification_id, **PENDING}, {"$set": {"next_attempt": until}})

    @classmethod
    async def conclude(cls, notification_id: str, state: NotificationState) -> None:
        """End what is still to be told otherwise than by an attempt."""
        changes = {"state": state.value, "next_attempt": None}
        await cls.collection().update_one({"_id": notification_id, **PENDING}, {"$set": changes})

    @classmethod
    async def cancel_all(cls, tenant: str, integration_id: str) -> None:
        """Cancel all of an integration that are still to be delivered; their workflows end at their next attempt."""
        selector = {"tenant": tenant, "integration_id": integration_id, **PENDING}
        changes = {"state": NotificationState.CANCELLED.value, "next_attempt": None}
        await cls.collection().update_many(selector, {"$set": changes})

    @classmethod
    async def begin_again(cls, selector: dict[str, Any], replay: str | None = None) -> "Notification | None":
        """Begin another round of one that has ended; None if the selector finds none that has."""
        now = utc_now()
        changes = {"state": NotificationState.PENDING.value, "began": now, "next_attempt": now, "replay": replay}
        ended = {"state": {"$ne": NotificationState.PENDING.value}}
        begun = await cls.collection().find_one_and_update(
            {"$and": [selector, ended]}, {"$set": changes, "$inc": {"round": 1}}, return_document=True
        )
        return cls.model_validate(begun) if begun else None

    @classmethod
    async def lines(cls, selector: dict[str, Any], limit: int) -> "Sequence[NotificationLine]":
        """Those that a selector finds, the newest first."""
        found = cls.collection().find(selector, _LINE).sort([("created", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [NotificationLine.model_validate(one) async for one in found]

    @property
    def cursor(self) -> str:
        """Where `since` goes on after it."""
        return f"{self.created.isoformat()} {self.id}"

    @classmethod
    async def since(  # noqa: PLR0913, PLR0917 - whose, from when to when, and which page
        cls, tenant: str, integration_id: str, since: datetime, until: datetime, cursor: str | None, limit: int
    ) -> "Sequence[Notification]":
        """Those of an integration's events between two moments, the oldest first, after a `cursor`."""
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
        """The notification, if it is still to be told."""
        return await cls.find_one({"_id": notification_id, **PENDING})

    @classmethod
    async def mark_unbegun(cls, ids: Sequence[str]) -> None:
        """Let these be begun later."""
        await cls.collection().update_many({"_id": {"$in": list(ids)}, **PENDING}, {"$set": {"is_unbegun": True}})

    @classmethod
    async def unbegun_page(cls, limit: int) -> "Sequence[Notification]":
        """Some of those that are to be begun later and have not ended meanwhile."""
        return await cls.find({"is_unbegun": True, **PENDING}).limit(limit).to_list()

    @classmethod
    async def unmark_unbegun(cls, notification_id: str) -> None:
        """Write down that it is begun."""
        await cls.collection().update_one({"_id": notification_id}, {"$set": {"is_unbegun": False}})

    @classmethod
    async def overdue(
        cls, before: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> "Sequence[Notification]":
        """Those that should have been tried before a moment, the longest overdue first.

        Args:
            before: the moment.
            after: `next_attempt` and id of the last one that was seen.
            limit: how many at most.
        """
        return await cls.find(overdue_selector(before, after)).sort("next_attempt", "_id").limit(limit).to_list()


def overdue_selector(before: datetime, after: tuple[datetime, str] | None) -> dict[str, Any]:
    """What selects the notifications that `Notification.overdue` gives."""
    late: dict[str, Any] = {**PENDING, "next_attempt": {"$lt": before}}
    if after is None:
        return late
    date, last_id = after
    return {
        **late,
        "$or": [{"next_attempt": {"$gt": date, "$lt": before}}, {"next_attempt": date, "_id": {"$gt": last_id}}],
    }


class SuspendedHost(Stored):
    """A host of a tenant's whose notifications all wait, because it failed too often."""

    until: datetime

    class Settings:
        """Where it is stored, until nobody waits any more."""

        name = "held_hosts"
        indexes = [IndexModel([("until", ASCENDING)], expireAfterSeconds=24 * 60 * 60)]

    @classmethod
    async def until_when(cls, tenant: str, host: str, now: datetime) -> datetime | None:
        """Until when a host's notifications wait; None if they do not."""
        held = await cls.find_one({"_id": _host_id(tenant, host), "until": {"$gt": now}})
        return held.until if held else None

    @classmethod
    async def hold(cls, tenant: str, host: str, until: datetime) -> None:
        """Let all of a host's notifications wait until a moment, or longer where they do."""
        await cls.collection().update_one({"_id": _host_id(tenant, host)}, {"$max": {"until": until}}, upsert=True)

    @classmethod
    async def release(cls, tenant: str, host: str) -> None:
        """Let a host's notifications be tried: somebody says that it is well again."""
        await cls.collection().delete_one({"_id": _host_id(tenant, host)})


def _host_id(tenant: str, host: str) -> str:
    return f"{tenant} {host}"
