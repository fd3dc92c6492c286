"""User identities through the whole product: the shared cases, and WhatsApp's identity changes."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from domain.identifiers import new_id
from providers.meta import Meta
from tests.product.fake_providers import ONE_OF_EACH, label
from tests.product.provider_lines import Line
from tests.providers.cases import CASES, Case
from tests.providers.fake_providers.meta import Messenger
from tests.providers.fake_providers.smtp import SmtpEmail

WHATSAPP: Final = [one for one in ONE_OF_EACH if one.provider is Meta and not issubclass(one, Messenger)]
MAIL: Final = [one for one in ONE_OF_EACH if issubclass(one, SmtpEmail)]
on_whatsapp = pytest.mark.parametrize("line", WHATSAPP, ids=label, indirect=True)
by_mail = pytest.mark.parametrize("line", MAIL, ids=label, indirect=True)


async def writes(line: Line, sender: str = "", **message: object) -> dict[str, Any]:
    """Receive a WhatsApp message with the identity in `message`; return its interaction."""
    message_id = new_id()
    content = json.loads(line.simulator.text(sender, "Hola", message_id))
    whole = content["entry"][0]["changes"][0]["value"]["messages"][0]
    whole |= message
    if not sender:
        del whole["from"]
    await line.post_accepted(line.webhook(json.dumps(content).encode()))
    return await line.came_in(message_id)


def users(interaction: dict[str, Any]) -> list[str]:
    return [user["id"] for user in interaction["users"]]


async def user_of(line: Line, destination: str) -> list[str]:
    found = await line.iris.http.get("/v1/users", params={"destination": destination})
    assert found.status_code == 200, found.text
    return [user["id"] for user in found.json()["payload"]["items"]]


def scoped_id() -> str:
    """A unique business-scoped id."""
    return f"ES.{new_id()}"


def brazilian() -> tuple[str, str]:
    """A unique Brazilian mobile number, with its ninth digit and without."""
    rest = f"{int(new_id(), 16) % 10**7:07d}"
    return f"551198{rest}", f"55118{rest}"


async def same_person_under_the_other_spelling(line: Line, expected: Mapping[str, bool]) -> None:
    now, before = brazilian()
    sent = await line.iris.read(await line.sent(now))
    of_it = line.delivery(sent["id"]).provider_message_id
    received = await writes(line, before, context={"id": of_it})
    assert (users(received) == users(sent)) is expected["same user"]
    assert (received["processId"] == sent["processId"]) is expected["same process"]
    assert [one["value"] for one in received["destinations"]] == [before]
    for spelling in (now, before, f"+{now}"):
        assert await user_of(line, spelling) == users(sent)


async def number_and_id_first_id_alone_later(line: Line, expected: Mapping[str, bool]) -> None:
    number, scoped = line.somebody(), scoped_id()
    first = await writes(line, number, from_user_id=scoped)
    later = await writes(line, from_user_id=scoped)
    assert (users(later) == users(first)) is expected["same user"]
    assert [one["value"] for one in later["destinations"]] == [scoped]


STEPS: Final = {
    "answer from the same person under the other spelling (BR 9th digit)": same_person_under_the_other_spelling,
    "number and id first, id alone later": number_and_id_first_id_alone_later,
}
"""Implementation of each step of the cases."""


@on_whatsapp
@pytest.mark.parametrize("case", [case for case in CASES if case.how == "api"], ids=lambda case: case.name)
async def test_the_steps_of_a_case_have_the_expected_result(line: Line, case: Case) -> None:
    await STEPS[case.name](line, case.expected)


@on_whatsapp
async def test_a_user_who_changes_number_and_id_is_reached_by_the_new_ones_and_stays_in_the_process(line: Line) -> None:
    number, scoped, new_number, new_scoped = line.somebody(), scoped_id(), line.somebody(), scoped_id()
    before = await writes(line, number, from_user_id=scoped)
    system = {"type": "user_changed_number", "wa_id": new_number, "user_id": new_scoped, "previous_user_id": scoped}
    changed = await writes(line, number, type="system", system=system)
    after = await writes(line, new_number)
    assert users(before) == users(changed) == users(after)
    assert before["processId"] == after["processId"]
    for destination, owner in {new_number: users(before), new_scoped: users(before), number: [], scoped: []}.items():
        assert await user_of(line, destination) == owner


@on_whatsapp
async def test_whose_id_changes_alone_is_reached_by_the_new_one_and_keeps_the_number(line: Line) -> None:
    number, scoped, new_scoped = line.somebody(), scoped_id(), scoped_id()
    before = await writes(line, number, from_user_id=scoped)
    system = {"type": "user_changed_user_id", "user_id": new_scoped, "previous_user_id": scoped}
    changed = await writes(line, type="system", system=system)
    assert users(before) == users(changed)
    for destination, owner in {number: users(before), new_scoped: users(before), scoped: []}.items():
        assert await user_of(line, destination) == owner


@by_mail
async def test_a_report_on_one_of_several_may_write_the_address_in_another_letter_case(line: Line) -> None:
    ana, jose = line.somebody(), f"Jose.{new_id()}@dominio.com"
    sent = await line.sent(Destinations=[ana, jose])
    await line.send_receipt(sent, "delivered", jose.lower())
    one = await line.received(sent, 1)
    [event] = one["auditTrail"]["providerEvents"]
    assert (one["status"], event["destination"], event["applied"]) == ("SENT", jose.lower(), False)
    assert "todos los destinos" in event["reason"]
    await line.send_receipt(sent, "delivered", ana.upper())
    await line.iris.until_status(sent, "COMPLETED")
