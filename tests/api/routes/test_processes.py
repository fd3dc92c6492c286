"""Processes: conversations that interactions belong to."""

import asyncio

from pydantic import JsonValue

from tests.api.support import mobile
from tests.iris import Iris


async def test_the_process_of_an_answer_is_joined_by_naming_it(iris: Iris) -> None:
    number = mobile()
    first = await iris.send("sms", number)
    second = await iris.send("sms", number, processId=first["processId"], AutoCreateProcess=False)
    assert second["processId"] == second["processSummary"]["id"] == first["processId"]
    assert second["users"] == first["users"]


async def test_only_the_newest_interaction_of_a_process_is_its_last_entry(iris: Iris) -> None:
    number = mobile()
    sent = [await iris.send("sms", number)]
    for _ in range(2):
        sent.append(await iris.send("sms", number, processId=sent[0]["processId"]))
    assert all(interaction["isLastEntry"] for interaction in sent), "each was the newest when it was answered"
    for interaction in sent:
        await iris.until_status(interaction["id"], "COMPLETED")
    seen = [await iris.read(interaction["id"]) for interaction in sent]
    assert [interaction["isLastEntry"] for interaction in seen] == [False, False, True]
    assert {interaction["processSummary"]["lastDirection"] for interaction in seen} == {"out"}


async def test_of_many_that_join_at_once_one_is_the_last_entry(iris: Iris) -> None:
    number = mobile()
    first = await iris.send("sms", number)
    joined = await asyncio.gather(*(iris.send("sms", number, processId=first["processId"]) for _ in range(5)))
    seen = [await iris.read(interaction["id"]) for interaction in (first, *joined)]
    [last] = [interaction for interaction in seen if interaction["isLastEntry"]]
    created = [interaction["auditTrail"]["created"] for interaction in seen]
    assert last["auditTrail"]["created"] == max(created)


async def test_without_naming_a_process_each_interaction_begins_its_own(iris: Iris) -> None:
    number = mobile()
    first = await iris.send("sms", number)
    for process_id in (None, ""):
        another = await iris.send("sms", number, processId=process_id)
        assert another["processId"] != first["processId"]
        assert another["users"] == first["users"]


async def test_a_known_user_is_found_without_making_one(iris: Iris) -> None:
    number = mobile()
    first = await iris.send("sms", number)
    again = await iris.send("whatsapp", number, AutoCreateUser=False)
    assert again["users"] == first["users"]


async def test_a_new_user_owns_all_the_destinations_of_an_e_mail(iris: Iris) -> None:
    addresses: list[JsonValue] = [f"{mobile()}@example.com", f"{mobile()}@example.com"]
    admitted = await iris.send("email", "", Destinations=addresses)
    [user] = admitted["users"]
    assert user["primaryKey"] == {"Email": addresses}
    assert [(one["value"], one["userId"]) for one in admitted["destinations"]] == [(a, user["id"]) for a in addresses]


async def test_a_destination_without_an_owner_goes_with_the_first_user_and_is_not_added_to_the_profile(
    iris: Iris,
) -> None:
    known, unknown = (f"{mobile()}@example.com" for _ in range(2))
    first = await iris.send("email", known)
    both = await iris.send("email", "", Destinations=[unknown, known])
    assert both["users"] == first["users"]
    assert {one["userId"] for one in both["destinations"]} == {first["users"][0]["id"]}
    alone = await iris.post(iris.request("email", unknown, AutoCreateUser=False))
    assert alone.status_code == 422
