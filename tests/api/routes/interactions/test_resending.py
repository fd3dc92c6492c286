"""Resending creates a new interaction, linked with the first in both directions, and never by mistake."""

import asyncio
from typing import Any

import httpx2
import pytest

from domain.identifiers import new_id
from domain.submission import RESERVED_METADATA
from models.interaction import Interaction
from models.process import Process
from tests.api.support import ABSENT_ID, SILENT, mobile, reasons
from tests.iris import Iris

REFUSED = "34600000003"


async def resend(iris: Iris, interaction_id: str, key: str | None = None, **asked: object) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await iris.http.post(f"/v1/interactions/{interaction_id}/resend", json=asked, headers=headers)


async def completed(iris: Iris, **changes: object) -> dict[str, Any]:
    sent = await iris.send("sms", mobile(), **changes)
    return await iris.until_status(sent["id"], "COMPLETED")


async def test_it_is_sent_again_as_a_new_interaction_of_the_same_contents(iris: Iris) -> None:
    first = await completed(iris, metadata={"pedido": 7}, primaryKey={"pedido": "7"})
    response = await resend(iris, first["id"])
    assert response.status_code == 200, response.text
    again = await iris.until_status(response.json()["payload"]["id"], "COMPLETED")
    assert again["id"] != first["id"]
    same = {"payload", "destinations", "integration", "processId", "primaryKey", "users", "summary"}
    assert {name: again[name] for name in same} == {name: first[name] for name in same}
    assert again["metadata"] == {**first["metadata"], "resendOf": first["id"]}
    listed = await iris.http.get("/v1/interactions", params={"resendOf": first["id"]})
    assert [row["id"] for row in listed.json()["payload"]["items"]] == [again["id"]]
    assert len(await iris.taken_by_gateway(again["id"])) == 1


async def test_it_needs_no_body(iris: Iris) -> None:
    first = await completed(iris)
    path = f"/v1/interactions/{first['id']}/resend"
    for content in (b"", b" \n"):
        again = await iris.http.post(path, content=content)
        assert again.status_code == 200, again.text
        assert again.json()["payload"]["payload"] == first["payload"]
    document = (await iris.http.get("/openapi.json")).json()
    described = document["paths"]["/v1/interactions/{interaction_id}/resend"]["post"]["requestBody"]
    assert described["required"] is False
    assert reasons(await iris.http.post("/v1/interactions", content=b""), 400) == [("", "invalid_json")]


async def test_its_metadata_cannot_be_made_up(iris: Iris) -> None:
    first = await completed(iris)
    forged = await resend(iris, first["id"], metadata={"resendOf": ABSENT_ID})
    assert reasons(forged, 422) == [("metadata", "unknown_field")]


@pytest.mark.parametrize("name", sorted(RESERVED_METADATA))
async def test_a_send_gives_no_metadata_that_iris_gives(iris: Iris, name: str) -> None:
    forged = await iris.post(iris.request("sms", mobile(), metadata={"a": 1, name: ABSENT_ID}))
    assert reasons(forged, 422) == [(f"metadata.{name}", "reserved_name")]
    listed = await iris.http.get("/v1/interactions", params={"resendOf": ABSENT_ID})
    assert listed.json()["payload"]["items"] == []


async def test_no_other_call_takes_an_interactions_metadata(iris: Iris) -> None:
    schemas: dict[str, Any] = (await iris.http.get("/openapi.json")).json()["components"]["schemas"]
    takers = {
        name for name, schema in schemas.items() if {"metadata", "payLoad"} <= schema.get("properties", {}).keys()
    }
    assert takers == {"SendRequest"}


async def test_the_same_key_sends_it_again_once(iris: Iris) -> None:
    first = await completed(iris)
    key = new_id()
    answers = await asyncio.gather(*(resend(iris, first["id"], key) for _ in range(5)))
    [again] = {response.json()["payload"]["id"] for response in answers}
    await iris.until_status(again, "COMPLETED")
    assert (await resend(iris, first["id"], key)).json()["payload"]["id"] == again
    assert reasons(await resend(iris, first["id"], key, force=True), 422) == [
        ("Idempotency-Key", "idempotency_key_reused")
    ]
    assert len(await iris.taken_by_gateway(again)) == 1


async def test_it_goes_through_another_integration_where_that_is_asked(iris: Iris) -> None:
    sent = await iris.send("sms", REFUSED)
    await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR")
    whatsapp = iris.demo.integrations["whatsapp"]
    again = (await resend(iris, sent["id"], integrationId=whatsapp)).json()["payload"]
    assert again["integration"]["integrationId"] == whatsapp
    assert again["metadata"] == {"resendOf": sent["id"]}, "what an SMS costs is nothing to WhatsApp"


async def test_in_a_closed_process_it_begins_a_new_one(iris: Iris) -> None:
    first = await completed(iris)
    await Process.collection().update_one({"_id": first["processId"]}, {"$set": {"is_closed": True}})
    again = (await resend(iris, first["id"])).json()["payload"]
    assert again["status"] == "DISPATCH_PENDING"
    assert again["processId"] != first["processId"]


async def test_an_interaction_that_may_still_arrive_is_resent_only_by_force(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    assert reasons(await resend(iris, sent["id"]), 409) == [("id", "may_still_arrive")]
    assert (await resend(iris, sent["id"], force=True)).status_code == 200


async def test_an_inbound_interaction_is_not_resent(iris: Iris) -> None:
    first = await completed(iris)
    received = await received_after(first)
    assert reasons(await resend(iris, received), 409) == [("id", "not_outbound")]


async def received_after(first: dict[str, Any]) -> str:
    """Create an inbound interaction, as if an end user had answered; returns its id."""
    document = await Interaction.get(first["id"])
    assert document is not None
    answer = document.model_copy(update={"id": new_id(), "direction": "in", "status": "RECEIVED"})
    await answer.insert()
    return answer.id


async def test_an_erased_interaction_is_not_resent(iris: Iris) -> None:
    first = await completed(iris)
    await iris.ended(first["id"])
    await Interaction.collection().update_one({"_id": first["id"]}, {"$set": {"payload": {}}})
    assert reasons(await resend(iris, first["id"]), 409) == [("id", "no_content")]


async def test_absent_and_foreign_interactions_are_not_found(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    first = await completed(iris)
    for response in (
        await resend(iris, ABSENT_ID),
        await stranger.post(f"/v1/interactions/{first['id']}/resend", json={}),
    ):
        assert reasons(response, 404) == [("id", "not_found")]
    assert reasons(await resend(iris, first["id"], integrationId=ABSENT_ID), 404) == [
        ("integrationId", "integration_not_found")
    ]
    assert reasons(await resend(iris, first["id"], colour="red"), 422) == [("colour", "unknown_field")]
