"""Confirmations of opt-outs: one for each change to `out`, from whichever step it is asked."""

from datetime import timedelta
from typing import NamedTuple

from activities.confirming import Confirmations
from activities.inbound import MongoInbound
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.events import InboundMessage
from domain.gate.category import Category
from domain.gate.consent import ConsentState
from domain.gate.opt_out_confirmation import ConfirmedOptOuts, OptOutConfirmation
from domain.identifiers import new_id
from domain.inbound import ReceivedMessage
from domain.submission import Submission
from integrations.references import to_reference
from models.integration import Integration
from models.interaction import Interaction
from tests.activities.factories import CONSENTS, INTEGRATIONS, PHONE, World, run

START = utc_now()


class Line(NamedTuple):
    """An integration, the confirmations that were begun through it, and what records its inbound messages."""

    world: World
    integration: Integration
    begun: list[Submission]
    inbound: MongoInbound

    async def receives(self, text: str, after: int, consent: ConsentState | None = None) -> str:
        """Receive a message, twice; return its id.

        Args:
            text: its text.
            after: seconds since the first one.
            consent: what the provider itself takes it for.
        """
        message = InboundMessage(
            provider_message_id=new_id(),
            sender=PHONE,
            sender_kind=DestinationKind.PHONE_NUMBER,
            payload={"Type": "simple-text", "Text": text},
            consent=consent,
        )
        received = ReceivedMessage(
            interaction_id=new_id(),
            tenant=self.world.tenant,
            integration=to_reference(self.integration),
            message=message,
            received_at=START + timedelta(seconds=after),
        )
        for _ in range(2):
            await run(self.inbound.receive, received)
        return received.interaction_id

    @property
    def ids(self) -> set[str]:
        """The ids of the confirmations; each is one message."""
        return {one.interaction_id for one in self.begun}


async def line_of(world: World, **changes: object) -> Line:
    begun: list[Submission] = []

    async def begin(submission: Submission) -> None:
        begun.append(submission)

    confirm = Confirmations(INTEGRATIONS, begin).confirm
    integration = await world.integration(**changes)  # pyright: ignore[reportArgumentType] - any field
    return Line(world, integration, begun, MongoInbound(CONSENTS, confirm=confirm))


async def test_each_change_to_out_is_confirmed_once_although_steps_are_repeated(world: World) -> None:
    line = await line_of(world)
    first = await line.receives("baja", after=0)
    assert len(line.ids) == 1
    await line.receives("STOP", after=1)
    assert len(line.ids) == 1
    await line.receives("ALTA", after=2)
    again = await line.receives("Baja, por favor", after=3)
    assert {one.interaction_id: one.metadata["optOutConfirmationOf"] for one in line.begun} == dict(
        zip(dict.fromkeys(one.interaction_id for one in line.begun), (first, again), strict=True)
    )


async def test_two_opt_outs_of_one_instant_are_confirmed_once(world: World) -> None:
    line = await line_of(world)
    await line.receives("STOP", after=0)
    await line.receives("baja", after=0)
    assert len(line.ids) == 1


async def test_the_confirmation_goes_first_and_passes_the_opt_out_into_the_process_of_the_message(
    world: World,
) -> None:
    line = await line_of(world)
    inbound_id = await line.receives("BAJA", after=0)
    submission = line.begun[0]
    assert (submission.category, "Responda ALTA" in str(submission.payload["Text"])) == (Category.AUTHENTICATION, True)
    admitted = await world.admit(submission)
    inbound = await Interaction.get(inbound_id)
    assert inbound is not None
    assert (admitted.problems, admitted.interaction.process_id) == ([], inbound.process_id)
    assert [user.id for user in admitted.interaction.users] == inbound.user_ids
    other = await world.submission(line.integration)
    assert await world.problems(other) == [("Destinations[0]", "recipient_opted_out")]


async def test_what_the_provider_answers_by_itself_is_not_confirmed(world: World) -> None:
    twilio = await line_of(world, provider="twilio")
    await twilio.receives("STOP", after=0)
    await twilio.receives("START", after=1)
    await twilio.receives("STOP. Thank you", after=2, consent=ConsentState.OUT)
    assert twilio.begun == []
    await twilio.receives("alta", after=3)
    await twilio.receives("STOP. Thank you", after=4)
    assert len(twilio.ids) == 1
    never = await line_of(world, opt_out_confirmation=OptOutConfirmation(when=ConfirmedOptOuts.NEVER))
    await never.receives("baja", after=0)
    disabled = await line_of(world, enabled=False)
    await disabled.receives("baja", after=0)
    assert never.begun == disabled.begun == []
