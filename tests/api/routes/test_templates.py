"""Templates: versions, previews, and rendering once on send."""

import asyncio
from typing import Any

import httpx2
import pytest

from domain.identifiers import new_id
from embedded.demo import Demo
from models.audit import AuditEntry
from models.template import Template, TemplateVersion
from tests.api.support import ABSENT_ID, mobile, reasons, refusal
from tests.iris import Iris

VARIABLES = [
    {"name": "nombre", "example": "Ana"},
    {"name": "fecha", "type": "date", "example": "2026-12-01"},
    {"name": "nota", "required": False, "example": "!"},
]
PAYLOAD = {"Type": "simple-text", "Text": "{{nombre}}, su cita es el {{fecha}}{{nota}}"}
VALUES = {"nombre": "Ana", "fecha": "2026-12-24"}


def request(**changes: object) -> dict[str, Any]:
    body = {"name": f"cita-{new_id()}", "channel": "SMS", "payload": PAYLOAD, "variables": VARIABLES}
    return body | changes


async def create(http: httpx2.AsyncClient, **changes: object) -> dict[str, Any]:
    response = await http.post("/v1/templates", json=request(**changes))
    assert response.status_code == 201, response.text
    return response.json()["payload"]


async def change(iris: Iris, template_id: str, **changes: object) -> dict[str, Any]:
    response = await iris.http.patch(f"/v1/templates/{template_id}", json=changes)
    assert response.status_code == 200, response.text
    return response.json()["payload"]


def sending(iris: Iris, template: dict[str, Any], channel: str = "sms", to: str = "") -> dict[str, Any]:
    body = iris.request(channel, to or mobile(), template=template)
    del body["payLoad"]
    return body


async def test_a_template_is_created_and_read(iris: Iris) -> None:
    created = await create(iris.http)
    assert (created["version"], created["channel"], created["payload"]) == (1, "SMS", PAYLOAD)
    assert created["variables"][2] == {"name": "nota", "type": "text", "required": False, "example": "!"}
    read = await iris.http.get(f"/v1/templates/{created['id']}")
    assert read.json()["payload"] == created


async def test_each_change_is_a_new_version_and_the_ones_before_stay(iris: Iris) -> None:
    first = await create(iris.http)
    path = f"/v1/templates/{first['id']}"
    second = await change(iris, first["id"], payload={"Type": "simple-text", "Text": "Hola, {{nombre}}"})
    third = await change(iris, first["id"], name=f"{first['name']}-2")
    assert (second["version"], third["version"], third["payload"]) == (2, 3, second["payload"])
    assert (await iris.http.get(path)).json()["payload"] == third
    assert (await iris.http.get(path, params={"version": 1})).json()["payload"] == first
    seen = []
    cursor: dict[str, Any] = {}
    for _ in range(3):
        listed = (await iris.http.get(f"{path}/versions", params={"limit": 1, **cursor})).json()["payload"]
        seen += listed["items"]
        cursor = {"cursor": listed["nextCursor"]}
    assert seen == [third, second, first]
    assert cursor == {"cursor": None}
    assert reasons(await iris.http.get(path, params={"version": 4}), 404) == [("version", "not_found")]


async def test_changes_at_once_are_one_version_each(iris: Iris) -> None:
    template = await create(iris.http)
    texts = [f"Hola {number}, {{{{nombre}}}}" for number in range(5)]
    changed = await asyncio.gather(
        *(change(iris, template["id"], payload={"Type": "simple-text", "Text": text}) for text in texts)
    )
    assert sorted(one["version"] for one in changed) == [2, 3, 4, 5, 6]
    for one in changed:
        read = await iris.http.get(f"/v1/templates/{template['id']}", params={"version": one["version"]})
        assert read.json()["payload"] == one


@pytest.mark.parametrize(
    ("changes", "status", "problem"),
    [
        ({"payload": {"Type": "simple-text", "Text": "{{otra}}"}}, 422, ("payload.Text", "undeclared_variable")),
        ({"payload": {"Type": "email", "Body": "{{nombre}}"}}, 422, ("payload.Type", "not_allowed")),
        ({"channel": "Fax"}, 422, ("channel", "not_allowed")),
        ({"variables": [{"name": "nombre"}]}, 422, ("variables[0].example", "missing")),
        ({"name": ""}, 422, ("name", "empty")),
    ],
)
async def test_a_template_that_would_not_work_is_refused(
    iris: Iris, changes: dict[str, Any], status: int, problem: tuple[str, str]
) -> None:
    assert problem in reasons(await iris.http.post("/v1/templates", json=request(**changes)), status)


async def test_a_change_that_would_not_work_changes_nothing(iris: Iris) -> None:
    template = await create(iris.http)
    response = await iris.http.patch(f"/v1/templates/{template['id']}", json={"variables": []})
    assert {code for _, code in reasons(response, 422)} == {"undeclared_variable"}
    assert (await iris.http.get(f"/v1/templates/{template['id']}")).json()["payload"] == template


async def test_a_name_is_given_once_in_a_tenant(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    one, other = await create(iris.http), await create(iris.http)
    taken = await iris.http.post("/v1/templates", json=request(name=one["name"]))
    assert reasons(taken, 409) == [("name", "name_taken")]
    renamed = await iris.http.patch(f"/v1/templates/{other['id']}", json={"name": one["name"]})
    assert reasons(renamed, 409) == [("name", "name_taken")]
    await create(stranger, name=one["name"])


async def test_a_creation_repeated_under_its_key_is_one_template(iris: Iris) -> None:
    body, key = request(), {"Idempotency-Key": f"template-{new_id()}"}
    first, second = [await iris.http.post("/v1/templates", json=body, headers=key) for _ in range(2)]
    assert first.json() == second.json()
    other = await iris.http.post("/v1/templates", json=request(), headers=key)
    assert reasons(other, 422) == [("Idempotency-Key", "idempotency_key_reused")]


async def test_templates_are_listed_by_channel(iris: Iris) -> None:
    sms = await create(iris.http)
    mail = await create(iris.http, channel="Email", payload={"Type": "email", "Body": "{{nombre}}"})
    listed = (await iris.http.get("/v1/templates", params={"channel": "SMS", "limit": 200})).json()["payload"]["items"]
    assert listed[0] == sms
    assert mail["id"] not in {one["id"] for one in listed}


async def test_a_preview_shows_what_would_be_sent_and_names_what_is_wrong(iris: Iris) -> None:
    template = await create(iris.http)
    path = f"/v1/templates/{template['id']}/render"
    response = await iris.http.post(path, json={"variables": VALUES})
    assert response.json()["payload"]["payload"] == {
        "Type": "simple-text",
        "Text": "Ana, su cita es el 2026-12-24",
    }
    wrong = await iris.http.post(path, json={"variables": {"nombre": 3}})
    assert reasons(wrong, 422) == [("variables.nombre", "wrong_type"), ("variables.fecha", "missing")]


async def test_a_template_is_sent_and_the_answer_says_which_and_with_what(iris: Iris) -> None:
    template = await create(iris.http)
    await change(iris, template["id"], payload={"Type": "simple-text", "Text": "Hola, {{nombre}}"})
    for version, text in ((None, "Hola, Ana"), (1, "Ana, su cita es el 2026-12-24"), (2, "Hola, Ana")):
        body = sending(iris, {"ID": template["id"], "version": version, "variables": VALUES})
        response = await iris.post(body)
        assert response.status_code == 200, response.text
        interaction = response.json()["payload"]
        assert interaction["payload"] == {"Type": "simple-text", "Text": text}
        assert interaction["template"] == {
            "id": template["id"],
            "name": template["name"],
            "version": version or 2,
            "variables": VALUES,
        }
        seen = await iris.until(interaction["id"], lambda seen: seen["status"] in {"SENT", "COMPLETED"})
        assert seen["template"] == interaction["template"]
        (taken,) = await iris.taken_by_gateway(interaction["id"])
        assert taken["payload"]["Text"] == text


async def test_a_mail_in_html_escapes_what_it_is_filled_with(iris: Iris) -> None:
    payload = {"Type": "email", "Subject": "Para {{nombre}}", "Body": "<p>{{nombre}}</p>", "IsHtml": True}
    template = await create(iris.http, channel="Email", payload=payload)
    choice = {"id": template["id"], "variables": {"nombre": "<b>A & B</b>", "fecha": "2026-12-24"}}
    sent = (await iris.post(sending(iris, choice, "email", "ana@example.com"))).json()["payload"]["payload"]
    assert sent["Subject"] == "Para <b>A & B</b>"
    assert sent["Body"] == "<p>&lt;b&gt;A &amp; B&lt;/b&gt;</p>"


async def test_the_same_key_means_the_same_message_whatever_becomes_of_the_template(iris: Iris) -> None:
    template = await create(iris.http)
    body = sending(iris, {"id": template["id"], "variables": VALUES})
    key = {"Idempotency-Key": f"send-{new_id()}"}
    first = await iris.post(body, **key)
    await change(iris, template["id"], payload={"Type": "simple-text", "Text": "Hola, {{nombre}}"})
    changed = await iris.post(body, **key)
    await iris.http.delete(f"/v1/templates/{template['id']}")
    deleted = await iris.post(body, **key)
    for response in (first, changed, deleted):
        assert response.status_code == 200, response.text
        payload = response.json()["payload"]
        assert payload["id"] == first.json()["payload"]["id"]
        assert payload["payload"]["Text"] == "Ana, su cita es el 2026-12-24"
        assert payload["template"]["version"] == 1
    other = sending(iris, {"id": template["id"], "variables": {**VALUES, "nombre": "Eva"}}, to=body["Destinations"][0])
    assert reasons(await iris.post(other, **key), 422) == [("Idempotency-Key", "idempotency_key_reused")]


async def test_a_send_says_what_is_wrong_with_its_template(iris: Iris) -> None:
    template = await create(iris.http)
    for choice, status, expected in (
        ({"id": ABSENT_ID}, 404, ("template.id", "template_not_found")),
        ({"id": template["id"], "version": 2}, 404, ("template.version", "template_not_found")),
        ({"id": template["id"], "variables": {"fecha": "2026-12-24"}}, 422, ("template.variables.nombre", "missing")),
        ({"version": 1}, 422, ("template.id", "missing")),
    ):
        assert reasons(await iris.post(sending(iris, choice)), status) == [expected]
    wrong = sending(iris, {"id": template["id"], "variables": VALUES}, "whatsapp")
    assert reasons(await iris.post(wrong), 422) == [("template.id", "wrong_channel")]
    both = iris.request("sms", mobile(), template={"id": template["id"], "variables": VALUES})
    assert reasons(await iris.post(both), 422) == [("template", "one_of_both")]


async def test_another_tenants_template_does_not_exist(
    iris: Iris, stranger: httpx2.AsyncClient, other_tenant: Demo
) -> None:
    template = await create(iris.http)
    await change(iris, template["id"], payload={"Type": "simple-text", "Text": "Hola, {{nombre}}"})
    path = f"/v1/templates/{template['id']}"
    for method, suffix, body in (
        ("GET", "", None),
        ("GET", "?version=1", None),
        ("GET", "/versions", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/render", {"variables": VALUES}),
    ):
        assert reasons(await stranger.request(method, path + suffix, json=body), 404) == [("id", "not_found")]
    choice = {"id": template["id"], "variables": VALUES}
    theirs = sending(iris, choice) | {"integrationId": other_tenant.integrations["sms"]}
    response = await stranger.post("/v1/interactions", json=theirs)
    assert reasons(response, 404) == [("template.id", "template_not_found")]
    assert refusal(response, 404)["payload"]["payload"] == {}
    listed = (await stranger.get("/v1/templates", params={"limit": 200})).json()["payload"]["items"]
    assert template["id"] not in {one["id"] for one in listed}


async def test_a_deleted_template_is_gone_with_its_versions(iris: Iris) -> None:
    template = await create(iris.http)
    await change(iris, template["id"], name=f"x-{new_id()}")
    assert (await iris.http.delete(f"/v1/templates/{template['id']}")).status_code == 200
    assert reasons(await iris.http.get(f"/v1/templates/{template['id']}"), 404) == [("id", "not_found")]
    assert await Template.find({"_id": template["id"]}).count() == 0
    assert await TemplateVersion.find({"template_id": template["id"]}).count() == 0


async def test_changes_are_in_the_audit_log_without_values(iris: Iris) -> None:
    template = await create(iris.http)
    await change(iris, template["id"], payload={"Type": "simple-text", "Text": "Hola, {{nombre}}"})
    await iris.http.delete(f"/v1/templates/{template['id']}")
    entries = await AuditEntry.find({"thing_id": template["id"]}).sort("created", "_id").to_list()
    assert {(entry.operation, tuple(entry.fields)) for entry in entries} == {
        ("template.created", ("channel", "name", "payload", "variables")),
        ("template.changed", ("payload",)),
        ("template.deleted", ()),
    }


async def test_dates_and_numbers_are_written_in_the_templates_language_and_time_zone(iris: Iris) -> None:
    text = "{{nombre}}: {{cita|date:long}}, {{cita|time}}, {{total|currency:EUR}}"
    variables = [
        VARIABLES[0],
        {"name": "cita", "type": "datetime", "example": "2026-12-01T10:00"},
        {"name": "total", "type": "number", "example": 10},
    ]
    payload = {"Type": "simple-text", "Text": text}
    template = await create(iris.http, payload=payload, variables=variables, TIMEZONE="Atlantic/Canary")
    assert (template["language"], template["timeZone"]) == ("es", "Atlantic/Canary")
    values = {"nombre": "Ana", "cita": "2026-12-24T10:00:00Z", "total": 1234.5}
    path = f"/v1/templates/{template['id']}"
    preview = await iris.http.post(f"{path}/render", json={"variables": values})
    assert preview.json()["payload"]["payload"]["Text"] == "Ana: 24 de diciembre de 2026, 10:00, 1.234,50 €"
    body = sending(iris, {"id": template["id"], "variables": values}) | {"dryRun": True}
    assert (await iris.post(body)).json()["payload"]["payload"] == preview.json()["payload"]["payload"]
    english = await change(iris, template["id"], language="en", timeZone="Europe/Madrid")
    assert (english["version"], english["payload"]) == (2, payload)
    sent = await iris.post(sending(iris, {"id": template["id"], "variables": values}))
    assert sent.json()["payload"]["payload"]["Text"] == "Ana: December 24, 2026, 11:00 AM, €1,234.50"


async def test_a_value_that_cannot_be_written_as_the_template_says_is_refused_by_its_name(iris: Iris) -> None:
    payload = {"Type": "simple-text", "Text": "{{nombre|date}}"}
    variables = [{"name": "nombre", "example": "2026-12-24"}]
    template = await create(iris.http, payload=payload, variables=variables)
    values = {"nombre": "mañana"}
    preview = await iris.http.post(f"/v1/templates/{template['id']}/render", json={"variables": values})
    assert reasons(preview, 422) == [("variables.nombre", "wrong_type")]
    sent = await iris.post(sending(iris, {"id": template["id"], "variables": values}))
    assert reasons(sent, 422) == [("template.variables.nombre", "wrong_type")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"payload": {**PAYLOAD, "Text": "{{fecha|fecha}}"}}, ("payload.Text", "not_allowed")),
        ({"language": "xx"}, ("language", "invalid")),
        ({"timeZone": "Europe/Madrit"}, ("timeZone", "invalid")),
    ],
)
async def test_an_unknown_filter_language_or_time_zone_is_refused(
    iris: Iris, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert reasons(await iris.http.post("/v1/templates", json=request(**changes)), 422) == [expected]
