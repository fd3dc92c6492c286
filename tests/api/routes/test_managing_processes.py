"""Processes through the API: create, read with timeline, list, close and reopen."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from activities.inbound import MongoInbound
from domain.clock import to_wire, utc_now
from domain.destinations import DestinationKind
from domain.events import InboundMessage
from domain.identifiers import new_id
from domain.inbound import ReceivedMessage
from integrations.references import to_reference
from models.integration import Integration
from queries.consents import Consents
from tests.activities.factories import run
from tests.api.routes.test_users import created as created_user
from tests.api.support import ABSENT_ID, mobile, reasons
from tests.iris import Iris


async def created(iris: Iris, **changes: object) -> dict[str, Any]:
    response = await iris.http.post("/v1/processes", json=await process_body(iris, **changes))
    assert response.status_code == 201, response.text
    return response.json()["payload"]


async def process_body(iris: Iris, **changes: object) -> dict[str, Any]:
    body = {"integrationId": iris.demo.integrations["sms"], "metadata": {"campaign": "spring"}, **changes}
    return body if "userIds" in body else body | {"userIds": [(await created_user(iris))["id"]]}


async def answered(response: httpx2.Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    return response.json()["payload"]


async def listed(iris: Iris, **parameters: str) -> list[str]:
    payload = await answered(await iris.http.get("/v1/processes", params=parameters))
    return [process["id"] for process in payload["items"]]


async def timeline(iris: Iris, process_id: str, **parameters: str) -> dict[str, Any]:
    return await answered(await iris.http.get(f"/v1/processes/{process_id}/interactions", params=parameters))


async def apply(iris: Iris, number: str) -> dict[str, Any]:
    """Receive an SMS from an end user."""
    integration = await Integration.get(iris.demo.integrations["sms"])
    assert integration is not None
    payload = {"Type": "simple-text", "Text": "hola"}
    message = InboundMessage(
        provider_message_id=new_id(), sender=number, sender_kind=DestinationKind.PHONE_NUMBER, payload={**payload}
    )
    inbound = ReceivedMessage(
        interaction_id=new_id(),
        tenant=iris.demo.tenant,
        integration=to_reference(integration),
        message=message,
        received_at=utc_now(),
    )
    await run(MongoInbound(Consents()).receive, inbound)
    return await iris.read(inbound.interaction_id)


@pytest.fixture
async def reopening(iris: Iris) -> AsyncIterator[None]:
    """A tenant whose closed processes are reopened by inbound messages."""
    for choice in ("reopen", "replace"):
        changed = await iris.http.patch("/v1/tenant", json={"InboundToClosed": choice})
        assert (await answered(changed))["inboundToClosed"] == choice
        if choice == "reopen":
            yield


async def test_a_process_that_is_created_is_read_as_it_was_answered_and_takes_sends(iris: Iris) -> None:
    user = await created_user(iris)
    process = await created(iris, userIds=[user["id"]], primaryKey={"order": "4711"})
    assert (process["isClosed"], process["isDraft"], process["userIds"]) == (False, False, [user["id"]])
    assert await answered(await iris.http.get(f"/v1/processes/{process['id']}")) == process
    [number] = user["primaryKey"]["PhoneNumber"]
    sent = await iris.send("sms", number, processId=process["id"], AutoCreateProcess=False)
    assert sent["processSummary"]["primaryKey"] == {"order": "4711"}
    read = await answered(await iris.http.get(f"/v1/processes/{process['id']}"))
    assert (read["lastDirection"], read["lastInteractionId"]) == ("out", sent["id"])


async def test_creating_repeated_with_its_key_is_one_process(iris: Iris) -> None:
    body, key = await process_body(iris), {"Idempotency-Key": new_id()}
    answers = [await iris.http.post("/v1/processes", json=body, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    other = await iris.http.post("/v1/processes", json=body | {"isDraft": True}, headers=key)
    assert reasons(other, 422) == [("Idempotency-Key", "idempotency_key_reused")]


async def test_resources_that_a_process_names_must_be_the_tenants(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    ours = await created_user(iris)
    body = await process_body(iris, userIds=[ours["id"], ABSENT_ID])
    assert reasons(await iris.http.post("/v1/processes", json=body), 422) == [("userIds[1]", "no_such_user")]
    assert reasons(await stranger.post("/v1/processes", json=body), 404) == [("integrationId", "integration_not_found")]
    nobody = await iris.http.post("/v1/processes", json={**body, "userIds": list[str]()})
    assert reasons(nobody, 422) == [("userIds", "empty")]


async def test_the_timeline_shows_what_was_said_from_either_end_page_by_page(iris: Iris) -> None:
    number = mobile()
    first = await iris.send("sms", number)
    process_id = first["processId"]
    second = await apply(iris, number)
    third = await iris.send("sms", number, processId=process_id)
    said = [first["id"], second["id"], third["id"]]
    for order, expected in (("oldest", said), ("newest", said[::-1])):
        seen: list[dict[str, Any]] = []
        parameters = {"order": order, "limit": "2"}
        while "cursor" not in parameters or parameters["cursor"]:
            found = await timeline(iris, process_id, **parameters)
            seen += found["items"]
            parameters["cursor"] = found["nextCursor"]
        assert [one["id"] for one in seen] == expected
        assert [one["id"] for one in seen if one["isLastEntry"]] == [third["id"]]
        assert {user["id"] for one in seen for user in one["users"]} == {first["users"][0]["id"]}


async def test_processes_are_found_by_all_that_they_are(iris: Iris) -> None:
    before, user = to_wire(utc_now() - timedelta(milliseconds=1)), await created_user(iris)
    ours = {"userId": user["id"]}
    open_one, draft = [await created(iris, userIds=[user["id"]], isDraft=draft) for draft in (False, True)]
    closed = await created(iris, userIds=[user["id"]], integrationId=iris.demo.integrations["email"])
    await iris.http.post(f"/v1/processes/{closed['id']}/close")
    assert await listed(iris, **ours) == [closed["id"], draft["id"], open_one["id"]]
    assert await listed(iris, **ours, isClosed="true") == [closed["id"]]
    assert await listed(iris, **ours, isClosed="false", isDraft="false") == [open_one["id"]]
    assert await listed(iris, **ours, integrationId=iris.demo.integrations["sms"], isDraft="true") == [draft["id"]]
    assert await listed(iris, **ours, since=closed["created"]) == [closed["id"]]
    assert await listed(iris, **ours, until=before) == []


async def test_a_process_is_found_by_what_is_said_of_it_as_it_is_now(iris: Iris) -> None:
    order = new_id()
    process = await created(iris, metadata={"order": order}, primaryKey={"order": order, "line": 7})
    by_both = {"metadata.order": order, "primaryKey.order": order, "primaryKey.line": "7"}
    assert await listed(iris, **by_both) == [process["id"]]
    await answered(await iris.http.patch(f"/v1/processes/{process['id']}", json={"metadata": {"order": "other"}}))
    assert await listed(iris, **by_both) == []
    assert await listed(iris, **{"primaryKey.order": order, "metadata.order": "other"}) == [process["id"]]


async def test_an_inbox_shows_who_waits_for_an_answer_by_the_last_activity(iris: Iris) -> None:
    number = mobile()
    waiting, answered_one = await apply(iris, mobile()), await apply(iris, number)
    both = {one["processId"] for one in (waiting, answered_one)}
    recent = {"activeSince": waiting["auditTrail"]["created"], "limit": "200"}

    async def inbox(**parameters: str) -> list[str]:
        return [one for one in await listed(iris, **recent, **parameters) if one in both]

    newest_first = [answered_one["processId"], waiting["processId"]]
    assert await inbox(unanswered="true") == await inbox(lastDirection="in") == newest_first
    sent = await iris.send("sms", number, processId=answered_one["processId"])
    assert await inbox(order="activity") == newest_first
    assert await inbox(unanswered="true") == await inbox(lastDirection="in") == [waiting["processId"]]
    assert await inbox(unanswered="false") == await inbox(lastDirection="out") == [answered_one["processId"]]
    assert await inbox(activeUntil=sent["auditTrail"]["created"]) == [waiting["processId"]]
    await answered(await iris.http.post(f"/v1/processes/{waiting['processId']}/close"))
    assert await inbox(unanswered="true") == await inbox(unanswered="true", lastDirection="out") == []
    assert await inbox(lastDirection="in", isClosed="true") == [waiting["processId"]]


async def test_by_activity_a_list_is_read_page_by_page_without_processes_in_which_nothing_was_said(iris: Iris) -> None:
    user = await created_user(iris)
    number = user["primaryKey"]["PhoneNumber"][0]
    older, newer, silent = [(await created(iris, userIds=[user["id"]]))["id"] for _ in range(3)]
    for process in (newer, older):
        await iris.send("sms", number, processId=process)
    assert await listed(iris, userId=user["id"]) == [silent, newer, older]
    asked = {"userId": user["id"], "order": "activity", "limit": "1"}
    page = await answered(await iris.http.get("/v1/processes", params=asked))
    rest = await answered(await iris.http.get("/v1/processes", params=asked | {"cursor": page["nextCursor"]}))
    assert [one["id"] for one in page["items"] + rest["items"]] == [older, newer]
    assert rest["nextCursor"] is None


async def test_a_change_affects_only_the_named_fields(iris: Iris) -> None:
    process = await created(iris, isDraft=True, userIds=[])
    path = f"/v1/processes/{process['id']}"
    begun = await answered(await iris.http.patch(path, json={"isDraft": False}))
    assert begun == process | {"isDraft": False}
    changed = await answered(await iris.http.patch(path, json={"Metadata": {"a": 1}, "primaryKey": {"b": "c"}}))
    assert changed == begun | {"metadata": {"a": 1}, "primaryKey": {"b": "c"}}


async def test_a_closed_process_refuses_sends_until_it_is_open_again(iris: Iris) -> None:
    user = await created_user(iris)
    process = await created(iris, userIds=[user["id"]])
    path, [number] = f"/v1/processes/{process['id']}", user["primaryKey"]["PhoneNumber"]
    for _ in range(2):
        assert (await answered(await iris.http.post(f"{path}/close")))["isClosed"] is True
    refused = await iris.post(iris.request("sms", number, processId=process["id"]))
    assert reasons(refused, 409) == [("processId", "process_closed")]
    for _ in range(2):
        assert (await answered(await iris.http.post(f"{path}/reopen")))["isClosed"] is False
    assert (await iris.send("sms", number, processId=process["id"]))["processId"] == process["id"]


async def test_a_send_while_its_process_is_closed_is_in_it_or_refused(iris: Iris) -> None:
    user = await created_user(iris)
    process, [number] = await created(iris, userIds=[user["id"]]), user["primaryKey"]["PhoneNumber"]
    body = iris.request("sms", number, processId=process["id"])
    closing = iris.http.post(f"/v1/processes/{process['id']}/close")
    *sends, closed = await asyncio.gather(*(iris.post(body) for _ in range(6)), closing)
    assert closed.json()["payload"]["isClosed"] is True
    outcomes = {(send.status_code, send.json()["payload"]["status"]) for send in sends}
    assert outcomes <= {(200, "DISPATCH_PENDING"), (409, "VALIDATION_ERROR")}
    inside = [
        one["id"] for one in (await timeline(iris, process["id"]))["items"] if one["status"] != "VALIDATION_ERROR"
    ]
    assert set(inside) == {send.json()["payload"]["id"] for send in sends if send.status_code == 200}
    assert reasons(await iris.post(body), 409) == [("processId", "process_closed")]


async def test_a_message_whose_process_is_closed_opens_another(iris: Iris) -> None:
    number = mobile()
    first = await apply(iris, number)
    await iris.http.post(f"/v1/processes/{first['processId']}/close")
    second, third = await apply(iris, number), await apply(iris, number)
    assert first["processId"] != second["processId"] == third["processId"]


@pytest.mark.usefixtures("reopening")
async def test_or_opens_that_one_again_where_the_tenant_wants_it(iris: Iris) -> None:
    number = mobile()
    first = await apply(iris, number)
    await iris.http.post(f"/v1/processes/{first['processId']}/close")
    received = await asyncio.gather(*(apply(iris, number) for _ in range(4)))
    assert {one["processId"] for one in received} == {first["processId"]}
    assert received[0]["processSummary"]["isClosed"] is False


async def test_a_message_does_not_join_a_draft(iris: Iris) -> None:
    user = await created_user(iris)
    draft, [number] = await created(iris, userIds=[user["id"]], isDraft=True), user["primaryKey"]["PhoneNumber"]
    assert (await apply(iris, number))["processId"] != draft["id"]
    await iris.http.patch(f"/v1/processes/{draft['id']}", json={"isDraft": False})
    begun = await created(iris, userIds=[user["id"]])
    assert (await apply(iris, number))["processId"] == begun["id"]


async def test_the_tenants_choice_is_one_of_two(iris: Iris) -> None:
    assert (await answered(await iris.http.get("/v1/tenant")))["name"] == iris.demo.tenant
    refused = await iris.http.patch("/v1/tenant", json={"inboundToClosed": "ignore"})
    assert reasons(refused, 422) == [("inboundToClosed", "not_allowed")]


async def test_absent_and_foreign_processes_are_not_found(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    process = await created(iris)
    for http, process_id in ((stranger, process["id"]), (iris.http, ABSENT_ID)):
        path = f"/v1/processes/{process_id}"
        for response in (
            await http.get(path),
            await http.get(f"{path}/interactions"),
            await http.patch(path, json={"metadata": {"a": "b"}}),
            await http.post(f"{path}/close"),
            await http.post(f"{path}/reopen"),
        ):
            assert reasons(response, 404) == [("id", "not_found")]
    assert (await answered(await stranger.get("/v1/processes", params={"userId": process["userIds"][0]})))[
        "items"
    ] == []
