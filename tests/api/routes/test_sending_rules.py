"""Sending rules over the API: replaced as a whole, filled from presets, and asked when a message would go."""

from typing import Any

import httpx2
import pytest

from models.audit import AuditEntry
from tests.api.account_factories import Town
from tests.api.support import mobile, reasons
from tests.iris import Iris

DAYTIME = {"from": "09:00", "to": "21:00"}
SATURDAY = "2026-12-05T22:00:00Z"
"""23:00 in Madrid; the Monday after it is no holiday, the Tuesday is."""


async def put(http: httpx2.AsyncClient, **body: object) -> dict[str, Any]:
    rules: dict[str, object] = {"rules": []}
    response = await http.put("/v1/sending-rules", json=rules | body)
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def check(http: httpx2.AsyncClient, **body: object) -> dict[str, Any]:
    asked = {"destination": mobile(), "channel": "SMS", "category": "marketing", "at": SATURDAY} | body
    response = await http.post("/v1/sending-rules/check", json=asked, headers={"Accept-Language": "en"})
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def test_rules_are_replaced_as_a_whole_and_what_is_read_can_be_written_again(town: Town) -> None:
    admin = (await town.person()).http
    before = (await admin.get("/v1/sending-rules")).json()["payload"]
    assert (before["rules"], before["timeZone"], before["version"], before["updated"]) == ([], None, 0, None)
    own = {"country": "fr", "category": "marketing", "windows": [DAYTIME], "spread": "PT1M"}
    written = await put(admin, rules=[own | {"country": "FR"}], presets=["es-marketing"], timeZone="Europe/Madrid")
    assert [(one["country"], one["channel"]) for one in written["rules"]] == [
        ("FR", None),
        ("ES", "SMS"),
        ("ES", "RCS"),
    ]
    assert (await admin.get("/v1/sending-rules")).json()["payload"] == written
    again = await put(admin, rules=written["rules"], timeZone=written["timeZone"])
    assert (again["rules"], again["version"]) == (written["rules"], 2)
    assert (await put(admin))["rules"] == []
    changes = {"tenant": town.tenant, "operation": "sending-rules.changed"}
    audited = await AuditEntry.find(changes).sort("created", "_id").to_list()
    assert [entry.fields for entry in audited] == [["presets", "rules", "timeZone"], ["rules", "timeZone"], ["rules"]]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [("rules", "missing")]),
        ({"rules": [], "timeZone": "Madrid"}, [("timeZone", "unknown_time_zone")]),
        ({"rules": [], "presets": ["xx"]}, [("presets[0]", "not_allowed")]),
        ({"rules": [{"country": "XX", "windows": [DAYTIME]}]}, [("rules[0].country", "unknown_country")]),
        ({"rules": [{"windows": [DAYTIME]}, {"windows": [DAYTIME]}]}, [("rules[1]", "duplicate_rule")]),
        (
            {"rules": [{"windows": [DAYTIME | {"timeZone": "Mars/Olympus"}]}]},
            [("rules[0].windows[0].timeZone", "unknown_time_zone")],
        ),
        (
            {
                "rules": [{"country": "ES", "category": "marketing", "channel": "SMS", "windows": [DAYTIME]}],
                "presets": ["es-marketing"],
            },
            [("presets[0]", "duplicate_rule")],
        ),
    ],
)
async def test_what_is_wrong_with_rules_is_said(iris: Iris, body: object, problems: list[tuple[str, str]]) -> None:
    assert reasons(await iris.http.put("/v1/sending-rules", json=body), 422) == problems


async def test_presets_name_their_sources_and_their_date(iris: Iris) -> None:
    spoken = [
        (await iris.http.get("/v1/sending-rules/presets", headers={"Accept-Language": language})).json()["payload"]
        for language in ("es", "en")
    ]
    for spanish, english in zip(*(one["items"] for one in spoken), strict=True):
        assert spanish["description"] != english["description"]
        assert english["sources"]
        assert (english["read"], spanish["rules"]) == ("2026-11-30", english["rules"])


async def test_a_check_tells_when_a_message_would_go_and_by_which_clock(town: Town) -> None:
    admin, number = (await town.person()).http, mobile()
    free = await check(admin)
    assert (free["goes"], free["at"], free["rule"]) == ("now", "2026-12-05T22:00:00.000Z", None)
    await put(admin, presets=["es-marketing"], timeZone="America/Lima")
    held = await check(admin, destination=f"+{number}")
    # 21:00 in the Canary Islands is later than in Madrid, and opens later too.
    assert (held["goes"], held["at"], held["spreadSeconds"]) == ("later", "2026-12-07T09:00:00.000Z", 300)
    assert (held["country"], held["rule"]["country"], held["zone"]["guess"]) == ("ES", "ES", "number_shared")
    assert "2026-12-07T09:00:00.000Z" in held["description"]
    user = {"name": "Ana", "primaryKey": {"PhoneNumber": [number]}, "timeZone": "Europe/Madrid"}
    assert (await admin.post("/v1/users", json=user)).status_code == 201
    known = await check(admin, destination=number)
    assert (known["at"], known["zone"]["guess"]) == ("2026-12-07T08:00:00.000Z", "user")
    assert (await check(admin, category="authentication"))["goes"] == "now"
    post = await check(admin, channel="Email", destination="jose@dominio.com")
    assert (post["country"], post["zone"]["guess"], post["zone"]["zone"]) == (None, "tenant", "America/Lima")


async def test_a_check_names_a_destination_that_is_none(iris: Iris) -> None:
    body = {"destination": "7", "channel": "SMS"}
    assert reasons(await iris.http.post("/v1/sending-rules/check", json=body), 422) == [
        ("destination", "bad_phone_number")
    ]
