"""Telling tenants what happened to their interactions: each event becomes a notification, and a workflow that tells it.

It is begun by the very step that writes the event down, which is taken again until it is through: none is lost, and
none is begun twice, because its id is derived from the event (`docs/decisions/0020`). But what repeating would not
change holds up no interaction.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue
from pymongo.errors import PyMongoError

from activities.late_begins import Begin, LateBegins
from domain import interaction as domain
from domain.clock import utc_now
from domain.status import InteractionState
from domain.webhook_events import InteractionEvent, events_since, host_of, subscribed
from integrations import Integrations
from metrics import count_dropped_notification
from models.base import is_away
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Notification

Publish = Callable[[str, int, str, int], Awaitable[None]]
"""Notifies the tenant of an integration, of which a version is known, of an interaction's history from some entry on,
if the tenant has a webhook."""

Show = Callable[[domain.Interaction], JsonValue]
"""An interaction as the API answers it."""

_TIMEOUT: Final = 4.0
"""Seconds that a step waits for the workflows that it begins; less than its own (`workflows.activity_options`)."""

_LOG = logging.getLogger("iris.notifications")


async def publish_nothing(integration_id: str, version: int, interaction_id: str, first: int) -> None:
    """The publisher of those who publish nobody."""


@dataclass(frozen=True, slots=True)
class NotificationPublisher:
    """Tells tenants.

    Attributes:
        integrations: found, and kept for a while: to whom nobody listens costs no question.
        late: begins what could not be begun in time.
    """

    integrations: Integrations
    show: Show
    begin: Begin
    late: LateBegins

    async def publish(self, integration_id: str, version: int, interaction_id: str, first: int) -> None:
        """Begin to publish of an interaction's history from an entry on, where the tenant subscribed to it.

        What cannot be kept is not told, and what cannot be begun in time is begun within seconds of when it can.

        Raises:
            PyMongoError: if MongoDB is away, where the step could not be written either.
        """
        notifications: Sequence[Notification] = []
        with _not_held_up("something", interaction_id):
            notifications = await self._notifications(integration_id, version, interaction_id, first)
        kept: list[Notification] = []
        for notification in notifications:
            with _not_held_up(notification.event, interaction_id):
                kept += [notification] if await notification.keep() else []
        begun = 0
        try:
            async with asyncio.timeout(_TIMEOUT):
                for notification in kept:
                    await self.begin(notification)
                    begun += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, what is kept is begun later
            _LOG.warning("what happened to %s is told later: %s", interaction_id, type(error).__name__)
            await self.late.add(kept[begun:])

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
        told = events_since(await document.view(), first)
        return [self._notification(integration, url, happening) for happening in told if happening.event in wanted]

    def _notification(self, integration: Integration, url: str, happening: InteractionEvent) -> Notification:
        interaction, now = happening.interaction, utc_now()
        state = InteractionState(status=interaction.status, custom_status=interaction.custom_status)
        return Notification(
            id=Notification.id_of(interaction.id, happening.position, happening.event, state),
            tenant=integration.tenant,
            integration_id=integration.id,
            interaction_id=interaction.id,
            event=happening.event,
            position=happening.position,
            user_ids=[user.id for user in interaction.users],
            host=host_of(url),
            created=happening.created,
            body=body_of(happening, self.show),
            began=now,
            next_attempt=now,
        )


def body_of(happening: InteractionEvent, show: Show) -> str:
    """What is told of an event."""
    body = happening.body(show(happening.interaction))
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def body_now(notification: Notification, interaction: domain.Interaction, show: Show) -> str:
    """What a notification says of its event where no more may be said than the interaction says now."""
    happened = {one.position: one for one in events_since(interaction, 0)}
    # One that a repeated step has undone is told as what is so now.
    as_it_is = happened.get(notification.position, happened[max(happened)])
    return body_of(as_it_is._replace(event=notification.event), show)


@contextmanager
def _not_held_up(event: str, interaction_id: str) -> Generator[None]:
    """Let a step go on from what would be no better at its next try."""
    try:
        yield
    except Exception as error:
        if isinstance(error, PyMongoError) and is_away(error):
            raise
        # Of the error only its kind: its words may quote what was said.
        _LOG.error("%s of %s is not told: %s", event, interaction_id, type(error).__name__)
        count_dropped_notification()
