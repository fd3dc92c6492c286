"""Consents: recorded, listed and deleted over the API, and the sends that they refuse."""

import asyncio
import csv
import io
import json
from contextlib import aclosing
from typing import Any

import httpx2

from models.audit import AuditEntry
from models.consent import Consent
from tests.api.resource_factories import owner_of_everything
from tests.api.support import ABSENT_ID, mobile, reasons, refusal
from tests.iris import Iris
from tests.plain_http import plain_client


async def put(http: httpx2.AsyncClient, destination: str, **changes: object) -> dict[str, Any]:
    body = {"destination": destination, "category": "all", "state": "out"} | changes
    response = await http.put("/v1/consents", json=body)
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def listed(http: httpx2.AsyncClient, **query: str | int) -> dict[str, Any]:
    response = await http.get("/v1/consents", params=query)
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def test_a_consent_is_recorded_once_with_its_history(iris: Iris) -> None:
    number = mobile()
    first = await put(iris.http, f"+34 {number[2:]}", text="Por teléfono", at="2026-01-02T10:00:00Z")
    assert (first["kind"], first["destination"], first["scope"]) == ("PhoneNumber", number, "tenant")
    assert (first["source"], first["evidence"]["text"]) == ("api", "Por teléfono")
    second = await put(iris.http, number, state="in", at="2026-01-03")
    assert (second["id"], second["state"]) == (first["id"], "in")
    assert [one["state"] for one in second["history"]] == ["out", "in"]
    older = await put(iris.http, number, state="out", at="2026-01-01")
    assert older == second
    assert (await iris.http.get(f"/v1/consents/{first['id']}")).json()["payload"] == second


async def test_consents_are_filtered_and_read_by_pages(iris: Iris) -> None:
    number, integration = mobile(), iris.demo.integrations["sms"]
    await put(iris.http, number)
    await put(iris.http, number, channel="SMS", category="marketing")
    await put(iris.http, number, integrationId=integration, state="in")
    mine: dict[str, str | int] = {"destination": f"+{number}"}
    first = await listed(iris.http, **mine, limit=2)
    rest = await listed(iris.http, **mine, limit=2, cursor=first["nextCursor"])
    assert [one["scope"] for one in first["items"] + rest["items"]] == ["sender", "channel", "tenant"]
    assert rest["nextCursor"] is None
    for query, scopes in (
        ({"state": "in"}, ["sender"]),
        ({"category": "marketing"}, ["channel"]),
        ({"scope": "tenant"}, ["tenant"]),
        ({"channel": "SMS"}, ["channel"]),
        ({"integrationId": integration}, ["sender"]),
        ({"source": "keyword"}, []),
    ):
        found = await listed(iris.http, **mine, **query)
        assert [one["scope"] for one in found["items"]] == scopes, query


async def test_a_consent_is_deleted_and_audited(iris: Iris) -> None:
    consent = await put(iris.http, mobile())
    path = f"/v1/consents/{consent['id']}"
    assert (await iris.http.delete(path)).status_code == 200
    assert reasons(await iris.http.delete(path), 404) == [("id", "not_found")]
    audited = await AuditEntry.find({"thing_id": consent["id"]}).sort("created").to_list()
    assert [(entry.operation, entry.fields) for entry in audited] == [
        ("consent.recorded", ["category", "destination", "state"]),
        ("consent.deleted", []),
    ]


async def test_what_is_wrong_with_a_consent_is_said(iris: Iris) -> None:
    async def refused(**body: object) -> list[tuple[str, str]]:
        asked = {"destination": mobile(), "category": "all", "state": "out"} | body
        return reasons(await iris.http.put("/v1/consents", json=asked), 422)

    assert await refused(destination="no") == [("destination", "bad_phone_number")]
    assert await refused(destination="a@b@c.example") == [("destination", "bad_email")]
    assert await refused(category="some") == [("category", "not_allowed")]
    both = {"channel": "SMS", "integrationId": iris.demo.integrations["sms"]}
    assert await refused(**both) == [("channel", "one_of_both")]
    unknown = await iris.http.put(
        "/v1/consents", json={"destination": mobile(), "category": "all", "state": "out", "integrationId": ABSENT_ID}
    )
    assert reasons(unknown, 404) == [("integrationId", "integration_not_found")]


async def test_a_send_to_an_opted_out_recipient_is_refused_and_kept(iris: Iris) -> None:
    number = mobile()
    await put(iris.http, number, at="2026-01-02T10:00:00Z")
    request = iris.request("sms", f"+34 {number[2:]}")
    refused = refusal(await iris.post(request), 409)
    [problem] = refused["error"]
    assert (problem["field"], problem["code"]) == ("Destinations[0]", "recipient_opted_out")
    assert problem["message"].startswith(f"+{number} se dio de baja el 2026-01-02T10:00:00.000Z")
    kept = await iris.read(refused["payload"]["id"])
    assert (kept["status"], kept["category"]) == ("VALIDATION_ERROR", "transactional")
    dry = await iris.post({**request, "dryRun": True})
    assert reasons(dry, 409) == [("Destinations[0]", "recipient_opted_out")]


async def test_an_opt_out_of_marketing_refuses_marketing_only(iris: Iris) -> None:
    number = mobile()
    await put(iris.http, number, category="marketing", channel="SMS")
    refused = await iris.post(iris.request("sms", number, category="marketing"))
    assert reasons(refused, 409) == [("Destinations[0]", "recipient_opted_out")]
    for channel, category in (("sms", "transactional"), ("sms", "authentication"), ("whatsapp", "marketing")):
        sent = await iris.send(channel, number, category=category)
        assert sent["category"] == category
    await put(iris.http, number, state="in", category="marketing", channel="SMS")
    await iris.send("sms", number, category="marketing")


async def test_a_forced_send_needs_its_scope_and_is_audited(iris: Iris) -> None:
    number = mobile()
    await put(iris.http, number)
    sent = await iris.send("sms", number, force=True)
    [entry] = await AuditEntry.find({"thing_id": sent["id"]}).to_list()
    assert (entry.operation, entry.account_id) == ("consent.overridden", sent["auditTrail"]["authorId"])
    owner = await owner_of_everything(iris, "forced")
    key = await owner.made("/v1/api-keys", {"name": "no override", "scopes": ["interactions:write"]})
    headers = {"Authorization": f"Bearer {key['key']}"}
    async with plain_client(base_url=iris.http.base_url, headers=headers, timeout=30) as http:
        request = iris.request("sms", number, integrationId=owner.demo.integrations["sms"], force=True)
        assert reasons(await http.post("/v1/interactions", json=request), 403) == [("force", "may_not_override")]
    await owner.http.aclose()


async def test_a_send_has_the_category_of_its_template_and_lists_find_it(iris: Iris) -> None:
    number = mobile()
    template = {
        "name": f"oferta-{number}",
        "channel": "SMS",
        "category": "marketing",
        "payload": {"Type": "simple-text", "Text": "Oferta"},
    }
    made = (await iris.http.post("/v1/templates", json=template)).json()["payload"]
    assert made["category"] == "marketing"
    body = iris.request("sms", number, template={"id": made["id"]})
    del body["payLoad"]
    sent = (await iris.post(body)).json()["payload"]
    other = (await iris.post({**body, "category": "transactional"})).json()["payload"]
    assert (sent["category"], other["category"]) == ("marketing", "transactional")
    found = await iris.http.get("/v1/interactions", params={"destination": number, "category": "marketing"})
    assert [(one["id"], one["category"]) for one in found.json()["payload"]["items"]] == [(sent["id"], "marketing")]


async def test_a_send_and_an_opt_out_at_the_same_instant(iris: Iris) -> None:
    """Each send is refused or admitted as if before, and every later one is refused."""
    numbers = [mobile() for _ in range(6)]

    async def race(number: str) -> int:
        sent, _ = await asyncio.gather(iris.post(iris.request("sms", number)), put(iris.http, number))
        return sent.status_code

    assert set(await asyncio.gather(*map(race, numbers))) <= {200, 409}
    later = await asyncio.gather(*(iris.post(iris.request("sms", number)) for number in numbers))
    for response in later:
        # On a busy machine, the admission may answer only after the call.
        if response.status_code == 200:
            await iris.until_status(response.json()["payload"]["id"], "VALIDATION_ERROR")
        else:
            assert response.status_code == 409


async def test_a_wrong_row_of_an_import_is_reported_and_the_others_are_recorded(iris: Iris) -> None:
    owner = await owner_of_everything(iris, f"import-{mobile()}")
    async with aclosing(owner.http) as http:
        deleted = owner.demo.integrations["sms"]
        await http.delete(f"/v1/integrations/{deleted}")
        row = {"category": "all", "state": "out"}
        rows = [
            {"destination": mobile(), "integrationId": deleted, **row},
            {"destination": "no", **row},
            {"destination": mobile(), **row},
        ]
        answer = await http.post("/v1/consents/import", json={"consents": rows})
        report = answer.json()["payload"]
        assert (answer.status_code, report["changed"], report["refused"]) == (200, 1, 2)
        assert [(problem["field"], problem["code"]) for problem in report["problems"]] == [
            ("consents[0].integrationId", "integration_not_found"),
            ("consents[1].destination", "bad_phone_number"),
        ]


async def test_one_destination_has_one_consent_of_each_reach_under_concurrency(iris: Iris) -> None:
    number = mobile()
    made = await asyncio.gather(*(put(iris.http, number) for _ in range(10)))
    assert len({one["id"] for one in made}) == 1
    assert await Consent.find({"tenant": iris.demo.tenant, "value": number}).count() == 1


async def test_an_export_has_the_rows_of_an_import_in_the_format_that_is_asked_for(iris: Iris) -> None:
    owner = await owner_of_everything(iris, f"export-{mobile()}")
    async with aclosing(owner.http) as http:
        for one in (await listed(http))["items"]:
            await http.delete(f"/v1/consents/{one['id']}")
        number, integration = mobile(), owner.demo.integrations["sms"]
        await put(http, number, integrationId=integration, at="2026-01-02T10:00:00Z", text='«sí», "no"')
        await put(http, "ana@example.com", channel="Email", category="marketing", at="2026-01-03T10:00:00Z", state="in")
        stated = {"kind": "PhoneNumber", "category": "all", "state": "out", "at": "2026-01-02T10:00:00.000Z"}
        first = {"destination": number, "integrationId": integration, "text": '«sí», "no"'} | stated
        second = {"destination": "ana@example.com", "kind": "Email", "channel": "Email", "category": "marketing"}
        second |= {"state": "in", "at": "2026-01-03T10:00:00.000Z"}
        lines = await http.get("/v1/consents/export")
        assert lines.headers["Content-Type"] == "application/x-ndjson"
        rows = [json.loads(line) for line in lines.text.splitlines()]
        assert rows == [second, first]
        table = await http.get("/v1/consents/export", params={"state": "out"}, headers={"Accept": "text/csv"})
        assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
        [row] = csv.DictReader(io.StringIO(table.text, newline=""))
        assert {name: value for name, value in row.items() if value} == first
        imported = await http.post("/v1/consents/import", json={"consents": rows})
        assert imported.json()["payload"] == {"changed": 0, "refused": 0, "problems": []}
        wrong = await http.get("/v1/consents/export", params={"format": "xml"})
        assert reasons(wrong, 422) == [("format", "not_allowed")]
