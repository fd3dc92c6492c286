"""Publishes the ends of strategies' runs to the webhook endpoints that subscribed to them by name."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from activities.late_begins import Begin, LateBegins
from domain.clock import to_wire, utc_now
from domain.identifiers import derived_id
from domain.strategy.run import Run
from domain.webhook_events import WebhookEventType, host_of, subscribed
from integrations.cache import Integrations
from models.integration import Integration
from models.notification import Notification

Show = Callable[[Run], JsonValue]
"""Renders a run as the API answers it."""

_EVENT: Final = WebhookEventType.STRATEGY_ENDED

_LOG = logging.getLogger("iris.notifications")


@dataclass(frozen=True, slots=True)
class StrategyEvents:
    """Publishes runs that ended, and corrections of how they ended.

    A notification's id is derived from the run and its outcome, so that publishing is safe to repeat.

    Attributes:
        integrations: cached lookups, so that an integration without a webhook costs no query.
        late: starts the deliveries that could not be started.
    """

    integrations: Integrations
    show: Show
    begin: Begin
    late: LateBegins

    async def publish(self, run: Run) -> None:
        """Publish the end of a run to the endpoints of the integrations of its steps."""
        references = {step.integration.integration_id: step.integration for step in run.steps}
        for reference in references.values():
            integration = await self.integrations.find(reference.integration_id, reference.version)
            if integration is None or integration.endpoint is None or integration.deleted is not None:
                continue
            if _EVENT in subscribed(integration.endpoint.subscriptions):
                await self._notify(run, integration, integration.endpoint.url)

    async def _notify(self, run: Run, integration: Integration, url: str) -> None:
        now = utc_now()
        body = {"Event": _EVENT.value, "Created": to_wire(now), "Payload": self.show(run)}
        notification = Notification(
            id=derived_id("notification", run.id, integration.id, str(run.outcome), str(run.is_delivered_twice)),
            tenant=run.tenant,
            integration_id=integration.id,
            event=_EVENT,
            host=host_of(url),
            created=now,
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            began=now,
            next_attempt=now,
        )
        if not await notification.insert_once():
            return
        try:
            await self.begin(notification)
        except Exception as error:  # noqa: BLE001 - for any error, a stored notification is started later
            _LOG.warning("notification %s begins later: %s", notification.id, type(error).__name__)
            await self.late.add([notification])
