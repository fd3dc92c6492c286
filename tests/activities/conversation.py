"""Messages as their workflows take them through MongoDB, step by step, without a workflow."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pydantic import JsonValue

from activities.admission import MongoAdmission
from activities.interfaces import AdmitInput, RecordStepInput
from activities.late_begins import LateBegins
from activities.publishing import NotificationPublisher
from activities.reception import MongoReception
from activities.record import MongoRecord
from api.schemas.interactions import InteractionAnswer
from domain.channels import Channel
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.events import InboundMessage, ProviderEvent
from domain.identifiers import derived_id, new_id
from domain.interaction import HistoryEntry, RecordedEvent
from domain.interaction import Interaction as Seen
from domain.reception import Reception
from domain.status import InteractionState, Milestone, Status
from domain.submission import Submission
from integrations import Integrations, describe
from models.endpoint import Endpoint
from models.integration import Integration
from models.interaction import Interaction
from models.notification import Notification
from models.user import OwnedDestination
from tests.activities.factories import FIRST_TASK, World, run


def show(interaction: Seen) -> JsonValue:
    """An interaction as its tenant is told."""
    return InteractionAnswer.of(interaction).on_the_wire()


async def leave_it(notification: Notification) -> None:
    """Begin no workflow of a notification."""


INTEGRATIONS: Final = Integrations(timedelta())
TELLER: Final = NotificationPublisher(INTEGRATIONS, show, leave_it, LateBegins(leave_it))
ADMISSION: Final = MongoAdmission(INTEGRATIONS, TELLER.publish)
RECORD: Final = MongoRecord(TELLER.publish)
RECEPTION: Final = MongoReception(TELLER.publish)
SENT: Final = InteractionState(status=Status.SENT, custom_status="queued", milestone=Milestone.ACCEPTED)
DELIVERED: Final = InteractionState(status=Status.COMPLETED, custom_status="delivered", milestone=Milestone.DELIVERED)
CANCELLED: Final = InteractionState(status=Status.PROVIDER_SENDING_ERROR, custom_status="cancelled")


@dataclass
class Message:
    """One message out; everything that it says bears its mark.

    Attributes:
        addresses: to whom.
        mark: what it says.
        state: where it stands by now.
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
        """The provider's id of it, which is as personal as WhatsApp's are."""
        return f"wamid-{self.mark}"

    async def live(self, pause: float, *, is_cancelled: bool = False) -> None:
        """Be admitted, and then sent and delivered, or cancelled, with a pause before each step."""
        await self.admit()
        for state in [CANCELLED] if is_cancelled else [SENT, DELIVERED]:
            await asyncio.sleep(pause)
            await self.record(state)

    async def asking(self) -> AdmitInput:
        """What is asked to admit it."""
        submission = await self._submission()
        return AdmitInput(submission=submission, admitted_at=utc_now(), due=utc_now(), revision=FIRST_TASK)

    async def admit(self) -> None:
        """Be registered and admitted."""
        admitted = await run(ADMISSION.admit, await self.asking())
        assert admitted is not None
        assert admitted.problems == []
        self.state = InteractionState(status=Status.DISPATCH_PENDING)

    async def record(self, state: InteractionState) -> None:
        """Write a step down, with news of it that say everything again."""
        now = utc_now()
        event = ProviderEvent(
            key=f"{self.mark}-{self._steps}",
            word="x",
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
            revision=FIRST_TASK + self._steps,
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
        """The same again, as far as there is anything left of it."""
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
    """An address of e-mail."""
    return OwnedDestination(kind=DestinationKind.EMAIL, value=address)


async def told_of(world: World) -> Integration:
    """An integration of which its tenant is told everything."""
    endpoint = Endpoint(url="https://x", subscriptions=["*"], secret="", created=utc_now(), updated=utc_now())
    return await world.integration(Channel.EMAIL, endpoint=endpoint)


def reception(integration: Integration, address: str, mark: str) -> Reception:
    """A message in, everything of which bears a mark."""
    message = InboundMessage(
        provider_message_id=f"wamid-{mark}",
        sender=address,
        sender_kind=DestinationKind.EMAIL,
        sender_name=f"name-of-{address}",
        payload={"Type": "email", "Subject": mark, "Body": mark},
    )
    return Reception(
        interaction_id=derived_id(mark),
        tenant=integration.tenant,
        integration=describe(integration),
        message=message,
        received_at=utc_now(),
    )
