"""Merging two users moves all their data, also during concurrent changes."""

import asyncio
from typing import Any

import httpx2
import pytest

from activities.interfaces import UserTask
from activities.merging import MongoMerges
from domain.identifiers import new_id
from embedded.processes import until
from models.interaction import Interaction
from models.user import User
from tests.activities.factories import run
from tests.api.routes.test_managing_processes import answered, apply, timeline
from tests.api.routes.test_users import created, found
from tests.api.support import ABSENT_ID, mobile, reasons
from tests.iris import Iris


async def merge(iris: Iris, user_id: str, merged_id: str) -> httpx2.Response:
    return await iris.http.post(f"/v1/users/{user_id}/merge", json={"from": merged_id})


async def merged(iris: Iris, merged_id: str) -> None:
    """Wait for the end of a merge."""

    async def is_completed() -> bool:
        return (await answered(await iris.http.get(f"/v1/users/{merged_id}/merge")))["completed"] is not None

    await asyncio.wait_for(until(is_completed), 20)


def number_of(user: dict[str, Any]) -> str:
    return user["primaryKey"]["PhoneNumber"][0]


async def test_destinations_metadata_interactions_and_processes_are_the_other_users(iris: Iris) -> None:
    stays = await created(iris, metadata={"a": 1, "b": 1})
    goes = await created(iris, name="Otra", metadata={"b": 2, "c": 2}, timeZone="America/Lima")
    sent = await iris.send("sms", number_of(goes))
    received = await apply(iris, number_of(goes))
    user = await answered(await merge(iris, stays["id"], goes["id"]))
    assert user["primaryKey"] == {"PhoneNumber": [number_of(stays), number_of(goes)]}
    assert (user["name"], user["metadata"]) == (stays["name"], {"a": 1, "b": 1, "c": 2})
    assert user["timeZone"] == "America/Lima"
    await merged(iris, goes["id"])
    for interaction_id in (sent["id"], received["id"]):
        stored = await Interaction.get(interaction_id)
        assert stored is not None
        assert (stored.user_ids, stored.destinations[0].user_id) == ([stays["id"]], stays["id"])
        assert goes["id"] not in stored.model_dump_json()
    process = await answered(await iris.http.get(f"/v1/processes/{sent['processId']}"))
    assert process["userIds"] == [stays["id"]]
    assert (await apply(iris, number_of(goes)))["processId"] == sent["processId"]


async def test_the_merged_id_reads_as_the_other_user_and_is_neither_listed_nor_changed(iris: Iris) -> None:
    word = new_id()
    stays, goes = await created(iris, metadata=None), await created(iris, name=word)
    user = await answered(await merge(iris, stays["id"], goes["id"]))
    assert await answered(await iris.http.get(f"/v1/users/{goes['id']}")) == user
    assert await found(iris, name=word) == []
    changed = await iris.http.patch(f"/v1/users/{goes['id']}", json={"name": "Ana"})
    assert reasons(changed, 409) == [("id", "user_merged")]
    assert stays["id"] in changed.json()["detail"]


async def test_during_the_move_references_to_the_merged_user_show_the_other(iris: Iris) -> None:
    stays, goes = await created(iris), await created(iris)
    sent = await iris.send("sms", number_of(goes))
    await answered(await merge(iris, stays["id"], goes["id"]))
    await merged(iris, goes["id"])
    await Interaction.collection().update_one({"_id": sent["id"]}, {"$set": {"user_ids": [goes["id"]]}})
    assert [user["id"] for user in (await iris.read(sent["id"]))["users"]] == [stays["id"]]
    again = UserTask(
        tenant=iris.demo.tenant,
        user_id=goes["id"],
        into=stays["id"],
        erasure_grace_period=iris.settings.erasure_grace_period,
    )
    await run(MongoMerges().move, again)
    stored = await Interaction.get(sent["id"])
    assert stored is not None
    assert stored.user_ids == [stays["id"]]


async def test_repeating_changes_nothing_and_another_survivor_is_refused(iris: Iris) -> None:
    stays, goes, other = await created(iris), await created(iris), await created(iris)
    first, second = await asyncio.gather(*(merge(iris, stays["id"], goes["id"]) for _ in range(2)))
    assert await answered(first) == await answered(second)
    await merged(iris, goes["id"])
    assert (await merge(iris, stays["id"], goes["id"])).json() == first.json()
    assert reasons(await merge(iris, other["id"], goes["id"]), 409) == [("from", "user_merged")]


async def test_of_two_that_are_merged_into_each_other_at_once_one_is_left(iris: Iris) -> None:
    one, other = await created(iris), await created(iris)
    answers = await asyncio.gather(merge(iris, one["id"], other["id"]), merge(iris, other["id"], one["id"]))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    ids = [(await answered(await iris.http.get(f"/v1/users/{user['id']}")))["id"] for user in (one, other)]
    assert len(set(ids)) == 1


async def test_a_chain_of_merges_ends_at_the_last(iris: Iris) -> None:
    first, second, third = await created(iris), await created(iris), await created(iris)
    sent = await iris.send("sms", number_of(first))
    await answered(await merge(iris, second["id"], first["id"]))
    await answered(await merge(iris, third["id"], second["id"]))
    for user in (first, second):
        await merged(iris, user["id"])
        assert (await answered(await iris.http.get(f"/v1/users/{user['id']}")))["id"] == third["id"]
    stored = await Interaction.get(sent["id"])
    assert stored is not None
    assert stored.user_ids == [third["id"]]
    found_first = await User.get(first["id"])
    assert found_first is not None
    assert found_first.merge is not None
    assert found_first.merge.into == third["id"]


async def test_a_process_of_both_has_the_user_once(iris: Iris) -> None:
    stays, goes = await created(iris), await created(iris)
    body = {"integrationId": iris.demo.integrations["sms"], "userIds": [goes["id"], stays["id"]]}
    process = await answered(await iris.http.post("/v1/processes", json=body), 201)
    await answered(await merge(iris, stays["id"], goes["id"]))
    await merged(iris, goes["id"])
    assert (await answered(await iris.http.get(f"/v1/processes/{process['id']}")))["userIds"] == [stays["id"]]


async def test_sends_and_messages_at_that_moment_are_the_other_users_in_the_end(iris: Iris) -> None:
    stays, goes = await created(iris), await created(iris)
    body = iris.request("sms", number_of(goes), AutoCreateUser=False)
    sends = [iris.post(body) for _ in range(5)]
    *answers, merging = await asyncio.gather(*sends, merge(iris, stays["id"], goes["id"]))
    received = await apply(iris, number_of(goes))
    assert {answer.status_code for answer in answers} == {merging.status_code} == {200}
    await merged(iris, goes["id"])
    ids = [*(answer.json()["payload"]["id"] for answer in answers), received["id"]]
    stored = await Interaction.find({"_id": {"$in": ids}}).to_list()
    assert [one.user_ids for one in stored] == [[stays["id"]]] * 6
    for one in stored:
        said = await timeline(iris, one.process_id or "")
        assert one.id in {shown["id"] for shown in said["items"]}


@pytest.mark.parametrize("both", [True, False], ids=["nobody into somebody", "somebody into nobody"])
async def test_an_unknown_user_is_not_merged(iris: Iris, stranger: httpx2.AsyncClient, both: bool) -> None:
    user = await created(iris, primaryKey={"PhoneNumber": [mobile()]})
    if both:
        assert reasons(await merge(iris, user["id"], ABSENT_ID), 422) == [("from", "no_such_user")]
        assert reasons(await merge(iris, user["id"], user["id"]), 422) == [("from", "merged_with_itself")]
    else:
        assert reasons(await merge(iris, ABSENT_ID, user["id"]), 404) == [("id", "not_found")]
        theirs = await stranger.post(f"/v1/users/{ABSENT_ID}/merge", json={"from": user["id"]})
        assert reasons(theirs, 422) == [("from", "no_such_user")]
    assert await answered(await iris.http.get(f"/v1/users/{user['id']}")) == user
    assert reasons(await iris.http.get(f"/v1/users/{user['id']}/merge"), 404) == [("id", "not_found")]


async def test_the_opt_out_of_a_merged_users_destination_stays_in_force(iris: Iris) -> None:
    stays, goes = await created(iris), await created(iris)
    for number, state in ((number_of(goes), "out"), (number_of(stays), "in")):
        body = {
            "destination": number,
            "state": state,
            "category": "all",
            "integrationId": iris.demo.integrations["sms"],
        }
        assert (await iris.http.put("/v1/consents", json=body)).status_code == 200
    await answered(await merge(iris, stays["id"], goes["id"]))
    await merged(iris, goes["id"])
    refused = await iris.post(iris.request("sms", number_of(goes), dryRun=True))
    assert reasons(refused, 409) == [("Destinations[0]", "recipient_opted_out")]
    assert (await iris.post(iris.request("sms", number_of(stays), dryRun=True))).status_code == 200
