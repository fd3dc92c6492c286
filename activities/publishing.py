"""Publishes interaction events to tenants: each becomes a notification, and a workflow that delivers it.

The step that records the event starts the workflow, and is retried until it succeeds: no notification is lost, and none
is started twice, because its id is derived from the event (`docs/decisions/0020`). An error that a retry would not
solve does not delay the interaction.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue
from pymongo.errors import PyMongoError

from activities.late_begins import LateBegins
from domain import interaction as domain
from domain.clock import utc_now
from domain.status import InteractionState
from domain.webhook_events import InteractionEvent, events_since, host_of, serialized, subscribed
from integrations.cache import Integrations
from models.base import is_unreachable
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Begin, Notification
from support.metrics import count_dropped_notification

Publish = Callable[[str, int, str, int], Awaitable[None]]
"""Publishes an interaction's history to the integration's webhook, if it has one: integration id, a known version of
the integration, interaction id, and position of the first entry."""

Show = Callable[[domain.Interaction], JsonValue]
"""Renders an interaction as the API answers it."""

_TIMEOUT: Final = 4.0
"""Seconds that a step waits for the workflows that it starts; less than its own timeout
(`workflows.activity_options`)."""

_LOG = logging.getLogger("iris.notifications")


async def publish_nothing(integration_id: str, version: int, interaction_id: str, first: int) -> None:
    """Publish nothing: for workers and tests without webhooks."""


@dataclass(frozen=True, slots=True)
class NotificationPublisher:
    """Publishes interaction events as notifications.

    Attributes:
        integrations: cached lookups, so that an integration without a webhook costs no query.
        late: starts workflows that could not be started in time.
    """

    integrations: Integrations
    show: Show
    begin: Begin
    late: LateBegins

    async def publish(self, integration_id: str, version: int, interaction_id: str, first: int) -> None:
        """Publish an interaction's history from an entry on, as far as the tenant subscribed to it.

        A notification that cannot be stored is dropped; one whose workflow cannot be started in time is started within
        seconds of when that is possible.

        Raises:
            PyMongoError: if MongoDB is unreachable, so that the step could not be written either.
        """
        notifications: Sequence[Notification] = []
        with _drop_on_error("something", interaction_id):
            notifications = await self._notifications(integration_id, version, interaction_id, first)
        stored: list[Notification] = []
        for notification in notifications:
            with _drop_on_error(notification.event, interaction_id):
                stored += [notification] if await notification.insert_once() else []
        started = 0
        try:
            async with asyncio.timeout(_TIMEOUT):
                for notification in stored:
                    await self.begin(notification)
                    started += 1
        except Exception as error:  # noqa: BLE001 - for any error, stored notifications are started later
            _LOG.warning("notifications of %s begin later: %s", interaction_id, type(error).__name__)
            await self.late.add(stored[started:])

    async def _notifications(
        self, integration_id: str, version: int, interaction_id: str, first: int
    ) -> Sequence[Notification]:
        integration = await self.integrations.find(integration_id, version)
        if integration is None or integration.endpoint is None or integration.deleted is not None:
            return []
        document = await Interaction.find_one({"_id": interaction_id})
        if document is None:
            return []
        wanted, url = subscribed(integration.endpoint.subscriptions), integration.endpoint.url
        events = events_since(await document.view(), first)
        return [self._notification(integration, url, event) for event in events if event.event in wanted]

    def _notification(self, integration: Integration, url: str, event: InteractionEvent) -> Notification:
        interaction, now = event.interaction, utc_now()
        state = InteractionState(status=interaction.status, custom_status=interaction.custom_status)
        return Notification(
            id=Notification.id_of(interaction.id, event.position, event.event, state),
            tenant=integration.tenant,
            integration_id=integration.id,
            interaction_id=interaction.id,
            event=event.event,
            position=event.position,
            user_ids=[user.id for user in interaction.users],
            host=host_of(url),
            created=event.created,
            body=body_of(event, self.show),
            began=now,
            next_attempt=now,
        )


def body_of(event: InteractionEvent, show: Show) -> str:
    """Serialize the body of an event's notification."""
    return serialized(event.body(show(event.interaction)))


def body_now(notification: Notification, interaction: domain.Interaction, show: Show) -> str:
    """Serialize a notification's body from the interaction's present content, without what was removed from it."""
    events = {one.position: one for one in events_since(interaction, 0)}
    # For an event that a repeated step has undone, the latest one is used.
    present = events.get(notification.position, events[max(events)])
    return body_of(present._replace(event=notification.event), show)


@contextmanager
def _drop_on_error(event: str, interaction_id: str) -> Generator[None]:
    """Log and count an error that a retry would not solve, so that the step continues without the notification."""
    try:
        yield
    except Exception as error:
        if isinstance(error, PyMongoError) and is_unreachable(error):
            raise
        # Only the error's type is logged: its text may quote the message.
        _LOG.error("notification dropped: %s of %s: %s", event, interaction_id, type(error).__name__)
        count_dropped_notification()
