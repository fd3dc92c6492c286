"""Telling tenants what happened to their interactions: each event becomes a notification, and a workflow that tells it.

It is begun by the very step that writes the event down, which is taken again until it is through: none is lost, and
none is begun twice, because its id is derived from the event (`docs/decisions/0020`).
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import JsonValue

from domain import interaction as domain
from domain.clock import utc_now
from domain.status import Standing
from domain.telling import Happening, happenings, host_of, subscribed
from integrations import Integrations
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Notification

Teller = Callable[[str, str, int], Awaitable[None]]
"""Tells an integration's tenant of an interaction's history from some entry on, if it wants to be told."""

Show = Callable[[domain.Interaction], JsonValue]
"""An interaction as the API answers it."""

Begin = Callable[[Notification], Awaitable[None]]
"""Begins the workflow of a notification; one that runs goes on."""


async def tell_nobody(integration_id: str, interaction_id: str, first: int) -> None:
    """The teller of those who tell nobody."""


@dataclass(frozen=True, slots=True)
class TenantTeller:
    """Tells tenants.

    Attributes:
        integrations: found, and kept for a while: to whom nobody listens costs no question.
    """

    integrations: Integrations
    show: Show
    begin: Begin

    async def tell(self, integration_id: str, interaction_id: str, first: int) -> None:
        """Begin to tell of an interaction's history from an entry on, where the tenant subscribed to it."""
        integration = await self.integrations.find(integration_id)
        if integration is None or integration.endpoint is None or integration.deleted is not None:
            return
        document = await Interaction.find_one({"_id": interaction_id})
        if document is None:
            return
        wanted = subscribed(integration.endpoint.subscriptions)
        for happening in happenings(await document.view(), first):
            if happening.event in wanted:
                notification = self._notification(integration, integration.endpoint.url, happening)
                if await notification.keep():
                    await self.begin(notification)

    def _notification(self, integration: Integration, url: str, happening: Happening) -> Notification:
        interaction, now = happening.interaction, utc_now()
        standing = Standing(status=interaction.status, custom_status=interaction.custom_status)
        body = happening.body(self.show(interaction))
        return Notification(
            id=Notification.id_of(interaction.id, happening.position, happening.event, standing),
            tenant=integration.tenant,
            integration_id=integration.id,
            interaction_id=interaction.id,
            event=happening.event,
            position=happening.position,
            host=host_of(url),
            created=happening.created,
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            began=now,
            next_attempt=now,
        )
