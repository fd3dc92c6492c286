"""The send call of the specification's example."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from api.http.request_body import parse_fields
from api.schemas.interactions import SendRequest
from domain.destinations import DestinationKind
from models.user import OwnedDestination, User
from tests.api.support import mobile
from tests.iris import Iris

EXAMPLE: dict[str, Any] = json.loads(Path(__file__).with_name("specification_example.json").read_text("utf-8"))

REQUEST: dict[str, JsonValue] = {
    "payLoad": {"Type": "text-message-rcs", "Text": "Texto del mensaje simple"},
    "integrationId": "67c98902c362797495a602c6",
    "processId": "67c98902c362797495a603c1",
    "Destinations": ["34638766068"],
    "AutoCreateUser": True,
    "AutoCreateProcess": True,
}
"""The specification's example of a request."""

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3,7}Z")
IDENTIFIER = re.compile(r"[0-9a-f]{24}")


async def specified_request(iris: Iris, destination: str) -> dict[str, Any]:
    """The specification's request, in a process that exists."""
    earlier = await iris.send("rcs", destination)
    return REQUEST | {
        "integrationId": iris.demo.integrations["rcs"],
        "processId": earlier["processId"],
        "Destinations": [destination],
    }


async def sergio(iris: Iris) -> str:
    """A number of a user who also has an e-mail address, as in the example."""
    number = mobile()
    phone = OwnedDestination(kind=DestinationKind.PHONE_NUMBER, value=number)
    email = OwnedDestination(kind=DestinationKind.EMAIL, value=f"{number}@example.com")
    await User(tenant=iris.demo.tenant, name="Sergio", destinations=[phone, email]).insert()
    return number


def shape(value: object) -> object:
    """The keys at every level, and the type of every value."""
    match value:
        case dict():
            return {key: shape(inner) for key, inner in cast("dict[str, object]", value).items()}
        case list():
            return [shape(inner) for inner in cast("list[object]", value)]
        case _:
            return type(value).__name__


async def test_the_examples_request_gets_an_answer_of_the_examples_shape(iris: Iris) -> None:
    response = await iris.post(await specified_request(iris, await sergio(iris)))
    assert response.status_code == 200
    # Iris adds the category, and when it goes.
    added = {"category": "transactional", "schedule": None, "held": None}
    specified = EXAMPLE | {"payload": EXAMPLE["payload"] | added}
    assert shape(response.json()) == shape(specified)


async def test_the_answer_says_what_the_example_says(iris: Iris) -> None:
    destination = await sergio(iris)
    request = await specified_request(iris, destination)
    answer = (await iris.post(request)).json()
    interaction, example = answer.pop("payload"), EXAMPLE["payload"]
    assert answer == {name: value for name, value in EXAMPLE.items() if name != "payload"}
    constant = (
        *("attachmentsId", "direction", "status", "customStatus", "template", "strategy", "isLastEntry"),
        *("metadata", "primaryKey", "payload"),
    )
    assert {name: interaction[name] for name in constant} == {name: example[name] for name in constant}
    history, specified = interaction["auditTrail"]["history"], example["auditTrail"]["history"]
    assert [entry | {"date": ""} for entry in history] == [entry | {"date": ""} for entry in specified]
    assert interaction["auditTrail"]["providerEvents"] == []
    assert interaction["processSummary"] == example["processSummary"] | {"id": request["processId"]}
    assert interaction["processId"] == request["processId"]
    [user] = interaction["users"]
    assert user["name"] == "Sergio"
    assert user["primaryKey"] == {"PhoneNumber": [destination], "Email": [f"{destination}@example.com"]}
    expected = {"key": "PhoneNumber", "value": destination, "group": "ungroup", "userId": user["id"]}
    assert interaction["destinations"] == [expected]
    assert interaction["tenant"] == iris.demo.tenant
    assert interaction["integration"]["integrationId"] == request["integrationId"]
    assert interaction["integration"]["integrationName"] == "RCS-1"
    assert interaction["integration"]["integrationTypeName"] == "RCS"
    assert interaction["integration"]["integrationTypeProviderName"] == "Sandbox"


async def test_the_summary_is_json_in_a_string_of_what_is_sent_and_not_of_its_state(iris: Iris) -> None:
    text = await iris.send("rcs", mobile())
    assert text["summary"] == '{"subject":"","body":"Su cita es mañana a las 10:00","generic":null}'
    email = await iris.send("email", f"{mobile()}@example.com")
    assert json.loads(email["summary"]) == {"subject": "Su cita", "body": "Mañana a las 10:00", "generic": None}


async def test_instants_are_utc_with_z_and_in_order_and_ids_are_24_hexadecimal_digits(iris: Iris) -> None:
    interaction = await iris.send("rcs", mobile())
    trail = interaction["auditTrail"]
    instants = [trail["created"], *(entry["date"] for entry in trail["history"]), trail["updated"]]
    assert all(INSTANT.fullmatch(instant) for instant in instants)
    assert instants == sorted(instants)
    integration = interaction["integration"]
    identifiers = [
        *(interaction["id"], interaction["processId"], interaction["users"][0]["id"]),
        *(trail["authorId"], trail["updaterId"], integration["integrationId"]),
        *(integration["integrationTypeId"], integration["integrationTypeProviderId"]),
    ]
    assert all(IDENTIFIER.fullmatch(identifier) for identifier in identifiers)


@settings(deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_the_letter_case_of_keys_makes_no_difference(random: Random) -> None:
    recased = {
        "".join(random.choice((letter.lower(), letter.upper())) for letter in name): value
        for name, value in REQUEST.items()
    }
    assert parse_fields(SendRequest, recased) == parse_fields(SendRequest, REQUEST)


@pytest.mark.parametrize("recase", [str.lower, str.upper, str.swapcase])
async def test_the_letter_case_of_keys_does_not_count(iris: Iris, recase: Callable[[str], str]) -> None:
    request = iris.request("rcs", mobile())
    payload = {recase(name): value for name, value in request["payLoad"].items()}
    response = await iris.post({recase(name): value for name, value in (request | {"payLoad": payload}).items()})
    assert response.status_code == 200, response.text
    assert response.json()["payload"]["payload"] == payload, "the payload is answered as it was sent"


async def test_metadata_of_the_caller_is_answered_and_read_unchanged(iris: Iris) -> None:
    added: dict[str, JsonValue] = {
        "metadata": {
            "a.b": {"$set": 1, "": None},
            "emoji": "👩‍👩‍👧 ñ €",
            "numbers": [2**63 - 1, -0.5, 1e300],
            "yes": True,
        },
        "primaryKey": {"Pedido": "2026/000123"},
    }
    admitted = await iris.send("whatsapp", mobile(), **added)
    seen = await iris.until_status(admitted["id"], "COMPLETED")
    for answer in (admitted, seen):
        assert {name: answer[name] for name in added} == added


async def test_an_sms_has_its_number_of_segments_beside_the_callers_metadata(iris: Iris) -> None:
    admitted = await iris.send("sms", mobile(), metadata={"order": 7})
    assert admitted["metadata"] == {"order": 7, "sms": {"encoding": "GSM-7", "segments": 1}}


async def test_numbers_are_stored_as_digits_with_their_country_code(iris: Iris) -> None:
    number = mobile()
    plain = await iris.send("sms", number)
    for spelling in (f"+{number}", f"00{number}", f"+34 {number[2:5]}-{number[5:8]} ({number[8:]})"):
        admitted = await iris.send("sms", spelling)
        assert admitted["destinations"] == plain["destinations"]


async def test_reading_by_get_and_by_the_vendors_post_gives_the_interaction_as_it_is_now(iris: Iris) -> None:
    admitted = await iris.send("sms", mobile())
    seen = await iris.until_status(admitted["id"], "COMPLETED")
    got = await iris.http.get(f"/v1/interactions/{admitted['id']}")
    posted = await iris.http.post(f"/conversation/interaction/{admitted['id']}")
    assert got.json() == posted.json()
    assert got.json()["payload"] == seen
    assert (got.json()["title"], got.json()["status"], got.json()["error"]) == ("OK", 200, None)
    changing = {"status", "customStatus", "auditTrail"}
    assert {name for name in seen if seen[name] != admitted[name]} == changing
    events = seen["auditTrail"]["providerEvents"]
    assert [(event["event"], event["applied"]) for event in events] == [("sent", True), ("delivered", True)]
    assert all(INSTANT.fullmatch(event["date"]) for event in events)
