"""Erasing users removes all personal data from MongoDB for good, and keeps the skeleton."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx2
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.clock import utc_now
from domain.events import ProviderEvent
from domain.identifiers import new_id, workflow_id
from domain.status import Milestone
from embedded.processes import until
from models.interaction import Interaction
from models.unmatched import UnmatchedEvent
from models.user import User
from tests.api.routes.test_managing_processes import answered, apply
from tests.api.routes.test_merging_users import merge, number_of
from tests.api.routes.test_users import created
from tests.api.support import ABSENT_ID, SILENT, mobile, reasons, verdicts
from tests.iris import Iris

THROTTLED = "34600000005"
"""Sandbox recipient whose messages are accepted at the third attempt."""


async def erase(iris: Iris, user_id: str) -> dict[str, Any]:
    """Erase a user and wait for the end of the erasure."""
    await answered(await iris.http.delete(f"/v1/users/{user_id}"))

    async def is_completed() -> bool:
        return (await answered(await iris.http.get(f"/v1/users/{user_id}/erasure")))["completed"] is not None

    await asyncio.wait_for(until(is_completed), 20)
    return await answered(await iris.http.get(f"/v1/users/{user_id}/erasure"))


async def traces(*texts: str) -> list[str]:
    """All documents in the database that contain one of the texts."""
    database = User.collection().database
    found: list[str] = []
    for name in await database.list_collection_names():
        async for document in database[name].find():
            found += [f"{name} {document['_id']}: {text}" for text in texts if text in repr(document)]
    return found


async def test_nothing_personal_is_left_and_the_skeleton_stays(iris: Iris) -> None:
    word, number = new_id(), mobile()
    user = await created(iris, name=word, metadata={"a": word}, primaryKey={"PhoneNumber": [number]})
    payload = {"Type": "simple-text", "Text": word}
    sent = await iris.send("sms", number, payLoad=payload, metadata={"a": word}, primaryKey={"b": word})
    await iris.until_status(sent["id"], "COMPLETED")
    before = await iris.read(sent["id"])
    received = await apply(iris, number)
    refused = await iris.post(iris.request("sms", number, payLoad=payload, AutoCreateProcess=False))
    assert await traces(number, word)
    assert (await erase(iris, user["id"]))["interactions"] == 3
    assert await traces(number, word) == []
    after = await iris.read(sent["id"])
    for name in ("id", "tenant", "integration", "processId", "direction", "status", "customStatus"):
        assert after[name] == before[name]
    for trail in ("history", "providerEvents"):
        skeleton = [[(one["date"], one["status"]) for one in seen["auditTrail"][trail]] for seen in (before, after)]
        assert skeleton[0] == skeleton[1] != []
    assert (after["payload"], after["metadata"], after["destinations"][0]["value"]) == ({}, {}, "")
    assert (await iris.read(received["id"]))["payload"] == {}
    assert (await iris.read(refused.json()["payload"]["id"]))["status"] == "VALIDATION_ERROR"
    process = await answered(await iris.http.get(f"/v1/processes/{sent['processId']}"))
    assert process["isClosed"] is True


async def test_an_erased_user_is_not_found_and_its_destination_is_anybodys(iris: Iris) -> None:
    user = await created(iris)
    for _ in range(2):
        await answered(await iris.http.delete(f"/v1/users/{user['id']}"))
    path = f"/v1/users/{user['id']}"
    for response in (await iris.http.get(path), await iris.http.patch(path, json={"name": "Ana"})):
        assert reasons(response, 404) == [("id", "user_erased")]
    again = await created(iris, primaryKey=user["primaryKey"])
    assert again["id"] != user["id"]
    other = await created(iris)
    assert reasons(await merge(iris, other["id"], user["id"]), 422) == [("from", "user_erased")]
    assert reasons(await merge(iris, user["id"], other["id"]), 404) == [("id", "user_erased")]


async def test_a_receipt_that_comes_later_is_written_without_anything_personal(iris: Iris) -> None:
    sent = await iris.send("sms", SILENT)
    await iris.until_status(sent["id"], "SENT")
    await erase(iris, sent["users"][0]["id"])
    await asyncio.wait_for(until(lambda: has_ended(iris, sent["id"])), 20)
    # The erased interaction has no number any more that the callback could use.
    await iris.receive(sent["id"], "delivered", to=[SILENT], detail=SILENT)
    seen = await iris.until_status(sent["id"], "COMPLETED", "delivered")
    assert SILENT not in str(seen)
    stored = await Interaction.get(sent["id"])
    assert stored is not None
    assert (SILENT in repr(stored), stored.due) == (False, None)


async def test_a_run_that_a_later_receipt_begins_awaits_no_more(iris: Iris) -> None:
    sent = await iris.send("whatsapp", SILENT)
    await iris.until_status(sent["id"], "SENT")
    await erase(iris, sent["users"][0]["id"])
    await asyncio.wait_for(until(lambda: has_ended(iris, sent["id"])), 20)
    # A delivered one would wait for a read receipt.
    await iris.receive(sent["id"], "delivered", to=[SILENT])
    await iris.until_status(sent["id"], "COMPLETED", "delivered")
    await asyncio.wait_for(until(lambda: has_ended(iris, sent["id"])), 20)


async def test_an_interaction_shared_with_another_user_keeps_its_contents(iris: Iris) -> None:
    goes, stays = [await created(iris, primaryKey={"Email": [f"{new_id()}@dominio.com"]}) for _ in range(2)]
    addresses = [user["primaryKey"]["Email"][0] for user in (goes, stays)]
    sent = await iris.send("email", addresses[0], Destinations=addresses)
    await iris.until(sent["id"], lambda seen: seen["status"] in {"SENT", "COMPLETED"})
    await erase(iris, goes["id"])
    seen = await iris.read(sent["id"])
    assert seen["payload"] == sent["payload"]
    assert sorted(one["value"] for one in seen["destinations"]) == ["", addresses[1]]
    assert await traces(addresses[0]) == []
    again = await answered(await iris.http.post(f"/v1/interactions/{sent['id']}/resend", json={"force": True}))
    assert [one["value"] for one in again["destinations"]] == [addresses[1]]


async def test_unsent_interactions_are_cancelled(iris: Iris) -> None:
    sent = await iris.send("sms", THROTTLED)
    await asyncio.wait_for(until(lambda: is_tried(iris, sent["id"])), 20)
    await answered(await iris.http.delete(f"/v1/users/{sent['users'][0]['id']}"))
    seen = await iris.until_status(sent["id"], "PROVIDER_SENDING_ERROR", "cancelled")
    with suppress(RPCError):  # the erasure deletes the history of a workflow that has ended
        await iris.ended(sent["id"])
    assert await iris.taken_by_gateway(sent["id"]) == []
    assert [entry["status"] for entry in seen["auditTrail"]["history"]].count("PROVIDER_SENDING_ERROR") == 1


async def test_the_histories_of_workflows_that_have_ended_are_deleted(iris: Iris) -> None:
    user = await created(iris)
    sent = [await iris.send("sms", number_of(user)) for _ in range(3)]
    received = await apply(iris, number_of(user))
    for one in sent:
        await iris.ended(one["id"])
    # A late receipt starts another run.
    await iris.receive(sent[0]["id"], "read")
    await asyncio.wait_for(until(lambda: has_runs(iris, sent[0]["id"], 2)), 20)
    await erase(iris, user["id"])
    for one in (*sent, received):
        await asyncio.wait_for(until(lambda one=one: has_runs(iris, one["id"], 0)), 20)


async def is_tried(iris: Iris, interaction_id: str) -> bool:
    return await verdicts(iris, interaction_id) != []


async def has_ended(iris: Iris, interaction_id: str) -> bool:
    runs = iris.temporal.list_workflows(f"WorkflowId = '{workflow_id(interaction_id)}'")
    return all([run.status is not WorkflowExecutionStatus.RUNNING async for run in runs])


async def has_runs(iris: Iris, interaction_id: str, number: int) -> bool:
    runs = iris.temporal.list_workflows(f"WorkflowId = '{workflow_id(interaction_id)}'")
    return len([run async for run in runs]) == number


async def test_unmatched_events_to_its_destination_are_deleted(iris: Iris) -> None:
    user = await created(iris)
    event = ProviderEvent(key=new_id(), provider_status="read", milestone=Milestone.READ, destination=number_of(user))
    await UnmatchedEvent(
        id=new_id(), tenant=iris.demo.tenant, integration_id=new_id(), reason="x", event=event, received_at=utc_now()
    ).insert_once()
    await erase(iris, user["id"])
    assert await traces(number_of(user)) == []


async def test_users_merged_into_it_are_erased_with_it(iris: Iris) -> None:
    user, other = await created(iris), await created(iris)
    sent = await iris.send("sms", number_of(other))
    await iris.until_status(sent["id"], "COMPLETED")
    await answered(await merge(iris, user["id"], other["id"]))
    assert reasons(await iris.http.delete(f"/v1/users/{other['id']}"), 409) == [("id", "user_merged")]
    await erase(iris, user["id"])
    assert await traces(number_of(user), number_of(other)) == []
    assert reasons(await iris.http.get(f"/v1/users/{other['id']}"), 404) == [("id", "user_erased")]


async def test_sends_at_that_moment_are_erased_or_somebody_elses(iris: Iris) -> None:
    user = await created(iris)
    body = iris.request("sms", number_of(user))
    *answers, _ = await asyncio.gather(
        *(iris.post(body) for _ in range(5)), iris.http.delete(f"/v1/users/{user['id']}")
    )
    await erase(iris, user["id"])
    for answer in answers:
        seen = await iris.read(answer.json()["payload"]["id"])
        [owner] = seen["users"]
        assert (seen["payload"] == {}) == (owner["id"] == user["id"])
        assert (seen["destinations"][0]["value"] == "") == (owner["id"] == user["id"])


async def test_an_unknown_user_is_not_erased(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    user = await created(iris)
    for http, user_id in ((stranger, user["id"]), (iris.http, ABSENT_ID)):
        assert reasons(await http.delete(f"/v1/users/{user_id}"), 404) == [("id", "not_found")]
        assert reasons(await http.get(f"/v1/users/{user_id}/erasure"), 404) == [("id", "not_found")]
    assert await answered(await iris.http.get(f"/v1/users/{user['id']}")) == user


async def test_the_opt_out_of_an_erased_user_stays_in_force_without_the_number(iris: Iris) -> None:
    word, number = new_id(), mobile()
    user = await created(iris, name=word, primaryKey={"PhoneNumber": [number]})
    body = {"destination": number, "category": "all", "state": "out", "text": word}
    consent = await answered(await iris.http.put("/v1/consents", json=body))
    await erase(iris, user["id"])
    assert await traces(number, word) == []
    left = await answered(await iris.http.get(f"/v1/consents/{consent['id']}"))
    assert (left["destination"], left["state"], left["at"]) == ("", "out", consent["at"])
    assert reasons(await iris.post(iris.request("sms", number)), 409) == [("Destinations[0]", "recipient_opted_out")]
