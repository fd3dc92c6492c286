"""Lists of interactions through the API."""

from typing import Any

import httpx2
import pytest

from api.http.parameters import MAX_NAMED_VALUES
from domain.identifiers import new_id
from domain.search_keys import MAX_NAMES
from tests.api.support import mobile, reasons
from tests.iris import Iris

CONTENTS = {"payload", "auditTrail", "users"}


async def listed(iris: Iris, **filters: str | list[str]) -> list[dict[str, Any]]:
    """All interactions of a list, over all pages."""
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        response = await iris.http.get("/v1/interactions", params={**filters, "limit": 2, "cursor": cursor})
        assert response.status_code == 200, response.text
        payload = response.json()["payload"]
        items += payload["items"]
        cursor = payload["nextCursor"]
    return items


async def test_a_row_is_the_interaction_without_its_contents(iris: Iris) -> None:
    sent = await iris.send("whatsapp", mobile(), metadata={"pedido": 7}, primaryKey={"pedido": "7"})
    seen = await iris.until_status(sent["id"], "COMPLETED")
    [row] = await listed(iris, processId=sent["processId"])
    assert not CONTENTS & row.keys()
    assert row.pop("userIds") == [user["id"] for user in seen["users"]]
    assert (row.pop("created"), row.pop("updated")) == (seen["auditTrail"]["created"], seen["auditTrail"]["updated"])
    assert row.items() <= seen.items()


async def test_each_filter_finds_what_was_sent(iris: Iris) -> None:
    number, code = mobile(), f"Código{new_id()}"
    sent = await iris.send("rcs", number, payLoad={"Type": "text-message-rcs", "Text": f"Sus {code} de acceso"})
    seen = await iris.until_status(sent["id"], "COMPLETED", "delivered")
    by_user = {"userId": seen["users"][0]["id"]}
    for filters in (
        by_user,
        {"destination": f"+{number[:2]} {number[2:]}"},
        {"processId": seen["processId"]},
        {"text": code.upper()},
        by_user | {"status": ["SENT", "COMPLETED"], "customStatus": "delivered"},
        by_user | {"channel": "RCS", "provider": "sandbox"},
        by_user | {"integrationId": seen["integration"]["integrationId"]},
        by_user | {"since": seen["auditTrail"]["created"], "direction": "out"},
    ):
        assert [row["id"] for row in await listed(iris, **filters)] == [sent["id"]], filters
    for filters in (
        {"direction": "in"},
        {"status": "SENT"},
        {"channel": "SMS"},
        {"until": seen["auditTrail"]["created"]},
    ):
        assert await listed(iris, **by_user, **filters) == [], filters


async def test_an_interaction_is_found_by_what_its_sender_said_of_it(iris: Iris) -> None:
    order = new_id()
    said = {"metadata": {"order": order, "urgent": True}, "primaryKey": {"order": f"{order}-7", "line": 7}}
    sent, other = await iris.send("sms", mobile(), **said), await iris.send("sms", mobile(), metadata={"order": order})
    for filters, found in (
        ({"metadata.order": order}, [other, sent]),
        ({"metadata.order": order, "metadata.urgent": "true"}, [sent]),
        ({"primaryKey.order": f"{order}-7", "primaryKey.line": "7"}, [sent]),
        ({"metadata.order": order, "primaryKey.line": "7"}, [sent]),
        ({"metadata.order": order, "status": "VALIDATION_ERROR"}, []),
        ({"metadata.order": f"{order}-7"}, []),
        ({"primaryKey.order": order}, []),
    ):
        assert [row["id"] for row in await listed(iris, **filters)] == [one["id"] for one in found], filters


async def test_of_very_many_names_the_first_are_found_and_a_list_is_filtered_by_a_few(iris: Iris) -> None:
    mark = new_id()
    sent = await iris.send("sms", mobile(), metadata={f"{mark}{number}": "x" for number in range(MAX_NAMES + 1)})
    assert [row["id"] for row in await listed(iris, **{f"metadata.{mark}{MAX_NAMES - 1}": "x"})] == [sent["id"]]
    assert await listed(iris, **{f"metadata.{mark}{MAX_NAMES}": "x"}) == []
    too_many = {f"primaryKey.{number}": "x" for number in range(MAX_NAMED_VALUES + 1)}
    for path in ("/v1/interactions", "/v1/processes", "/v1/users"):
        assert reasons(await iris.http.get(path, params=too_many), 422) == [("primaryKey", "too_many")]


async def test_the_newest_come_first_page_after_page(iris: Iris) -> None:
    first = await iris.send("sms", mobile())
    later = [await iris.send("sms", mobile(), processId=first["processId"]) for _ in range(4)]
    sent = [one["id"] for one in (first, *later)]
    assert [row["id"] for row in await listed(iris, processId=first["processId"])] == sent[::-1]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("status", "DONE", "not_allowed"),
        ("channel", "Pigeon", "not_allowed"),
        ("direction", "up", "not_allowed"),
        ("since", "yesterday", "bad_date"),
        ("destination", "nobody", "bad_destination"),
        ("text", "de la", "no_words"),
        ("text", "x" * 201, "too_long"),
        ("cursor", "nonsense", "bad_cursor"),
        ("limit", "0", "too_small"),
    ],
)
async def test_a_filter_that_is_none_is_refused_by_name(iris: Iris, name: str, value: str, code: str) -> None:
    response = await iris.http.get("/v1/interactions", params={name: value})
    assert [(field.partition("[")[0], kind) for field, kind in reasons(response, 422)] == [(name, code)]


async def test_another_tenants_interactions_are_not_listed(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    sent = await iris.send("sms", mobile())
    for filters in ({}, {"processId": sent["processId"]}, {"destination": sent["destinations"][0]["value"]}):
        response = await stranger.get("/v1/interactions", params=filters)
        assert sent["id"] not in response.text
