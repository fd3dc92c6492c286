"""Correlation of provider events with interactions."""

from datetime import timedelta
from typing import Any, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from domain import interaction as domain
from domain.destinations import kind_of, normal_form
from domain.events import ProviderEvent
from domain.interaction import Direction, IntegrationReference
from domain.status import Status
from models.erasure import matching_message_id
from models.integration import Integration
from models.interaction import Interaction

_RECORDING: Final = timedelta(seconds=5)
"""Maximum delay between a provider's acceptance of a message and our record of it."""

_IN_FLIGHT: Final = timedelta(minutes=1)
"""Maximum age of a message whose send is still unanswered to be included in an event about delivered or read messages.
"""

_MAX_EARLIER_MESSAGES: Final = 200
"""Maximum number of messages that an «everything until then» event applies to: the newest."""


class InteractionRef(BaseModel):
    """The part of an interaction that receiving events needs; it never changes after admission."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: str = Field(validation_alias=AliasChoices("_id", "id"))
    tenant: str
    integration: IntegrationReference
    process_id: str | None = None
    user_ids: list[str] = []

    @classmethod
    def of(cls, interaction: Interaction | domain.Interaction) -> "InteractionRef":
        """Create a reference to an interaction."""
        is_stored = isinstance(interaction, Interaction)
        return cls(
            id=interaction.id,
            tenant=interaction.tenant,
            integration=interaction.integration,
            process_id=interaction.process_id,
            user_ids=interaction.user_ids if is_stored else [user.id for user in interaction.users],
        )


async def find_by_event(integration: Integration, event: ProviderEvent) -> list[InteractionRef]:
    """Find the integration's interactions that an event is about.

    It matches by our reference, else by the provider's id, else all that were sent to its destination until the moment
    it names.
    """
    scope: dict[str, Any] = {"tenant": integration.tenant, "integration.integration_id": integration.id}
    if event.reference is not None:
        found = await Interaction.find_one({"_id": event.reference, **scope}, projection_model=InteractionRef)
        if found is not None:
            return [found]
    if event.provider_message_id is not None:
        found = await Interaction.find_one(
            {
                "provider_message_ids": matching_message_id(event.provider_message_id),
                "direction": Direction.OUT,
                **scope,
            },
            projection_model=InteractionRef,
        )
        if found is not None:
            return [found]
    if event.up_to is not None and event.destination is not None:
        return await _sent_until(scope, integration, event, event.destination)
    return []


async def _sent_until(
    scope: dict[str, Any], integration: Integration, event: ProviderEvent, destination: str
) -> list[InteractionRef]:
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
        "destinations.normal_form": normal_form(kind_of(integration.channel, destination), destination),
        "direction": Direction.OUT,
        "milestone": {"$lt": int(event.milestone)},
        "$or": [sent, in_flight],
    }
    found = Interaction.find(selector, projection_model=InteractionRef)
    return await found.sort("-created").limit(_MAX_EARLIER_MESSAGES).to_list()
