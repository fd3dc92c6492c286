"""Unknown paths and methods, and internal faults."""

import pytest

from embedded.demo import EMAIL
from tests.api.support import ABSENT_ID, mobile, reasons, refusal, sent_silently, signature, spoilt_interaction
from tests.iris import PASSWORD, Iris


@pytest.mark.parametrize(
    "path",
    [
        *("/v1", "/v1/", "/v2/interactions", "/v1/interactions/a/b", "/webhooks/sandbox", "/☃"),
        *("/v1//interactions", "/V1/Nothing"),
    ],
)
async def test_an_unknown_route_is_not_found_in_the_envelope(iris: Iris, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert reasons(await iris.http.request(method, path), 404) == [("", "not_found")]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/interactions", {"GET", "HEAD", "POST"}),
        ("DELETE", f"/v1/interactions/{ABSENT_ID}", {"GET", "HEAD"}),
        ("GET", f"/conversation/interaction/{ABSENT_ID}", {"POST"}),
        ("GET", "/user/login", {"POST"}),
        ("BREW", "/v1/interactions", {"GET", "HEAD", "POST"}),
        ("PUT", f"/v1/users/{ABSENT_ID}", {"DELETE", "GET", "HEAD", "PATCH"}),
        ("PATCH", f"/v1/integrations/{ABSENT_ID}/webhook", {"DELETE", "GET", "HEAD", "PUT"}),
        ("DELETE", "/health/live", {"GET", "HEAD"}),
        ("POST", "/", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_says_which_are_allowed(iris: Iris, method: str, path: str, allowed: set[str]) -> None:
    response = await iris.http.request(method, path)
    assert reasons(response, 405) == [("", "method_not_allowed")]
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed


def spellings(path: str) -> list[str]:
    return [path.upper(), path.title(), f"{path}/", f"{path.upper()}/"]


async def test_a_path_is_read_in_any_letter_case_with_ids_in_upper_case_and_with_a_slash_behind_it(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    integration = iris.demo.integrations["sms"]
    webhook = {"Url": "https://crm.example.com/iris", "Subscriptions": ["*"]}
    for method, path, body in (
        ("POST", f"/conversation/interaction/{sent['id']}", None),
        ("GET", f"/v1/interactions/{sent['id']}", None),
        ("GET", f"/v1/integrations/{integration}", None),
        ("POST", f"/configuration/integration/{integration}/webhook", webhook),
        ("POST", "/user/login", {"Tenant": iris.demo.tenant, "Email": EMAIL, "Password": PASSWORD}),
        ("GET", "/health/live", None),
        ("GET", "/docs", None),
    ):
        for spelt in spellings(path):
            response = await iris.http.request(method, spelt, json=body)
            assert response.status_code == 200, (method, spelt, response.text)
    await iris.http.delete(f"/v1/integrations/{integration}/webhook")


async def test_an_id_is_read_in_any_letter_case_wherever_a_caller_writes_it(iris: Iris) -> None:
    integration = iris.demo.integrations["sms"].upper()
    first = await iris.send("sms", mobile(), integrationId=integration)
    again = await iris.send("sms", first["destinations"][0]["value"], processId=first["processId"].upper())
    assert again["processId"] == first["processId"]
    query = {"integrationId": integration, "processId": first["processId"].upper()}
    listed = (await iris.http.get("/v1/interactions", params=query)).json()["payload"]["items"]
    assert {one["id"] for one in listed} == {first["id"], again["id"]}


async def test_the_rest_of_a_path_keeps_its_letter_case(iris: Iris) -> None:
    made = await iris.http.post("/v1/users", json={"name": "Ana", "primaryKey": {"Email": ["Ana@dominio.com"]}})
    user = made.json()["payload"]["id"]
    left = await iris.http.delete(f"/V1/USERS/{user.upper()}/Destinations/email/Ana@dominio.com/")
    assert left.json()["payload"]["primaryKey"] == {}


async def test_a_webhook_is_taken_at_its_address_in_another_spelling(iris: Iris) -> None:
    sent = await sent_silently(iris)
    body = sent.callback("delivered").body()
    path = f"/webhooks/Sandbox/{sent.integration_id.upper()}/"
    response = await iris.http.post(path, content=body, headers=signature(body))
    assert response.status_code == 200
    await iris.until_status(sent.id, "COMPLETED", "delivered")


async def test_head_is_answered_as_get_is_without_the_body(iris: Iris) -> None:
    sent = await iris.send("sms", mobile())
    for path in ("/v1/users", f"/v1/interactions/{sent['id']}", "/health/live", "/openapi.json", "/docs"):
        head, got = await iris.http.head(path), await iris.http.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers["X-Content-Type-Options"] == "nosniff"
    missing = await iris.http.head(f"/v1/interactions/{ABSENT_ID}")
    assert (missing.status_code, missing.content) == (404, b"")
    assert (await iris.http.head("/user/login")).status_code == 405


async def test_head_of_an_endless_stream_ends(iris: Iris) -> None:
    response = await iris.http.head("/v1/events", timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")


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


async def test_an_internal_fault_is_answered_in_the_envelope_without_internals(iris: Iris) -> None:
    async with spoilt_interaction(iris) as interaction_id:
        response = await iris.http.get(f"/v1/interactions/{interaction_id}")
        english = await iris.http.get(f"/v1/interactions/{interaction_id}", headers={"Accept-Language": "en"})
    body = refusal(response, 500)
    assert body["title"] == "Error interno"
    assert body["payload"] is None
    assert [(item["field"], item["code"]) for item in body["error"]] == [("", "internal")]
    assert not any(word in response.text for word in ("SPOILT", "Traceback", "pydantic", "/"))
    assert refusal(english, 500)["title"] == "Internal error"
