"""Publishes changed consents to the webhook endpoints that subscribed to them by name."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from pydantic import JsonValue
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError

from domain.clock import to_milliseconds, to_wire, utc_now
from domain.gate.consent import NO_EVIDENCE, ConsentScope
from domain.identifiers import derived_id
from domain.webhook_events import WebhookEventType, host_of, serialized, subscribed
from models.base import DUPLICATE_KEY
from models.consent import Consent
from models.endpoint import Endpoint
from models.integration import Integration
from models.notification import PENDING, Begin, Notification

Show = Callable[[Consent], dict[str, JsonValue]]
"""Renders a consent as the API answers it."""

Subscribers = Sequence[tuple[Integration, Endpoint]]
"""Integrations whose endpoints want the events."""

_EVENT: Final = WebhookEventType.CONSENT_CHANGED

_CONCURRENT_BEGINS: Final = 20
"""Deliveries that one call starts at once; an import may change a thousand consents."""

_LOG = logging.getLogger("iris.notifications")


@dataclass(frozen=True, slots=True)
class ConsentEvents:
    """Publishes the changes of consents as notifications.

    A change is read from the consent's history, and the notification's id is derived from it: publishing is safe to
    repeat, and a statement that repeats the state before it is no change. The write of a statement marks it as
    unpublished until its notification is stored, so that the reconciliation publishes what a process left that died.
    """

    begin: Begin
    show: Show

    async def subscribers(self, tenant: str) -> Subscribers:
        """Return the tenant's integrations whose endpoints want the events."""
        selector = {"tenant": tenant, "deleted": None, "endpoint.subscriptions": _EVENT.value}
        found = await Integration.find(selector).to_list()
        return [
            (one, one.endpoint) for one in found if one.endpoint and _EVENT in subscribed(one.endpoint.subscriptions)
        ]

    async def publish(self, tenant: str, subscribers: Subscribers, stated: Mapping[str, datetime]) -> None:
        """Publish the consents whose state was changed by a statement that is marked as unpublished.

        Args:
            tenant: the tenant.
            subscribers: who hears of them.
            stated: when the statement of each consent was made, by the consent's id.
        """
        notifications: list[Notification] = []
        async for consent in Consent.find({"tenant": tenant, "_id": {"$in": list(stated)}}):
            statement = consent.changing(to_milliseconds(stated[consent.id]))
            if statement is not None:
                shown = self.show(consent.model_copy(update=dict(statement)))
                notifications += _notifications(subscribers, consent, to_wire(statement.at), shown)
        stored = await _stored(notifications)
        await Consent.mark_published({one: to_milliseconds(at) for one, at in stated.items()})
        await self._begin(stored)

    async def publish_missing(self, consents: Sequence[Consent]) -> None:
        """Publish the statements of consents that a process marked as unpublished before it died."""
        for consent in consents:
            subscribers = await self.subscribers(consent.tenant)
            for at in consent.unpublished:
                await self.publish(consent.tenant, subscribers, {consent.id: at})

    async def delete(self, consent: Consent) -> None:
        """Delete a consent, and publish that its state is null."""
        change = f"deleted {to_wire(consent.created)}"
        shown = {**self.show(consent), "state": None}
        notifications = _notifications(await self.subscribers(consent.tenant), consent, change, shown)

        async def delete(session: AsyncClientSession) -> bool:
            deleted = await Consent.collection().delete_one({"_id": consent.id}, session=session)
            if deleted.deleted_count and notifications:
                await Notification.insert_many(notifications, session=session)
            return deleted.deleted_count > 0

        if await Consent.in_transaction(delete):
            await self._begin(notifications)

    async def _begin(self, notifications: Sequence[Notification]) -> None:
        """Start stored notifications; one that cannot be started now is started later."""
        unbegun: list[str] = []
        limit = asyncio.Semaphore(_CONCURRENT_BEGINS)

        async def begin(notification: Notification) -> None:
            try:
                async with limit:
                    await self.begin(notification)
            except Exception as error:  # noqa: BLE001 - for any error, stored notifications are started later
                _LOG.warning("notification %s begins later: %s", notification.id, type(error).__name__)
                unbegun.append(notification.id)

        await asyncio.gather(*map(begin, notifications))
        if unbegun:
            await Notification.mark_unbegun(unbegun)


async def redact(tenant: str, persons: Collection[str]) -> None:
    """Remove what identifies these persons from the notifications about their consents."""
    updates: list[UpdateOne] = []
    async for notification in Notification.find({"tenant": tenant, "person": {"$in": list(persons)}}):
        body = json.loads(notification.body)
        body["Payload"] |= {"destination": "", "evidence": _EMPTY_EVIDENCE}
        updates.append(UpdateOne({"_id": notification.id}, {"$set": {"body": serialized(body)}}))
    if updates:
        await Notification.collection().bulk_write(updates, ordered=False)


_EMPTY_EVIDENCE: Final = {
    "interactionId": NO_EVIDENCE.interaction_id,
    "text": NO_EVIDENCE.text,
    "accountId": NO_EVIDENCE.account_id,
}


def _notifications(
    subscribers: Subscribers, consent: Consent, change: str, shown: dict[str, JsonValue]
) -> list[Notification]:
    """Return a notification of a change for each integration that the consent is about.

    Args:
        subscribers: who may hear of it.
        consent: the consent.
        change: what distinguishes the change from the consent's others.
        shown: the consent after the change.
    """
    now = utc_now()
    payload = {name: value for name, value in shown.items() if name != "history"}
    body = serialized({"Event": _EVENT.value, "Created": to_wire(now), "Payload": payload})
    return [
        Notification(
            id=derived_id("notification", consent.id, integration.id, change),
            tenant=consent.tenant,
            integration_id=integration.id,
            person=consent.person,
            event=_EVENT,
            host=host_of(endpoint.url),
            created=now,
            body=body,
            began=now,
            next_attempt=now,
        )
        for integration, endpoint in subscribers
        if _is_about(consent, integration)
    ]


def _is_about(consent: Consent, integration: Integration) -> bool:
    match consent.scope:
        case ConsentScope.TENANT:
            return True
        case ConsentScope.CHANNEL | ConsentScope.ADDRESS:
            return consent.scope_value == integration.channel.value
        case ConsentScope.SENDER:
            return consent.scope_value == integration.id


async def _stored(notifications: Sequence[Notification]) -> list[Notification]:
    """Store those that are not stored yet, and return those that are still to be delivered."""
    if not notifications:
        return []
    try:
        await Notification.insert_many(notifications, ordered=False)
    except BulkWriteError as error:
        details = cast("dict[str, Any]", error.details)
        if any(one["code"] != DUPLICATE_KEY for one in details["writeErrors"]):
            raise
        return await Notification.find({"_id": {"$in": [one.id for one in notifications]}, **PENDING}).to_list()
    return list(notifications)
