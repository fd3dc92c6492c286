"""Users through the API: create, read, change and search; a destination has one owner."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from domain.identifiers import new_id
from tests.api.support import ABSENT_ID, mobile, reasons
from tests.iris import Iris


def user_body(**changes: object) -> dict[str, Any]:
    return {
        "name": "José Peña",
        "metadata": {"customer": new_id()},
        "primaryKey": {"PhoneNumber": [mobile()]},
    } | changes


async def created(iris: Iris, **changes: object) -> dict[str, Any]:
    response = await iris.http.post("/v1/users", json=user_body(**changes))
    assert response.status_code == 201, response.text
    return response.json()["payload"]


async def found(iris: Iris, **parameters: str) -> list[str]:
    """The ids of the users in a list."""
    response = await iris.http.get("/v1/users", params=parameters)
    assert response.status_code == 200, response.text
    return [user["id"] for user in response.json()["payload"]["items"]]


async def test_a_user_that_is_created_is_read_as_it_was_answered(iris: Iris) -> None:
    number, address = mobile(), f"{new_id()}@dominio.com"
    keys = {"phonenumber": [f"+{number[:2]} {number[2:]}", number], "Email": [address]}
    user = await created(iris, primaryKey=keys, metadata={"vip": True}, timeZone="Europe/Madrid")
    assert user["primaryKey"] == {"PhoneNumber": [number], "Email": [address]}
    assert (user["name"], user["metadata"], user["timeZone"]) == ("José Peña", {"vip": True}, "Europe/Madrid")
    read = await iris.http.get(f"/v1/users/{user['id']}")
    assert read.json()["payload"] == user


async def test_a_message_to_its_destination_is_a_message_to_the_user(iris: Iris) -> None:
    user = await created(iris)
    [number] = user["primaryKey"]["PhoneNumber"]
    sent = await iris.send("sms", number, AutoCreateUser=False)
    assert [one["id"] for one in sent["users"]] == [user["id"]]


async def test_creating_repeated_with_its_key_is_one_user_and_with_another_body_is_refused(iris: Iris) -> None:
    key, body = {"Idempotency-Key": new_id()}, user_body()
    answers = [await iris.http.post("/v1/users", json=body, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = await iris.http.post("/v1/users", json=body | {"name": "Otra"}, headers=key)
    assert reasons(other, 422) == [("Idempotency-Key", "idempotency_key_reused")]


async def test_a_destination_of_somebody_else_is_refused_and_its_owner_named(iris: Iris) -> None:
    owner, other = await created(iris), await created(iris)
    [number] = owner["primaryKey"]["PhoneNumber"]
    for response in (
        await iris.http.post("/v1/users", json=user_body(primaryKey={"PhoneNumber": [number]})),
        await iris.http.post(f"/v1/users/{other['id']}/destinations", json={"kind": "PhoneNumber", "value": number}),
    ):
        assert [code for _, code in reasons(response, 409)] == ["destination_taken"]
        assert owner["id"] in response.json()["detail"]


async def test_of_many_that_take_one_destination_at_once_one_has_it(iris: Iris) -> None:
    body = user_body()
    answers = await asyncio.gather(*(iris.http.post("/v1/users", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]


async def test_destinations_are_added_and_removed_in_any_spelling_however_often(iris: Iris) -> None:
    user, address = await created(iris, primaryKey={}), f"a/{new_id()}@dominio.com"
    path = f"/v1/users/{user['id']}/destinations"
    for _ in range(2):
        added = await iris.http.post(path, json={"Kind": "email", "Value": address.replace("dominio", "DOMINIO")})
        assert added.status_code == 201, added.text
        assert added.json()["payload"]["primaryKey"] == {"Email": [address]}
    for _ in range(2):
        removed = await iris.http.delete(f"{path}/Email/{quote(address, safe='')}")
        assert removed.status_code == 200, removed.text
        assert removed.json()["payload"]["primaryKey"] == {}
    other = await created(iris, primaryKey={"Email": [address]})
    assert other["id"] != user["id"]


async def test_a_change_affects_only_the_named_fields(iris: Iris) -> None:
    user = await created(iris, metadata={"a": "b"})
    path = f"/v1/users/{user['id']}"
    renamed = await iris.http.patch(path, json={"NAME": "Ana"})
    assert renamed.json()["payload"] == user | {"name": "Ana"}
    described = await iris.http.patch(path, json={"metadata": {"$c": "d"}})
    assert described.json()["payload"] == user | {"name": "Ana", "metadata": {"$c": "d"}}
    cleared = await iris.http.patch(path, json={"metadata": None})
    assert cleared.json()["payload"] == user | {"name": "Ana", "metadata": None}
    for zone in ("America/Lima", None):
        moved = await iris.http.patch(path, json={"timeZone": zone})
        assert moved.json()["payload"] == cleared.json()["payload"] | {"timeZone": zone}
    assert (await iris.http.patch(path, json={})).json() == cleared.json()


async def test_a_user_is_found_by_each_of_its_words_its_destinations_and_its_metadata(iris: Iris) -> None:
    word, value = new_id(), new_id()
    number, address = mobile(), f"{new_id()}@dominio.com"
    keys = {"PhoneNumber": [number], "Email": [address]}
    user = await created(iris, name=f"Ángel {word}", primaryKey=keys, metadata={"key": value, "n": 7})
    await created(iris, name=f"Ángel {new_id()}", metadata={"key": value})
    for parameters in (
        {"name": f"ANGEL {word[:20]}"},
        {"name": word},
        {"destination": f"+{number}"},
        {"primaryKey.email": address},
        {"metadata.key": value, "metadata.n": "7"},
        {"name": "angel", "destination": address, "metadata.key": value},
    ):
        assert await found(iris, **parameters) == [user["id"]]
    for parameters in ({"destination": mobile()}, {"destination": "nobody"}, {"metadata.key": "7"}, {"name": "ngel"}):
        assert user["id"] not in await found(iris, **parameters)


async def test_a_found_user_is_found_by_its_new_name_and_metadata_once_they_are_changed(iris: Iris) -> None:
    old, new = new_id(), new_id()
    user = await created(iris, name=old, metadata={"key": old})
    await iris.http.patch(f"/v1/users/{user['id']}", json={"name": new, "metadata": {"key": new}})
    assert await found(iris, name=old) == await found(iris, **{"metadata.key": old}) == []
    assert await found(iris, name=new) == await found(iris, **{"metadata.key": new}) == [user["id"]]


async def test_pages_show_each_user_once_the_newest_first_whoever_is_created_meanwhile(iris: Iris) -> None:
    word = new_id()
    users = [await created(iris, name=f"{word} {number}") for number in range(5)]
    seen: list[str] = []
    parameters = {"name": word, "limit": "2"}
    while True:
        payload = (await iris.http.get("/v1/users", params=parameters)).json()["payload"]
        seen += [user["id"] for user in payload["items"]]
        await created(iris, name=word)
        if payload["nextCursor"] is None:
            break
        parameters["cursor"] = payload["nextCursor"]
    assert set(seen) == {user["id"] for user in users}
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [("name", "missing")]),
        ({"name": ""}, [("name", "empty")]),
        ({"name": "x" * 201}, [("name", "too_long")]),
        ({"name": "x", "timeZone": "Madrid"}, [("timeZone", "unknown_time_zone")]),
        ({"name": "x", "age": 7}, [("age", "unknown_field")]),
        ({"name": "x", "metadata": {str(one): one for one in range(101)}}, [("metadata", "too_many")]),
        ({"name": "x", "primaryKey": {"Fax": ["1"]}}, [("primaryKey.Fax", "not_allowed")]),
        (
            {"name": "x", "primaryKey": {"Email": ["a@dominio.com", "a"], "PhoneNumber": ["7"]}},
            [("primaryKey.Email[1]", "bad_email"), ("primaryKey.PhoneNumber[0]", "bad_phone_number")],
        ),
        ({"name": "x", "primaryKey": {"PageScopedId": ["1"] * 101}}, [("primaryKey", "too_many")]),
    ],
)
async def test_everything_that_is_wrong_is_named(iris: Iris, body: object, problems: list[tuple[str, str]]) -> None:
    assert reasons(await iris.http.post("/v1/users", json=body), 422) == problems


async def test_a_filter_that_can_be_none_is_refused(iris: Iris) -> None:
    for parameters, problem in (
        ({"name": " "}, ("name", "empty")),
        ({"primaryKey.Fax": "1"}, ("primaryKey.Fax", "not_allowed")),
        ({"primaryKey.Email": "1"}, ("primaryKey.Email", "bad_email")),
    ):
        assert reasons(await iris.http.get("/v1/users", params=parameters), 422) == [problem]


async def test_absent_and_foreign_users_are_not_found(iris: Iris, stranger: httpx2.AsyncClient) -> None:
    user = await created(iris)
    for http, user_id in ((stranger, user["id"]), (iris.http, ABSENT_ID)):
        path, destination = f"/v1/users/{user_id}", {"kind": "PhoneNumber", "value": mobile()}
        for response in (
            await http.get(path),
            await http.patch(path, json={"name": "Otra"}),
            await http.post(f"{path}/destinations", json=destination),
            await http.delete(f"{path}/destinations/PhoneNumber/{mobile()}"),
        ):
            assert reasons(response, 404) == [("id", "not_found")]
    assert await found(iris, name="Otra") == []
    [number] = user["primaryKey"]["PhoneNumber"]
    theirs = await stranger.post("/v1/users", json=user_body(primaryKey={"PhoneNumber": [number]}))
    assert theirs.status_code == 201
