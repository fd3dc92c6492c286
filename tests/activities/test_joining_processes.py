"""A named process contains the users and integrations of all its sends, and the answers join it."""

import asyncio

import pytest

from activities.inbound import MongoInbound
from domain.channels import Channel
from domain.clock import utc_now
from domain.destinations import DestinationKind
from domain.events import InboundMessage
from domain.identifiers import new_id
from domain.inbound import ReceivedMessage
from integrations.references import to_reference
from models import process as processes
from models.integration import Integration
from models.interaction import Interaction
from models.process import Process
from queries.consents import Consents
from tests.activities.factories import PHONE, World, phone, run

OTHER_PHONE = "34638766069"


async def read(process_id: str | None) -> Process:
    found = await Process.find_one({"_id": process_id})
    assert found is not None
    return found


async def received(world: World, integration: Integration, sender: str) -> Interaction:
    message = InboundMessage(
        provider_message_id=new_id(),
        sender=sender,
        sender_kind=DestinationKind.PHONE_NUMBER,
        payload={"Type": "simple-text", "Text": "hola"},
    )
    inbound = ReceivedMessage(
        interaction_id=new_id(),
        tenant=world.tenant,
        integration=to_reference(integration),
        message=message,
        received_at=utc_now(),
    )
    await run(MongoInbound(Consents()).receive, inbound)
    found = await Interaction.find_one({"_id": inbound.interaction_id})
    assert found is not None
    return found


@pytest.mark.parametrize("is_known", [False, True])
async def test_the_user_and_the_integration_of_a_send_join_its_process_and_answers_join_it(
    world: World, is_known: bool
) -> None:
    sms, whatsapp = await world.integration(), await world.integration(Channel.WHATSAPP)
    if is_known:
        await world.user(phone(OTHER_PHONE))
    first = (await world.admit(await world.submission(sms))).interaction
    to_other = await world.submission(whatsapp, destinations=[OTHER_PHONE], process_id=first.process_id)
    second = (await world.admit(to_other)).interaction
    process = await read(first.process_id)
    assert process.user_ids == [first.users[0].id, second.users[0].id]
    assert process.integration_ids == [sms.id, whatsapp.id]
    answer = await received(world, whatsapp, OTHER_PHONE)
    assert (answer.process_id, answer.user_ids) == (process.id, [second.users[0].id])
    assert (await received(world, sms, PHONE)).process_id == process.id
    assert len(await world.processes()) == 1


async def test_an_open_process_without_users_is_linked_by_its_first_send(world: World) -> None:
    integration = await world.integration()
    empty = await world.process(integration_ids=[integration.id])
    sent = (await world.admit(await world.submission(integration, process_id=empty.id))).interaction
    process = await read(empty.id)
    assert (process.user_ids, process.integration_ids) == ([sent.users[0].id], [integration.id])
    assert (await received(world, integration, PHONE)).process_id == empty.id


async def test_sends_at_once_to_one_stranger_join_once_and_nobody_else_does(world: World) -> None:
    integration = await world.integration()
    empty = await world.process(integration_ids=[integration.id])
    submissions = [await world.submission(integration, process_id=empty.id) for _ in range(12)]
    await world.admit_all(submissions)
    (user,) = await world.users()
    assert (await read(empty.id)).user_ids == [user.id]


async def test_strangers_at_once_all_join(world: World) -> None:
    integration = await world.integration()
    empty = await world.process(integration_ids=[integration.id])
    submissions = [
        await world.submission(integration, process_id=empty.id, destinations=[f"3463876{number}"])
        for number in range(6_100, 6_108)
    ]
    await asyncio.gather(*map(world.admit, submissions))
    assert sorted((await read(empty.id)).user_ids) == sorted(user.id for user in await world.users())


async def test_a_process_has_a_bounded_number_of_users(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queries.validation.MAX_USERS", 2)
    assert processes.MAX_USERS > 2
    member = await world.user(phone(PHONE))
    full = await world.process(user_ids=[member.id, new_id()])
    assert await world.problems(await world.submission(process_id=full.id)) == []
    stranger = await world.submission(process_id=full.id, destinations=[OTHER_PHONE])
    assert await world.problems(stranger) == [("processId", "process_full")]
