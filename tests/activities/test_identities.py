"""Senders of inbound messages: one user for all spellings and identities of a person, and the answered process."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from activities.inbound import MongoInbound
from activities.interfaces import Identification, UserTask
from activities.merging import MongoMerges
from domain.channels import Channel
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.events import Identity, InboundMessage
from domain.identifiers import new_id
from domain.inbound import ReceivedMessage
from integrations.references import to_reference
from models.integration import Integration
from models.interaction import Interaction
from models.process import Process
from models.user import User
from queries.consents import Consents
from tests.activities.factories import World, run

RECEPTION = MongoInbound(Consents())
MERGES = MongoMerges()
TEXT: dict[str, Any] = {"Type": "simple-text", "Text": "hola"}


def number(value: str) -> Identity:
    return Identity(kind=DestinationKind.PHONE_NUMBER, value=value)


def scoped(value: str) -> Identity:
    return Identity(kind=DestinationKind.BUSINESS_SCOPED_ID, value=value)


MEXICAN, OLD_MEXICAN = number("525512345678"), number("5215512345678")
BRAZILIAN, OLD_BRAZILIAN = number("5511987654321"), number("551187654321")
NUMBER, OTHER_NUMBER = number("34633333333"), number("34644444444")
ID, OTHER_ID = scoped("ES.9"), scoped("ES.10")


@dataclass
class Line:
    """An integration of a tenant that receives messages."""

    world: World
    integration: Integration
    merges: list[UserTask] = field(default_factory=list[UserTask])

    async def says(self, *sender: Identity, **changes: object) -> Interaction:
        """Receive a message of a person with these identities, merge users, and return the interaction."""
        values: dict[str, Any] = {
            "provider_message_id": new_id(),
            "sender": sender[0].value,
            "sender_kind": sender[0].kind,
            "aliases": sender[1:],
            "payload": TEXT,
        }
        inbound = ReceivedMessage(
            interaction_id=new_id(),
            tenant=self.world.tenant,
            integration=to_reference(self.integration),
            message=InboundMessage.model_validate(values | changes),
            received_at=utc_now(),
        )
        await self.merge((await run(RECEPTION.receive, inbound)).merges)
        return await self.stored(inbound.interaction_id)

    async def merge(self, tasks: list[UserTask]) -> None:
        """Merge users completely, as the workflows do."""
        for task in tasks:
            await run(MERGES.reserve_merge, task)
            await run(MERGES.move, task)
            await run(MERGES.complete_merge, task)

    async def stored(self, interaction_id: str) -> Interaction:
        found = await Interaction.find_one({"_id": interaction_id})
        assert found is not None
        return found

    async def sent(self, to: str, message_id: str = "", **changes: object) -> Interaction:
        """Send a message that has an id at its provider."""
        payload = (
            {"Type": "email", "Subject": "Cita", "Body": "Hoy"} if self.integration.channel is Channel.EMAIL else TEXT
        )
        submission = await self.world.submission(self.integration, destinations=[to], payload=payload, **changes)
        assert (await self.world.admit(submission)).problems == []
        await Interaction.find_one({"_id": submission.interaction_id}).set({"provider_message_ids": [message_id]})
        return await self.stored(submission.interaction_id)

    async def users(self) -> list[User]:
        """Return the users that are not merged."""
        return [user for user in await self.world.users() if user.merge is None]


@pytest.fixture
async def line(world: World) -> Line:
    return Line(world, await world.integration(Channel.WHATSAPP))


def values(user: User) -> set[str]:
    return {one.value for one in user.destinations}


@pytest.mark.parametrize(
    ("sent_to", "written_as"),
    [
        (MEXICAN, OLD_MEXICAN),
        (OLD_MEXICAN, MEXICAN),
        (BRAZILIAN, OLD_BRAZILIAN),
        (number("541187654321"), number("5491187654321")),
    ],
)
async def test_a_reply_in_another_spelling_is_of_the_same_user_in_the_same_process(
    line: Line, sent_to: Identity, written_as: Identity
) -> None:
    sent = await line.sent(f"+{sent_to.value}", "wamid.1")
    for answered in ("wamid.1", None):
        received = await line.says(written_as, in_reply_to=answered)
        assert (received.user_ids, received.process_id) == (sent.user_ids, sent.process_id)
        assert received.destinations[0].value == written_as.value


async def test_spellings_at_once_make_one_user(line: Line) -> None:
    spellings = [OLD_MEXICAN, MEXICAN] * 6
    sends = (line.sent(f"+{one.value}") for one in spellings)
    received = await asyncio.gather(*(line.says(one) for one in spellings), *sends)
    assert len({one.user_ids[0] for one in received}) == len(await line.users()) == 1


async def test_an_answer_of_nobody_known_joins_the_user_and_the_process_of_what_it_answers(line: Line) -> None:
    first, second = await line.sent(NUMBER.value, "wamid.1"), await line.sent(NUMBER.value, "wamid.2")
    assert first.process_id != second.process_id
    received = await line.says(ID, in_reply_to="wamid.1")
    assert (received.user_ids, received.process_id) == (first.user_ids, first.process_id)
    (user,) = await line.users()
    assert values(user) == {NUMBER.value, ID.value}


async def test_mail_that_somebody_else_answers_joins_the_process_with_a_user_of_its_own(world: World) -> None:
    line = Line(world, await world.integration(Channel.EMAIL))
    sent = await line.sent("Ana@correo.es", "<1@iris>")
    colleague = Identity(kind=DestinationKind.EMAIL, value="leo@correo.es")
    received = await line.says(colleague, in_reply_to="<1@iris>")
    assert received.process_id == sent.process_id
    assert received.user_ids != sent.user_ids
    process = await Process.find_one({"_id": sent.process_id})
    assert process is not None
    assert process.user_ids == [*sent.user_ids, *received.user_ids]


async def test_mail_of_another_letter_case_is_of_the_same_user(world: World) -> None:
    line = Line(world, await world.integration(Channel.EMAIL))
    first, second = await line.sent("Jose@dominio.com"), await line.sent("jose@dominio.com")
    assert first.user_ids == second.user_ids
    assert [one.destinations[0].value for one in (first, second)] == ["Jose@dominio.com", "jose@dominio.com"]
    received = await line.says(Identity(kind=DestinationKind.EMAIL, value="JOSE@dominio.com"))
    assert received.user_ids == first.user_ids


async def test_a_number_and_an_id_that_are_seen_together_are_one_user_from_then_on(line: Line) -> None:
    both = await line.says(NUMBER, ID)
    alone = await line.says(ID)
    assert (alone.user_ids, alone.process_id) == (both.user_ids, both.process_id)
    (user,) = await line.users()
    assert values(user) == {NUMBER.value, ID.value}


async def test_two_users_who_turn_out_to_be_one_are_merged(line: Line) -> None:
    first, second = await line.says(NUMBER), await line.says(ID)
    assert first.user_ids != second.user_ids
    both = await line.says(ID, NUMBER)
    (user,) = await line.users()
    assert (user.id, values(user)) == (first.user_ids[0], {NUMBER.value, ID.value})
    assert both.user_ids == [user.id]
    assert (await line.stored(second.id)).user_ids == [user.id]


async def test_identities_in_a_receipt_create_no_user(line: Line) -> None:
    identification = Identification(tenant=line.world.tenant, identities=[NUMBER, ID])
    assert await run(RECEPTION.identify, identification) == []
    assert await line.users() == []
    await line.says(NUMBER)
    assert await run(RECEPTION.identify, identification) == []
    (user,) = await line.users()
    assert values(user) == {NUMBER.value, ID.value}


async def test_identities_at_once_make_one_user(line: Line) -> None:
    seen = [(NUMBER, ID), (ID,), (NUMBER,), (ID, NUMBER)] * 3
    received = await asyncio.gather(*(line.says(*sender) for sender in seen))
    await line.says(NUMBER, ID)
    (user,) = await line.users()
    assert values(user) == {NUMBER.value, ID.value}
    owners = [(await line.stored(one.id)).user_ids for one in received]
    assert owners == [[user.id]] * len(seen)


async def test_a_user_with_a_new_number_stays_the_same_user_and_leaves_the_old_one(line: Line) -> None:
    before = await line.says(NUMBER, ID)
    moved = await line.says(NUMBER, ID, successors=(OTHER_NUMBER, OTHER_ID))
    after = await line.says(OTHER_NUMBER, OTHER_ID)
    assert before.user_ids == moved.user_ids == after.user_ids
    (user,) = await line.users()
    assert values(user) == {OTHER_NUMBER.value, OTHER_ID.value}
    somebody_else = await line.says(NUMBER)
    assert somebody_else.user_ids != before.user_ids


async def test_whose_id_alone_changes_keeps_the_number(line: Line) -> None:
    before = await line.says(NUMBER, ID)
    changed = await line.says(NUMBER, ID, successors=(OTHER_ID,))
    assert before.user_ids == changed.user_ids
    (user,) = await line.users()
    assert values(user) == {NUMBER.value, OTHER_ID.value}


async def test_a_user_of_the_new_number_from_before_the_change_was_reported_is_merged(line: Line) -> None:
    before, early = await line.says(NUMBER), await line.says(OTHER_NUMBER)
    for _ in range(2):
        await line.says(NUMBER, successors=(OTHER_NUMBER,))
    (user,) = await line.users()
    assert (user.id, values(user)) == (before.user_ids[0], {OTHER_NUMBER.value})
    assert (await line.stored(early.id)).user_ids == [user.id]


@pytest.mark.parametrize(("name", "shown"), [("", "34633333333"), ("Ana", "Ana"), ("+34 6", "34633333333")])
async def test_a_profile_name_replaces_a_name_that_is_only_a_number(line: Line, name: str, shown: str) -> None:
    await line.sent(NUMBER.value)
    await line.says(NUMBER, sender_name=name)
    (user,) = await line.users()
    assert user.name == shown
    assert user.name_keys == User(tenant="", name=shown).name_keys


async def test_a_profile_name_replaces_no_other_name(line: Line) -> None:
    await line.says(NUMBER, sender_name="Ana")
    await line.says(NUMBER, sender_name="Anita")
    assert [user.name for user in await line.users()] == ["Ana"]


async def test_a_message_that_is_received_again_after_its_user_is_erased_creates_no_user(line: Line) -> None:
    received = await line.says(NUMBER, ID)
    await User.collection().delete_many({"tenant": line.world.tenant})
    await Interaction.find_one({"_id": received.id}).set({"erased_at": utc_now()})
    message = InboundMessage(
        provider_message_id=new_id(), sender=NUMBER.value, sender_kind=NUMBER.kind, aliases=(ID,), payload=TEXT
    )
    again = ReceivedMessage(
        interaction_id=received.id,
        tenant=line.world.tenant,
        integration=to_reference(line.integration),
        message=message,
        received_at=utc_now() + timedelta(seconds=1),
    )
    assert (await run(RECEPTION.receive, again)).merges == []
    assert await line.users() == []
