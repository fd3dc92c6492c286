"""Inbound messages through every provider on each of its channels: an interaction with its user and process."""

import asyncio
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.inbound import MongoInbound
from domain.channels import Channel
from domain.clock import utc_now
from domain.destinations import KIND_OF_CHANNEL
from domain.events import InboundMessage
from domain.gate.consent import ConsentSource
from domain.identifiers import new_id
from domain.inbound import ReceivedMessage
from domain.status import Status
from embedded.processes import until
from integrations.references import to_reference
from models.consent import Consent
from models.integration import Integration
from models.interaction import Interaction
from models.process import Process
from models.user import OwnedDestination, User
from queries.consents import Consents
from tests.product.fake_providers import ONE_OF_EACH, VENDORS, label
from tests.product.provider_lines import SHORT_NAMES, Line

every = pytest.mark.parametrize("line", VENDORS, ids=label, indirect=True)
one_of_each = pytest.mark.parametrize("line", ONE_OF_EACH, ids=label, indirect=True)
one_of_each_that_texts = pytest.mark.parametrize(
    "line", [vendor for vendor in ONE_OF_EACH if vendor.channel is not Channel.EMAIL], ids=label, indirect=True
)


def text_of(interaction: dict[str, Any]) -> str:
    payload = interaction["payload"]
    return payload["Body"] if payload["Type"] == "email" else payload["Text"]


async def users_with(line: Line, destination: str) -> list[User]:
    owned = OwnedDestination(kind=KIND_OF_CHANNEL[line.channel], value=destination)
    return await User.owning(line.iris.demo.tenant, [owned])


@every
async def test_a_message_of_a_stranger_is_received_with_a_new_user_and_a_new_process(line: Line) -> None:
    stranger = line.somebody()
    received = await line.receive_message(stranger, "¿Está abierto?")
    assert (received["direction"], received["status"], received["customStatus"]) == ("in", "RECEIVED", None)
    assert (text_of(received), "abierto" in received["summary"]) == ("¿Está abierto?", True)
    assert [entry["status"] for entry in received["auditTrail"]["history"]] == ["RECEIVED"]
    assert received["auditTrail"]["providerEvents"] == []
    assert received["integration"]["integrationId"] == line.integration_id

    (user,) = await users_with(line, stranger)
    assert [(one["value"], one["userId"]) for one in received["destinations"]] == [(stranger, user.id)]
    assert [one["id"] for one in received["users"]] == [user.id]
    process = received["processSummary"]
    assert (process["id"], process["isClosed"], process["lastDirection"]) == (received["processId"], False, "in")
    assert received["isLastEntry"] is True


@one_of_each
async def test_it_joins_the_senders_newest_open_process_and_an_answer_joins_it_too(line: Line) -> None:
    ana = line.somebody()
    older, newer = await line.sent(ana), await line.sent(ana)
    sent = await line.iris.read(newer)
    received = await line.receive_message(ana, "De acuerdo")
    assert (received["processId"], received["isLastEntry"]) == (sent["processId"], True)
    assert [one["id"] for one in received["users"]] == [one["id"] for one in sent["users"]]
    assert (await line.iris.read(newer))["isLastEntry"] is False
    untouched = await line.iris.read(older)
    assert (untouched["isLastEntry"], untouched["processSummary"]["lastDirection"]) == (True, "out")

    answer = await line.iris.read(await line.sent(ana, processId=received["processId"], AutoCreateProcess=False))
    assert answer["processId"] == received["processId"]
    assert (answer["isLastEntry"], answer["processSummary"]["lastDirection"]) == (True, "out")
    assert (await line.iris.read(received["id"]))["isLastEntry"] is False


@one_of_each
async def test_a_repeated_inbound_message_is_one_interaction(line: Line) -> None:
    sender, message_id = line.somebody(), new_id()
    body = line.simulator.text(sender, "Hola", message_id)
    await asyncio.gather(*(line.post_accepted(line.webhook(body)) for _ in range(3)))
    received = await line.came_in(message_id)
    await line.post_accepted(line.webhook(body))
    await line.receive_message(sender, "¿Hola?")
    assert [one.id for one in await line.messages_in(message_id)] == [received["id"]]
    assert len(await users_with(line, sender)) == 1


@one_of_each
async def test_messages_of_one_stranger_at_the_same_time_make_one_user(line: Line) -> None:
    stranger = line.somebody()
    received = await asyncio.gather(*(line.receive_message(stranger, text) for text in ("Uno", "Dos", "Tres")))
    (user,) = await users_with(line, stranger)
    assert {one["users"][0]["id"] for one in received} == {user.id}


@pytest.mark.parametrize("line", ONE_OF_EACH[:1], ids=label, indirect=True)
async def test_messages_of_one_sender_at_the_same_time_open_one_process(line: Line) -> None:
    sender = line.somebody()
    await line.receive_message(sender, "Hola")
    await Process.collection().update_many({"integration_ids": line.integration_id}, {"$set": {"is_closed": True}})
    integration = await Integration.get(line.integration_id)
    assert integration is not None
    inbound = [
        ReceivedMessage(
            interaction_id=new_id(),
            tenant=integration.tenant,
            integration=to_reference(integration),
            message=InboundMessage(
                provider_message_id=new_id(),
                sender=sender,
                sender_kind=KIND_OF_CHANNEL[line.channel],
                payload={"Type": "simple-text", "Text": "¿Hola?"},
            ),
            received_at=utc_now(),
        )
        for _ in range(12)
    ]
    receive = MongoInbound(Consents()).receive
    await asyncio.gather(*(ActivityEnvironment().run(receive, inbound) for inbound in inbound))
    assert await Process.find({"integration_ids": line.integration_id, "is_closed": False}).count() == 1


@one_of_each_that_texts
async def test_an_opt_out_is_marked(line: Line) -> None:
    wishes = await asyncio.gather(
        *(line.receive_message(line.somebody(), text) for text in ("STOP", " baja. ", "¡Alto!"))
    )
    assert [wish["metadata"].get("optOut") for wish in wishes] == [True, True, True]
    other = await line.receive_message(line.somebody(), "¿Dónde para el autobús? Baja en la plaza")
    assert "optOut" not in other["metadata"]


@one_of_each_that_texts
async def test_an_opt_out_refuses_its_messages_until_an_opt_in(line: Line) -> None:
    """On SMS it refuses everything of this sender, elsewhere its marketing."""
    person = line.somebody()

    async def statuses() -> list[int]:
        request = line.iris.request(SHORT_NAMES[line.channel], person, integrationId=line.integration_id)
        sent = [line.iris.post({**request, "category": one, "dryRun": True}) for one in ("transactional", "marketing")]
        return [response.status_code for response in await asyncio.gather(*sent)]

    await line.receive_message(person, "START")
    assert await statuses() == [200, 200]
    opt_out = await line.receive_message(person, "Stop. Thank you")
    assert await statuses() == ([409, 409] if line.channel is Channel.SMS else [200, 409])
    [consent] = await Consent.find({"evidence.interaction_id": opt_out["id"]}).to_list()
    assert (consent.source, consent.evidence.text, consent.scope_value) == (
        ConsentSource.KEYWORD,
        "Stop. Thank you",
        line.integration_id,
    )
    await line.receive_message(person, "alta")
    assert await statuses() == [200, 200]


@pytest.mark.parametrize("line", ONE_OF_EACH[:1], ids=label, indirect=True)
async def test_an_opt_out_is_confirmed_once_by_an_interaction_of_its_process(line: Line) -> None:
    person = line.somebody()
    opt_out = await line.receive_message(person, "Baja, por favor")
    await line.receive_message(person, "BAJA")

    async def confirmations() -> list[Interaction]:
        return await Interaction.find({"metadata.optOutConfirmationOf": opt_out["id"]}).to_list()

    async def is_sent() -> bool:
        return any(one.status is not Status.VALIDATION_PENDING for one in await confirmations())

    await asyncio.wait_for(until(is_sent), 60)
    [confirmation] = await confirmations()
    sent = await line.iris.until_status(confirmation.id, "SENT")
    assert (sent["processId"], sent["destinations"][0]["value"]) == (opt_out["processId"], person)
    assert (sent["category"], "Responda ALTA" in sent["payload"]["Text"]) == ("authentication", True)
    response = await line.iris.http.get(f"/v1/interactions/{confirmation.id}/explanation")
    explanation = response.json()["payload"]
    assert explanation["optOutConfirmationOf"] == opt_out["id"]
    assert explanation["explanation"].endswith("Confirma la baja de su destinatario, y por eso la pasa.")


@every
async def test_media_are_stored_as_references(line: Line) -> None:
    message_id = new_id()
    await line.post_accepted(line.webhook(line.simulator.picture(line.somebody(), message_id)))
    received = await line.came_in(message_id)
    reference = line.simulator.media
    assert {name: received["payload"].get(name) for name in reference} == reference
