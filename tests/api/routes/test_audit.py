"""The audit log: its entries, its access control and its index."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from domain.access import Caller
from domain.clock import to_wire, utc_now
from domain.identifiers import new_id
from models.audit import AuditEntry, write_audit
from tests.api.support import reasons
from tests.iris import Iris


def caller(iris: Iris, account_id: str) -> Caller:
    return Caller(iris.demo.tenant, account_id, frozenset(), key_id=new_id())


async def listed(http: httpx2.AsyncClient, **query: str | int) -> dict[str, Any]:
    response = await http.get("/v1/audit-log", params=query)
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def test_it_says_who_changed_what_and_when(iris: Iris) -> None:
    who, user = caller(iris, new_id()), new_id()
    before = utc_now()
    await write_audit(who, "user.merged", user, ["name", "destinations"])
    [entry] = (await listed(iris.http, thingId=user))["items"]
    assert to_wire(before) <= entry.pop("date") <= to_wire(utc_now())
    assert len(entry.pop("id")) == 24
    assert entry == {
        "accountId": who.account_id,
        "keyId": who.key_id,
        "operation": "user.merged",
        "thing": "user",
        "thingId": user,
        "fields": ["destinations", "name"],
    }


async def test_it_is_filtered_by_thing_account_and_date_and_read_by_pages(iris: Iris) -> None:
    who, integration = caller(iris, new_id()), new_id()
    for _ in range(3):
        await write_audit(who, "integration.changed", integration)
    await write_audit(who, "process.closed", new_id())
    mine = {"accountId": who.account_id}
    first = await listed(iris.http, **mine, thing="integration", limit=2)
    rest = await listed(iris.http, **mine, thing="integration", limit=2, cursor=first["nextCursor"])
    assert (len(first["items"]), len(rest["items"]), rest["nextCursor"]) == (2, 1, None)
    entries = first["items"] + rest["items"]
    assert {entry["thingId"] for entry in entries} == {integration}
    places = [(entry["date"], entry["id"]) for entry in entries]
    assert places == sorted(places, reverse=True)
    newest = entries[0]["date"]
    assert [entry["date"] for entry in (await listed(iris.http, **mine, until=newest))["items"]] == [
        entry["date"] for entry in entries if entry["date"] < newest
    ]
    tomorrow = to_wire(utc_now() + timedelta(days=1))
    assert (await listed(iris.http, **mine, since=tomorrow))["items"] == []
    assert len((await listed(iris.http, **mine, since=entries[-1]["date"], until=tomorrow))["items"]) == 4


async def test_another_tenant_sees_none_of_it(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    user = new_id()
    await write_audit(caller(iris, new_id()), "user.changed", user)
    assert (await listed(stranger, thingId=user))["items"] == []


@pytest.mark.parametrize(
    ("instant", "code"),
    [("yesterday", "bad_date"), ("2026-01-01T00:00:00", "no_time_zone"), ("0001-01-01T00:00:00+14:00", "bad_date")],
)
async def test_an_instant_that_is_none_is_refused_by_name(iris: Iris, instant: str, code: str) -> None:
    assert reasons(await iris.http.get("/v1/audit-log", params={"since": instant}), 422) == [("since", code)]


@pytest.mark.parametrize("selection", [{}, {"thing": "user"}, {"thing_id": "a"}, {"account_id": "a"}])
async def test_every_filter_is_on_an_index_that_also_sorts(iris: Iris, selection: dict[str, str]) -> None:
    found = AuditEntry.collection().find({"tenant": iris.demo.tenant, **selection})
    plan = str((await found.sort([("created", -1), ("_id", -1)]).explain())["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "'SORT'" not in plan
