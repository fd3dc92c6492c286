"""Query parameters: each route accepts the described ones and refuses others; a day is accepted as a date."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from tests.api.support import mobile, reasons
from tests.iris import Iris

OF_OTHERS = "/webhooks/{provider}/{integration_id}"
"""The path whose query providers may extend."""


async def routes(iris: Iris) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """The method, a path and the query parameters of every route of the description."""
    document = (await iris.http.get("/openapi.json")).json()
    return [
        (
            method.upper(),
            re.sub(r"{\w+}", "0" * 24, path),
            [one for one in operation.get("parameters", []) if one["in"] == "query"],
        )
        for path, item in document["paths"].items()
        if path != OF_OTHERS
        for method, operation in item.items()
    ]


async def test_every_route_refuses_an_unknown_query_parameter_and_names_it_and_what_is_known(iris: Iris) -> None:
    described = await routes(iris)
    assert len(described) > 60
    answers = await asyncio.gather(
        *(iris.http.request(method, path, params={"staus": "SENT"}) for method, path, _ in described)
    )
    for (_, _, parameters), response in zip(described, answers, strict=True):
        assert reasons(response, 422) == [("staus", "unknown_field")]
        message = response.json()["error"][0]["message"]
        assert all(one["name"] in message for one in parameters)


async def test_every_route_takes_the_parameters_of_its_description(iris: Iris) -> None:
    for method, path, parameters in await routes(iris):
        if method == "GET" and "event-stream" not in path and path != "/v1/events":
            query = {re.sub(r"{\w+}", "a", one["name"]): "a" for one in parameters}
            response = await iris.http.request(method, path, params=query)
            assert "unknown_field" not in response.text, path


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status[$ne]=SENT", [("status[$ne]", "unknown_field")]),
        ("status=SENT&STATUS=SENT", [("STATUS", "unknown_field")]),
        ("a=1&b=2&a=3", [("a", "unknown_field"), ("b", "unknown_field"), ("a", "unknown_field")]),
        ("=1", [("", "unknown_field")]),
        ("limit=1&limit=2", [("limit", "duplicate_field")]),
        ("channel=SMS&channel=Email", [("channel", "duplicate_field")]),
    ],
)
async def test_no_parameter_is_ignored(iris: Iris, query: str, expected: list[tuple[str, str]]) -> None:
    assert reasons(await iris.http.get(f"/v1/interactions?{query}"), 422) == expected


async def test_a_list_may_be_given_several_times_and_names_with_a_point_are_of_their_kind(iris: Iris) -> None:
    assert (await iris.http.get("/v1/interactions?status=SENT&status=COMPLETED")).status_code == 200
    assert (await iris.http.get("/v1/users?metadata.customer=1&primaryKey.Email=a@dominio.com")).status_code == 200
    assert reasons(await iris.http.get("/v1/users?metadata.=1"), 422) == [("metadata.", "unknown_field")]


async def test_a_webhook_may_have_any_query(iris: Iris) -> None:
    response = await iris.http.get(f"/webhooks/sandbox/{iris.demo.integrations['sms']}?hub.mode=subscribe&x=1")
    assert response.status_code == 403


async def listed(iris: Iris, **query: str) -> httpx2.Response:
    return await iris.http.get("/v1/interactions", params=query)


async def test_a_day_is_its_beginning_in_utc(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    today = datetime.now(UTC).date().isoformat()
    after = await listed(iris, since=today, destination=sent["destinations"][0]["value"])
    assert [one["id"] for one in after.json()["payload"]["items"]] == [sent["id"]]
    before = await listed(iris, until=today, destination=sent["destinations"][0]["value"])
    assert before.json()["payload"]["items"] == []
    for wrong in ("2026-11-31", "2026-13-01", "30-11-2026", "2026-1-1", "tomorrow", "2026-11-30T10:00:00"):
        assert [field for field, _ in reasons(await listed(iris, since=wrong), 422)] == ["since"]


async def test_a_day_is_taken_in_a_body_too(iris: Iris) -> None:
    response = await iris.http.post("/v1/api-keys", json={"name": "until", "expires": "2999-12-31"})
    assert response.status_code == 201, response.text
    assert response.json()["payload"]["expires"] == "2999-12-31T00:00:00.000Z"
