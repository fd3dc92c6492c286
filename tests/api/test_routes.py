"""Paths and methods that are none, and what happens when we are at fault."""

import pytest

from models.interaction import Interaction
from tests.api.support import ABSENT_ID, mobile, reasons, refusal
from tests.iris import Iris


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1", "/v2/interactions", "/v1/interactions/a/b", "/webhooks/sandbox", "/☃"),
        *("/v1/interactions/", f"/v1/interactions/{ABSENT_ID}/", "/user/login/", "/health/live/"),
    ],
)
async def test_an_unknown_route_is_not_found_in_the_envelope(iris: Iris, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert reasons(await iris.http.request(method, path), 404) == [("", "not_found")]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/interactions", {"GET", "POST"}),
        ("DELETE", f"/v1/interactions/{ABSENT_ID}", {"GET"}),
        ("GET", f"/conversation/interaction/{ABSENT_ID}", {"POST"}),
        ("GET", "/user/login", {"POST"}),
        ("BREW", "/v1/interactions", {"GET", "POST"}),
        ("PUT", f"/v1/users/{ABSENT_ID}", {"DELETE", "GET", "PATCH"}),
        ("PATCH", f"/v1/integrations/{ABSENT_ID}/webhook", {"DELETE", "GET", "PUT"}),
        ("DELETE", "/health/live", {"GET"}),
    ],
)
async def test_a_wrong_method_says_which_are_allowed(iris: Iris, method: str, path: str, allowed: set[str]) -> None:
    response = await iris.http.request(method, path)
    assert reasons(response, 405) == [("", "method_not_allowed")]
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize(
    "identifier", [ABSENT_ID, "nope", "$ne", "%00", "%ff", "%ed%a0%80", "☃", "x" * 2_000, '{"$gt":""}', "%0d%0aX: y"]
)
async def test_an_id_that_is_none_is_not_found(iris: Iris, identifier: str) -> None:
    for response in (
        await iris.http.get(f"/v1/interactions/{identifier}"),
        await iris.http.post(f"/conversation/interaction/{identifier}"),
    ):
        assert reasons(response, 404) == [("id", "not_found")]
        assert response.json()["payload"] is None


async def test_our_own_fault_is_an_answer_in_the_envelope_that_tells_nothing_of_our_inside(iris: Iris) -> None:
    admitted = await iris.send("sms", mobile())
    await iris.until_status(admitted["id"], "COMPLETED")
    await iris.ended(admitted["id"])
    spoilt = {"$set": {"status": "SPOILT-BY-A-TEST"}}
    await Interaction.collection().update_one({"_id": admitted["id"]}, spoilt)
    response = await iris.http.get(f"/v1/interactions/{admitted['id']}")
    body = refusal(response, 500)
    assert body["title"] == "Error interno"
    assert body["payload"] is None
    assert [(item["field"], item["code"]) for item in body["error"]] == [("", "internal")]
    assert not any(word in response.text for word in ("SPOILT", "Traceback", "pydantic", "/"))
    english = await iris.http.get(f"/v1/interactions/{admitted['id']}", headers={"Accept-Language": "en"})
    assert refusal(english, 500)["title"] == "Internal error"
