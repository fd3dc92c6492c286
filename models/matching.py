"""Which interactions a provider's news is about."""

from datetime import timedelta
from typing import Any, Final

from domain.events import ProviderEvent
from domain.interaction import Direction
from domain.status import Status
from models.integration import Integration
from models.interaction import Interaction

_RECORDING: Final = timedelta(seconds=5)
"""How much later than the provider we may have recorded that it took a message."""

_IN_FLIGHT: Final = timedelta(minutes=1)
"""How old a message may be whose send is not answered yet, and yet be among those that were delivered or read."""

_MOST_UP_TO: Final = 200
"""Messages that one piece of news about «everything until then» is told to: the newest."""


async def interactions_of(integration: Integration, event: ProviderEvent) -> list[Interaction]:
    """The integration's interactions that an event is about.

    By our reference, else by the provider's id, else all that were sent to its destination until the moment it names.
    """
    scope: dict[str, Any] = {"tenant": integration.tenant, "integration.integration_id": integration.id}
    if event.reference is not None:
        found = await Interaction.find_one({"_id": event.reference, **scope})
        if found is not None:
            return [found]
    if event.provider_message_id is not None:
        found = await Interaction.find_one(
            {"provider_message_ids": event.provider_message_id, "direction": Direction.OUT, **scope}
        )
        if found is not None:
            return [found]
    if event.up_to is not None and event.destination is not None:
        return await _sent_until(scope, event)
    return []


async def _sent_until(scope: dict[str, Any], event: ProviderEvent) -> list[Interaction]:
    if event.up_to is None:
        return []
    recorded_by = event.up_to + _RECORDING
    sent = {"history": {"$elemMatch": {"status": Status.SENT, "date": {"$lte": recorded_by}}}}
    in_flight = {
        "status": Status.DISPATCH_PENDING,
        "created": {"$gte": event.up_to - _IN_FLIGHT, "$lte": event.up_to},
    }
    selector: dict[str, Any] = {
        **scope,
        "destinations.value": event.destination,
        "direction": Direction.OUT,
        "milestone": {"$lt": int(event.milestone)},
        "$or": [sent, in_flight],
    }
    return await Interaction.find(selector).sort("-created").limit(_MOST_UP_TO).to_list()
