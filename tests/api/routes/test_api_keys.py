"""API keys: shown once, limited, rotated, expired and revoked."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from api.app import create_app
from api.limits.request_rate import RequestRates
from domain.access import Operation, Role
from domain.clock import to_wire, utc_now
from domain.errors import TooManyRequestsError
from domain.identifiers import new_id
from embedded.gateway.server import running
from models.access import ApiKey
from models.audit import AuditEntry
from security.credential_encryption import API_KEY_PREFIX
from tests.api.account_factories import Person, Town
from tests.api.support import ABSENT_ID, reasons
from tests.iris import Iris, open_database

LIMITED = [Operation.ACCESS_READ, Operation.ACCESS_WRITE]


async def rotated(by: Person, key_id: str, grace: int = 0) -> dict[str, Any]:
    response = await by.http.post(f"/v1/api-keys/{key_id}/rotate", params={"grace": grace})
    assert response.status_code == 200, response.text
    return response.json()["payload"]


async def changed(by: Person, key_id: str, **body: object) -> httpx2.Response:
    return await by.http.patch(f"/v1/api-keys/{key_id}", json=body)


async def until_used(by: Person, key_id: str) -> str:
    """Wait until the last use of a key is recorded, and return it."""
    async with asyncio.timeout(60):
        while True:
            payload = (await by.http.get(f"/v1/api-keys/{key_id}")).json()["payload"]
            if payload["lastUsed"]:
                return payload["lastUsed"]
            await asyncio.sleep(0.02)


async def test_a_key_is_shown_once_and_never_again(town: Town) -> None:
    admin = await town.person()
    made = await admin.made("/v1/api-keys", name="CRM", scopes=["users:read"])
    secret = made.pop("key")
    assert secret.startswith(API_KEY_PREFIX)
    assert made == {
        "id": made["id"],
        "accountId": admin.account.id,
        "name": "CRM",
        "scopes": ["users:read"],
        "expires": None,
        "created": made["created"],
        "lastUsed": None,
        "revoked": None,
    }
    read = await admin.http.get(f"/v1/api-keys/{made['id']}")
    assert read.json()["payload"] == made
    elsewhere = [
        read,
        await admin.http.get("/v1/api-keys"),
        await changed(admin, made["id"], name="other"),
        await admin.http.get("/v1/audit-log"),
        await admin.http.delete(f"/v1/api-keys/{made['id']}"),
    ]
    stored = await ApiKey.find_one({"_id": made["id"]})
    assert stored is not None
    for text in (*(answer.text for answer in elsewhere), stored.model_dump_json()):
        assert secret not in text
    for answer in elsewhere:
        assert stored.key_hash not in answer.text


async def test_a_key_may_do_what_its_scopes_and_its_accounts_role_both_allow(town: Town) -> None:
    admin, reader = await town.person(), await town.person(Role.READER)
    scopes = ["users:read", "users:write"]
    made = await admin.made("/v1/api-keys", name="r", accountId=reader.account.id, scopes=scopes)
    me = (await town.calling(made["key"]).get("/v1/accounts/me")).json()["payload"]
    assert (me["id"], me["operations"]) == (reader.account.id, ["users:read"])
    whole = await admin.made("/v1/api-keys", name="all")
    me = (await town.calling(whole["key"]).get("/v1/accounts/me")).json()["payload"]
    assert me["operations"] == sorted(Operation)


async def test_a_key_gives_nobody_more_than_its_maker_has(town: Town) -> None:
    admin, limited = await town.person(), await town.person(scopes=LIMITED)
    theirs = await admin.made("/v1/api-keys", name="all")
    ours = await limited.made("/v1/api-keys", name="less", scopes=["access:read"])
    calls = [
        limited.http.post("/v1/api-keys", json={"name": "all"}),
        limited.http.post("/v1/api-keys", json={"name": "more", "scopes": ["users:read"]}),
        limited.http.post("/v1/api-keys", json={"name": "other", "accountId": admin.account.id}),
        limited.http.post(f"/v1/api-keys/{theirs['id']}/rotate"),
        changed(limited, ours["id"], scopes=["users:write"]),
        changed(limited, ours["id"], scopes=None),
        changed(limited, theirs["id"], name="mine"),
    ]
    for call in calls:
        assert reasons(await call, 403) == [("scopes", "more_than_own")]
    assert (await town.calling(theirs["key"]).get("/v1/accounts")).status_code == 200


async def test_other_scopes_count_at_once(town: Town) -> None:
    admin = await town.person()
    made = await admin.made("/v1/api-keys", name="k", scopes=["access:read"])
    program = town.calling(made["key"])
    assert (await program.get("/v1/accounts")).status_code == 200
    assert (await changed(admin, made["id"], scopes=["users:read"])).json()["payload"]["scopes"] == ["users:read"]
    assert (await program.get("/v1/accounts")).status_code == 403
    assert (await changed(admin, made["id"], scopes=None)).json()["payload"]["scopes"] is None
    assert (await program.get("/v1/accounts")).status_code == 200


async def test_a_revoked_key_works_no_longer_and_stays_in_the_list(town: Town) -> None:
    admin = await town.person()
    made = await admin.made("/v1/api-keys", name="k")
    assert await town.status(made["key"]) == 200
    first = (await admin.http.delete(f"/v1/api-keys/{made['id']}")).json()["payload"]["revoked"]
    assert await town.status(made["key"]) == 401
    again = (await admin.http.delete(f"/v1/api-keys/{made['id']}")).json()["payload"]["revoked"]
    assert first == again
    listed = (await admin.http.get("/v1/api-keys")).json()["payload"]["items"]
    assert [key["revoked"] for key in listed if key["id"] == made["id"]] == [first]
    for call in (changed(admin, made["id"], name="x"), admin.http.post(f"/v1/api-keys/{made['id']}/rotate")):
        assert reasons(await call, 409) == [("id", "key_revoked")]


async def test_a_rotated_key_has_another_secret_and_the_old_one_works_as_long_as_was_asked(town: Town) -> None:
    admin = await town.person()
    made = await admin.made("/v1/api-keys", name="k", scopes=["users:read"])
    graced = await rotated(admin, made["id"], grace=60)
    assert [await town.status(one["key"]) for one in (made, graced)] == [200, 200]
    assert (graced["id"], graced["scopes"]) == (made["id"], made["scopes"])
    past = {"$set": {"previous_until": utc_now() - timedelta(seconds=1)}}
    await ApiKey.collection().update_one({"_id": made["id"]}, past)
    await changed(admin, made["id"], name="k2")
    assert [await town.status(one["key"]) for one in (made, graced)] == [401, 200]
    newest = await rotated(admin, made["id"])
    assert [await town.status(one["key"]) for one in (made, graced, newest)] == [401, 401, 200]


async def test_rotations_at_once_leave_one_secret(town: Town) -> None:
    admin = await town.person()
    made = await admin.made("/v1/api-keys", name="k")
    secrets = [one["key"] for one in await asyncio.gather(*(rotated(admin, made["id"]) for _ in range(5)))]
    assert sorted([await town.status(secret) for secret in secrets]) == [200, 401, 401, 401, 401]


async def test_a_key_works_until_it_expires(town: Town) -> None:
    admin = await town.person()
    soon = utc_now() + timedelta(hours=1)
    made = await admin.made("/v1/api-keys", name="k", expires=to_wire(soon))
    assert made["expires"] == to_wire(soon)
    assert await town.status(made["key"]) == 200
    await ApiKey.collection().update_one({"_id": made["id"]}, {"$set": {"expires": utc_now()}})
    await rotated(admin, (await admin.made("/v1/api-keys", name="other"))["id"])
    assert await town.status(made["key"]) == 401
    assert (await changed(admin, made["id"], expires=None)).json()["payload"]["expires"] is None
    assert await town.status(made["key"]) == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, ("name", "missing")),
        ({"name": ""}, ("name", "empty")),
        ({"name": "x" * 101}, ("name", "too_long")),
        ({"name": "k", "scopes": []}, ("scopes", "empty")),
        ({"name": "k", "scopes": ["users:all"]}, ("scopes[0]", "not_allowed")),
        ({"name": "k", "expires": "2020-01-01T00:00:00Z"}, ("expires", "in_the_past")),
        ({"name": "k", "expires": "tomorrow"}, ("expires", "bad_date")),
        ({"name": "k", "expires": "9999-12-31T23:59:59-14:00"}, ("expires", "bad_date")),
        ({"name": "k", "key": "iris_mine"}, ("key", "unknown_field")),
    ],
)
async def test_a_key_that_is_none_is_refused_by_field(
    town: Town, body: dict[str, object], reason: tuple[str, str]
) -> None:
    admin = await town.person()
    assert reasons(await admin.http.post("/v1/api-keys", json=body), 422) == [reason]


async def test_a_repeated_creation_makes_no_second_key_and_says_which_was_made(town: Town) -> None:
    admin = await town.person()
    headers = {"Idempotency-Key": new_id()}

    async def create(name: str) -> httpx2.Response:
        return await admin.http.post("/v1/api-keys", json={"name": name}, headers=headers)

    made = (await create("k")).json()["payload"]
    again = await create("k")
    assert reasons(again, 409) == [("Idempotency-Key", "key_shown")]
    assert made["id"] in again.text
    assert made["key"] not in again.text
    assert reasons(await create("other"), 422) == [("Idempotency-Key", "idempotency_key_reused")]
    assert await AuditEntry.find({"thing_id": made["id"]}).count() == 1


async def test_the_last_use_of_a_key_is_written_once_a_minute(town: Town) -> None:
    admin = await town.person()
    made = await admin.made("/v1/api-keys", name="k")
    before = utc_now()
    assert await town.status(made["key"]) == 200
    first = await until_used(admin, made["id"])
    assert to_wire(before) <= first <= to_wire(utc_now())

    async def used_at_once() -> str:
        await changed(admin, made["id"], name=new_id())  # clears the cache of callers
        await asyncio.gather(*(town.status(made["key"]) for _ in range(3)))
        return await until_used(admin, made["id"])

    assert await used_at_once() == first
    long_ago = utc_now() - timedelta(minutes=2)
    await ApiKey.collection().update_one({"_id": made["id"]}, {"$set": {"used": long_ago}})
    async with asyncio.timeout(60):
        while await used_at_once() == to_wire(long_ago):
            pass
    assert await until_used(admin, made["id"]) > first


async def test_a_key_of_nobody_or_another_tenant_is_not_found(town: Town, stranger: httpx2.AsyncClient) -> None:
    admin = await town.person()
    made = await admin.made("/v1/api-keys", name="k")
    for http, key_id in ((admin.http, ABSENT_ID), (stranger, made["id"])):
        path = f"/v1/api-keys/{key_id}"
        calls = (http.get(path), http.patch(path, json={}), http.delete(path), http.post(f"{path}/rotate"))
        for call in calls:
            assert reasons(await call, 404) == [("id", "not_found")]
    foreign = await stranger.post("/v1/api-keys", json={"name": "k", "accountId": admin.account.id})
    assert reasons(foreign, 404) == [("accountId", "not_found")]


async def test_every_key_has_its_own_rate_and_gets_retry_after() -> None:
    now = 1_000.0
    rates = RequestRates(2, lambda: now)
    for _ in range(2):
        rates.take("one")
    with pytest.raises(TooManyRequestsError) as refused:
        rates.take("one")
    assert refused.value.retry_after == timedelta(seconds=1)
    rates.take("other")
    now += 0.5
    rates.take("one")
    with pytest.raises(TooManyRequestsError):
        rates.take("one")
    now += 3_600
    for _ in range(2):
        rates.take("one")
    with pytest.raises(TooManyRequestsError):
        rates.take("one")


async def test_a_rate_below_one_lets_one_pass_at_a_time() -> None:
    now = 0.0
    rates = RequestRates(0.1, lambda: now)
    rates.take("one")
    with pytest.raises(TooManyRequestsError) as refused:
        rates.take("one")
    assert refused.value.retry_after == timedelta(seconds=10)


async def test_without_the_setting_there_is_no_rate() -> None:
    rates = RequestRates(None)
    for _ in range(1_000):
        rates.take("one")


async def test_a_key_over_its_rate_gets_retry_after_and_others_are_answered(iris: Iris, town: Town) -> None:
    limited = iris.settings.model_copy(update={"requests_per_second": 0.01})
    admin, other = await town.person(), await town.person()
    token = (await admin.session())["accessToken"]
    async with (
        open_database(iris.settings),  # reopens what a stopping application closed
        running(create_app(limited)) as url,
    ):
        first, second, by_other, by_token, again_by_token = [
            await http.get(f"{url}/v1/accounts/me")
            for http in (admin.http, admin.http, other.http, *([town.calling(token)] * 2))
        ]
    assert reasons(second, 429) == [("", "too_many_requests")]
    assert second.json()["title"] == "Demasiadas peticiones"
    assert 0 < int(second.headers["Retry-After"]) <= 100
    assert {one.status_code for one in (first, by_other, by_token, again_by_token)} == {200}
