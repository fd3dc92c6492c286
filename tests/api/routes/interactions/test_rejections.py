"""Rejected submissions of a known integration: all problems at once, and a record."""

from typing import Any

import pytest

from domain.identifiers import new_id
from models.integration import Integration
from models.process import Process
from models.user import User
from tests.api.support import ABSENT_ID, mobile, reasons, refusal, states
from tests.iris import Iris

TEXT = {"Type": "simple-text", "Text": "Hola"}

Rejection = tuple[str, dict[str, Any], int, list[tuple[str, str]]]

REJECTIONS: dict[str, Rejection] = {
    "unknown user": ("sms", {"AutoCreateUser": False}, 422, [("Destinations[0]", "user_not_found")]),
    "no process": ("sms", {"AutoCreateProcess": False}, 422, [("processId", "process_required")]),
    "empty process": (
        "sms",
        {"AutoCreateProcess": False, "processId": ""},
        422,
        [("processId", "process_required")],
    ),
    "absent process": ("sms", {"processId": ABSENT_ID}, 404, [("processId", "process_not_found")]),
    "nonsense for a process": ("sms", {"processId": "☃ $ne"}, 404, [("processId", "process_not_found")]),
    "no type": ("sms", {"payLoad": {"Text": "Hola"}}, 422, [("payLoad.Type", "missing")]),
    "empty payload": ("sms", {"payLoad": {}}, 422, [("payLoad.Type", "missing")]),
    "another channel's type": (
        "sms",
        {"payLoad": TEXT | {"Type": "text-message-rcs"}},
        422,
        [("payLoad.Type", "not_allowed")],
    ),
    "type is no text": ("sms", {"payLoad": TEXT | {"Type": ["simple-text"]}}, 422, [("payLoad.Type", "not_allowed")]),
    "no text": ("whatsapp", {"payLoad": {"Type": "simple-text"}}, 422, [("payLoad.Text", "missing")]),
    "empty text": ("rcs", {"payLoad": {"Type": "text-message-rcs", "Text": ""}}, 422, [("payLoad.Text", "empty")]),
    "text is no text": ("sms", {"payLoad": TEXT | {"Text": 5}}, 422, [("payLoad.Text", "wrong_type")]),
    "unknown payload field": ("sms", {"payLoad": TEXT | {"Colour": "red"}}, 422, [("payLoad.Colour", "unknown_field")]),
    "payload field twice": ("sms", {"payLoad": TEXT | {"text": "Hola"}}, 422, [("payLoad.text", "duplicate_field")]),
    "header smuggled in": (
        "email",
        {"payLoad": {"Type": "email", "Subject": "Hi\r\nBcc: all@example.com", "Body": "x"}},
        422,
        [("payLoad.Subject", "bad_pattern")],
    ),
    "bad phone number": ("sms", {"Destinations": ["638 76"]}, 422, [("Destinations[0]", "bad_phone_number")]),
    "e-mail for a phone": ("sms", {"Destinations": ["a@example.com"]}, 422, [("Destinations[0]", "bad_phone_number")]),
    "bad e-mail": ("email", {"Destinations": ["nobody at home"]}, 422, [("Destinations[0]", "bad_email")]),
    "bad copy": (
        "email",
        {"payLoad": {"Type": "email", "Body": "x", "Cc": ["nobody"]}},
        422,
        [("payLoad.Cc[0]", "bad_email")],
    ),
    "bad Messenger id": ("messenger", {"Destinations": ["ana"]}, 422, [("Destinations[0]", "bad_page_scoped_id")]),
    "no destinations": ("sms", {"Destinations": []}, 422, [("Destinations", "empty")]),
    "too many": (
        "sms",
        {"Destinations": ["34638766068", "34638766069"]},
        422,
        [("Destinations", "too_many_destinations")],
    ),
    "twice the same": (
        "email",
        {"Destinations": ["ana@example.com", "ana@EXAMPLE.com"]},
        422,
        [("Destinations[1]", "duplicate_destination")],
    ),
    "everything": (
        "email",
        {
            "payLoad": {"Type": "email", "Colour": "red"},
            "Destinations": ["nobody", "ana@example.com", "nowhere"],
            "AutoCreateProcess": False,
        },
        422,
        [
            ("payLoad.Body", "missing"),
            ("payLoad.Colour", "unknown_field"),
            ("Destinations[0]", "bad_email"),
            ("Destinations[2]", "bad_email"),
            ("processId", "process_required"),
        ],
    ),
}


def valid_destination(channel: str) -> str:
    return f"{mobile()}@example.com" if channel == "email" else mobile()


async def assert_kept_as_rejected(iris: Iris, body: dict[str, Any]) -> None:
    """Check that a rejection is stored as answered, has ended, and that nothing was sent or created."""
    interaction = body["payload"]
    assert states(interaction) == [("VALIDATION_PENDING", None), ("VALIDATION_ERROR", None)]
    notes = interaction["auditTrail"]["history"][-1]["notes"]
    assert all(item["field"] in notes for item in body["error"])
    assert (interaction["status"], interaction["users"]) == ("VALIDATION_ERROR", [])
    assert interaction["processSummary"] is None
    assert not interaction["isLastEntry"]
    await iris.ended(interaction["id"])
    assert await iris.read(interaction["id"]) == interaction
    assert await iris.taken_by_gateway(interaction["id"]) == []
    assert await Process.find_one({"last_interaction_id": interaction["id"]}) is None


@pytest.mark.parametrize(("channel", "changes", "status", "expected"), REJECTIONS.values(), ids=REJECTIONS)
async def test_a_rejection_names_every_reason_and_is_recorded(
    iris: Iris, channel: str, changes: dict[str, Any], status: int, expected: list[tuple[str, str]]
) -> None:
    response = await iris.post(iris.request(channel, valid_destination(channel), **changes))
    assert sorted(reasons(response, status)) == sorted(expected)
    await assert_kept_as_rejected(iris, refusal(response, status))


async def test_a_closed_process_takes_nothing_more(iris: Iris) -> None:
    first = await iris.send("sms", mobile())
    await iris.until_status(first["id"], "COMPLETED")
    await Process.collection().update_one({"_id": first["processId"]}, {"$set": {"is_closed": True}})
    response = await iris.post(iris.request("sms", mobile(), processId=first["processId"]))
    assert reasons(response, 409) == [("processId", "process_closed")]
    seen = await iris.read(first["id"])
    assert (seen["isLastEntry"], seen["processSummary"]["isClosed"]) == (True, True)


async def test_a_disabled_integration_sends_nothing(iris: Iris) -> None:
    enabled = await Integration.find_one({"_id": iris.demo.integrations["sms"]})
    assert enabled is not None
    disabled = enabled.model_copy(update={"id": new_id(), "name": f"disabled-{new_id()}", "enabled": False})
    await disabled.insert()
    response = await iris.post(iris.request("sms", mobile(), integrationId=disabled.id))
    assert reasons(response, 409) == [("integrationId", "integration_disabled")]
    await assert_kept_as_rejected(iris, refusal(response, 409))


@pytest.mark.parametrize("integration_id", [ABSENT_ID, "", "nope", "☃", "$ne"])
async def test_an_integration_that_does_not_exist_is_refused_without_a_trace(iris: Iris, integration_id: str) -> None:
    response = await iris.post(iris.request("sms", mobile(), integrationId=integration_id))
    assert reasons(response, 404) == [("integrationId", "integration_not_found")]
    assert response.json()["payload"] is None


async def test_a_rejection_makes_no_user(iris: Iris) -> None:
    number = mobile()
    response = await iris.post(iris.request("sms", number, AutoCreateProcess=False))
    refusal(response, 422)
    assert await User.find_one({"destinations.value": number}) is None


async def test_a_rejection_speaks_spanish_unless_english_is_preferred(iris: Iris) -> None:
    request = iris.request("sms", mobile(), AutoCreateProcess=False)
    spanish = refusal(await iris.post(request), 422)
    assert spanish["title"] == "Petición no válida"
    assert spanish["detail"] == spanish["error"][0]["message"] == "Indique un processId o AutoCreateProcess: true"
    english = refusal(await iris.post(request, **{"Accept-Language": "en"}), 422)
    assert english["title"] == "Invalid request"
    assert english["detail"] == english["error"][0]["message"] == "Give a processId or AutoCreateProcess: true"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en-GB,en;q=0.9,es;q=0.8", "Not found"),
        ("fr, en;q=0.5", "Not found"),
        ("es, en;q=0.9", "No encontrado"),
        ("*", "No encontrado"),
        ("xx;q=nonsense", "No encontrado"),
        ("", "No encontrado"),
    ],
)
async def test_english_is_spoken_to_who_prefers_it_to_spanish(iris: Iris, language: str, title: str) -> None:
    response = await iris.http.get(f"/v1/interactions/{ABSENT_ID}", headers={"Accept-Language": language})
    assert refusal(response, 404)["title"] == title
