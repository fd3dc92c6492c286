"""Messages that pass through MongoDB step by step as with their workflows, but without a workflow."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pydantic import JsonValue

from activities.admission import MongoAdmission
from activities.inbound import MongoInbound
from activities.interfaces import AdmitInput, RecordStepInput
from activities.late_begins import LateBegins
from activities.publishing import NotificationPublisher
from activities.record import MongoRecord
from domain.channels import Channel
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.events import InboundMessage, ProviderEvent
from domain.identifiers import derived_id, new_id
from domain.inbound import ReceivedMessage
from domain.interaction import HistoryEntry, RecordedEvent
from domain.interaction import Interaction as Seen
from domain.status import InteractionState, Milestone, Status
from domain.submission import Submission
from integrations.cache import Integrations
from integrations.references import to_reference
from models.endpoint import Endpoint
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Notification
from models.user import OwnedDestination
from tests.activities.factories import CONSENTS, FIRST_TASK, GATE, World, revision, run
from wire.interactions import InteractionAnswer


def show(interaction: Seen) -> JsonValue:
    """Render an interaction for a notification."""
    return InteractionAnswer.of(interaction).on_the_wire()


async def start_nothing(notification: Notification) -> None:
    """Start no workflow of a notification."""


INTEGRATIONS: Final = Integrations(timedelta())
PUBLISHER: Final = NotificationPublisher(INTEGRATIONS, show, start_nothing, LateBegins(start_nothing))
ADMISSION: Final = MongoAdmission(INTEGRATIONS, GATE, PUBLISHER.publish)
RECORD: Final = MongoRecord(PUBLISHER.publish)
RECEPTION: Final = MongoInbound(CONSENTS, PUBLISHER.publish)
SENT: Final = InteractionState(status=Status.SENT, custom_status="queued", milestone=Milestone.ACCEPTED)
DELIVERED: Final = InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
CANCELLED: Final = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="cancelled")


@dataclass
class Message:
    """One outbound message, all of whose content contains its mark.

    Attributes:
        addresses: its recipients.
        mark: its content.
        state: its current state.
    """

    world: World
    integration: Integration
    addresses: list[str]
    mark: str
    id: str = field(default_factory=new_id)
    state: InteractionState = field(default_factory=lambda: InteractionState(status=Status.VALIDATION_PENDING))
    _steps: int = 2

    @property
    def message_id(self) -> str:
        """The provider's message id, which contains personal data, as WhatsApp's ids do."""
        return f"wamid-{self.mark}"

    async def live(self, pause: float, *, is_cancelled: bool = False) -> None:
        """Admit the message, and then send and deliver or cancel it, with a pause before each step."""
        await self.admit()
        for state in [CANCELLED] if is_cancelled else [SENT, DELIVERED]:
            await asyncio.sleep(pause)
            await self.record(state)

    async def admit_input(self) -> AdmitInput:
        """Return the input of its admission."""
        submission = await self._submission()
        return AdmitInput(submission=submission, admitted_at=utc_now(), due=utc_now(), revision=FIRST_TASK)

    async def admit(self) -> None:
        """Register and admit the message."""
        admitted = await run(ADMISSION.admit, await self.admit_input())
        assert admitted is not None
        assert admitted.problems == []
        self.state = InteractionState(status=Status.DISPATCH_PENDING)

    async def record(self, state: InteractionState) -> None:
        """Write a step, with a provider event that contains all its content."""
        now = utc_now()
        event = ProviderEvent(
            key=f"{self.mark}-{self._steps}",
            provider_status="x",
            milestone=state.milestone,
            reference=self.id,
            provider_message_id=self.message_id,
            destination=self.addresses[0],
            detail=self.mark,
        )
        self._steps += 1
        change = RecordStepInput(
            interaction_id=self.id,
            integration_id=self.integration.id,
            sequence=self._steps,
            revision=revision(FIRST_TASK.history_length + self._steps),
            state=state,
            updated=now,
            history_before=self._steps - 1,
            history=[HistoryEntry(date=now, status=state.status, notes=f"{self.mark} {self.addresses[0]}")],
            recorded_before=self._steps - 3,
            received=[RecordedEvent(id=new_id(), received_at=now, event=event, status=state.status, applied=True)],
            provider_message_id=self.message_id,
        )
        await run(RECORD.record, change)
        self.state = state

    async def resent(self) -> "Message | None":
        """Return the same message again; None if it is erased."""
        first = await Interaction.find_one({"_id": self.id})
        if first is None or not first.payload:
            return None
        addresses = [destination.value for destination in first.destinations if destination.value]
        return Message(self.world, self.integration, addresses, self.mark)

    async def _submission(self) -> Submission:
        changes: dict[str, Any] = {
            "interaction_id": self.id,
            "new_process_id": derived_id("process", self.id),
            "payload": {"Type": "email", "Subject": self.mark, "Body": self.mark},
            "destinations": self.addresses,
            "metadata": {"said": self.mark},
            "primary_key": {"said": self.mark},
            "submitted_at": utc_now(),
        }
        return await self.world.submission(self.integration, **changes)


def email(address: str) -> OwnedDestination:
    """Return an e-mail address as a user's destination."""
    return OwnedDestination(kind=DestinationKind.EMAIL, value=address)


async def subscribed_integration(world: World) -> Integration:
    """Create an integration whose webhook subscribes to all events."""
    endpoint = Endpoint(url="https://x", subscriptions=["*"], secret="", created=utc_now(), updated=utc_now())
    return await world.integration(Channel.EMAIL, endpoint=endpoint)


def inbound(integration: Integration, address: str, mark: str) -> ReceivedMessage:
    """Return an inbound message, all of whose content contains a mark."""
    message = InboundMessage(
        provider_message_id=f"wamid-{mark}",
        sender=address,
        sender_kind=DestinationKind.EMAIL,
        sender_name=f"name-of-{address}",
        payload={"Type": "email", "Subject": mark, "Body": mark},
    )
    return ReceivedMessage(
        interaction_id=derived_id(mark),
        tenant=integration.tenant,
        integration=to_reference(integration),
        message=message,
        received_at=utc_now(),
    )
