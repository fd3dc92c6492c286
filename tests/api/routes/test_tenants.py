"""Resources of another tenant are not found."""

import httpx2

from embedded.demo import Demo
from tests.api.support import mobile, reasons, refusal
from tests.iris import Iris


async def test_another_tenants_interaction_does_not_exist(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    admitted = await iris.send("sms", mobile())
    for response in (
        await stranger.get(f"/v1/interactions/{admitted['id']}"),
        await stranger.post(f"/conversation/interaction/{admitted['id']}"),
    ):
        assert reasons(response, 404) == [("id", "not_found")]
        assert response.json()["payload"] is None


async def test_another_tenants_integration_does_not_exist(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    response = await stranger.post("/v1/interactions", json=iris.request("sms", mobile()))
    assert reasons(response, 404) == [("integrationId", "integration_not_found")]


async def test_another_tenants_process_does_not_exist(
    iris: Iris, other_tenant: Demo, stranger: httpx2.AsyncClient
) -> None:
    ours = await iris.send("sms", mobile())
    theirs = iris.request("sms", mobile(), processId=ours["processId"], integrationId=other_tenant.integrations["sms"])
    response = await stranger.post("/v1/interactions", json=theirs)
    assert reasons(response, 404) == [("processId", "process_not_found")]
    stored = refusal(response, 404)["payload"]
    assert (stored["tenant"], stored["processSummary"], stored["users"]) == ("other", None, [])
    assert (await iris.read(ours["id"]))["isLastEntry"]


async def test_another_tenants_user_is_another_user(
    iris: Iris, other_tenant: Demo, stranger: httpx2.AsyncClient
) -> None:
    number = mobile()
    ours = await iris.send("sms", number)
    their_request = iris.request("sms", number, integrationId=other_tenant.integrations["sms"])
    unknown = await stranger.post("/v1/interactions", json=their_request | {"AutoCreateUser": False})
    assert reasons(unknown, 422) == [("Destinations[0]", "user_not_found")]
    theirs = (await stranger.post("/v1/interactions", json=their_request)).json()["payload"]
    assert theirs["tenant"] == "other"
    assert theirs["users"][0]["id"] != ours["users"][0]["id"]
    assert theirs["destinations"][0]["value"] == number


async def test_tenants_that_have_the_same_address_log_in_to_their_own(iris: Iris, other_tenant: Demo) -> None:
    ours = await iris.send("sms", mobile())
    login = {
        "Email": "demo@iris.example.com",
        "Password": "correct horse battery staple",
        "tenant": other_tenant.tenant,
    }
    bearer = (await iris.http.post("/user/login", json=login)).json()["payload"]
    response = await iris.http.get(f"/v1/interactions/{ours['id']}", headers={"Authorization": f"Bearer {bearer}"})
    assert reasons(response, 404) == [("id", "not_found")]
