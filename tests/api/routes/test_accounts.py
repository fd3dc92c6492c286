"""Accounts: create, change, disable and delete; a tenant always has an administrator."""

import asyncio

import httpx2
import pytest

from domain.access import OPERATIONS, Operation, Role
from domain.identifiers import new_id
from models.access import Account, ApiKey
from models.audit import AuditEntry
from tests.api.account_factories import PASSWORD, Person, Town
from tests.api.support import ABSENT_ID, reasons


async def changed(by: Person, account_id: str, **body: object) -> httpx2.Response:
    return await by.http.patch(f"/v1/accounts/{account_id}", json=body)


async def logged_in(person: Person, password: str) -> int:
    body = {**person.login, "password": password}
    return (await person.http.post("/v1/sessions", json=body, headers={"Authorization": ""})).status_code


def new_account(**changes: object) -> dict[str, object]:
    return {"email": f"a-{new_id()}@iris.example.com", "password": PASSWORD, "role": "operator", **changes}


async def test_a_person_with_access_can_log_in_and_is_listed(town: Town) -> None:
    admin = await town.person()
    email = f"Ana.{new_id()}@Iris.example.com"
    made = await admin.made("/v1/accounts", **new_account(email=email, role="reader"))
    assert made == {
        "id": made["id"],
        "email": email.lower(),
        "role": "reader",
        "disabled": False,
        "created": made["created"],
    }
    login = {"tenant": town.tenant, "email": email, "password": PASSWORD}
    tokens = (await admin.http.post("/v1/sessions", json=login)).json()["payload"]
    ana = town.calling(tokens["accessToken"])
    me = (await ana.get("/v1/accounts/me")).json()["payload"]
    assert me == {**made, "tenant": town.tenant, "operations": sorted(OPERATIONS[Role.READER])}
    listed = (await admin.http.get("/v1/accounts", params={"limit": 1})).json()["payload"]
    assert (listed["items"], listed["nextCursor"] is not None) == ([made], True)
    rest = (await admin.http.get("/v1/accounts", params={"cursor": listed["nextCursor"]})).json()["payload"]
    assert [one["id"] for one in rest["items"]] == [admin.account.id]
    assert (await admin.http.get(f"/v1/accounts/{made['id']}")).json()["payload"] == made


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "x" * 11}, ("password", "too_short")),
        ({"password": "x" * 1025}, ("password", "too_long")),
        ({"password": None}, ("password", "wrong_type")),
        ({"email": "nobody"}, ("email", "bad_email")),
        ({"role": "owner"}, ("role", "not_allowed")),
        ({"role": 1}, ("role", "not_allowed")),
        ({"tenant": "other"}, ("tenant", "unknown_field")),
    ],
)
async def test_an_account_that_is_none_is_refused_by_field(
    town: Town, change: dict[str, object], reason: tuple[str, str]
) -> None:
    admin = await town.person()
    assert reasons(await admin.http.post("/v1/accounts", json=new_account(**change)), 422) == [reason]


async def test_an_address_has_one_account_also_when_many_are_made_at_once(town: Town) -> None:
    admin = await town.person()
    body = new_account()
    answers = await asyncio.gather(*(admin.http.post("/v1/accounts", json=body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert reasons(refused, 409) == [("email", "email_taken")]
    assert await AuditEntry.find({"tenant": town.tenant, "operation": "account.created"}).count() == 1


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.READER])
async def test_only_administrators_see_and_decide_who_has_access(town: Town, role: Role) -> None:
    person = await town.person(role)
    mine = f"/v1/accounts/{person.account.id}"
    calls = [
        *(person.http.get(path) for path in ("/v1/accounts", mine, "/v1/api-keys", "/v1/audit-log")),
        person.http.post("/v1/accounts", json=new_account()),
        person.http.patch(mine, json={"role": "admin"}),
        person.http.delete(mine),
        person.http.post("/v1/api-keys", json={"name": "more"}),
    ]
    for call in calls:
        assert [code for _, code in reasons(await call, 403)] == ["forbidden"]
    assert (await person.http.get("/v1/accounts/me")).json()["payload"]["role"] == role


async def test_a_disabled_account_calls_no_more_until_it_is_enabled(town: Town) -> None:
    admin, person = await town.person(), await town.person(Role.OPERATOR)
    tokens = await person.session()
    assert (await person.http.get("/v1/accounts/me")).status_code == 200
    assert (await changed(admin, person.account.id, disabled=True)).json()["payload"]["disabled"] is True
    assert (await person.http.get("/v1/accounts/me")).status_code == 401
    assert await town.status(tokens["accessToken"]) == 401
    assert await logged_in(person, PASSWORD) == 401
    refreshed = await admin.http.post("/v1/sessions/refresh", json={"refreshToken": tokens["refreshToken"]})
    assert refreshed.status_code == 401
    await changed(admin, person.account.id, disabled=False)
    assert (await person.http.get("/v1/accounts/me")).status_code == 200
    assert await logged_in(person, PASSWORD) == 201
    assert await town.status(tokens["accessToken"]) == 401


async def test_another_role_counts_for_keys_and_sessions_that_there_are(town: Town) -> None:
    admin, person = await town.person(), await town.person(Role.READER)
    token = (await person.session())["accessToken"]
    assert (await changed(admin, person.account.id, role="admin")).status_code == 200
    assert (await person.http.get("/v1/accounts")).status_code == 200
    assert (await town.calling(token).get("/v1/accounts")).status_code == 200


async def test_a_deleted_account_is_gone_with_its_sessions_and_keys(town: Town) -> None:
    admin, person = await town.person(), await town.person()
    token = (await person.session())["accessToken"]
    path = f"/v1/accounts/{person.account.id}"
    assert (await admin.http.delete(path)).status_code == 200
    assert (await person.http.get("/v1/accounts/me")).status_code == 401
    assert await town.status(token) == 401
    assert reasons(await admin.http.get(path), 404) == [("id", "not_found")]
    assert reasons(await admin.http.delete(path), 404) == [("id", "not_found")]
    [key] = await ApiKey.find({"account_id": person.account.id}).to_list()
    assert key.revoked is not None


@pytest.mark.parametrize("change", [{"role": "operator"}, {"disabled": True}, None], ids=str)
async def test_the_last_administrator_stays_however_many_ask_at_once(
    town: Town, change: dict[str, object] | None
) -> None:
    admins = [await town.person() for _ in range(4)]
    await town.person(Role.OPERATOR)

    async def ask(by: Person, about: Person) -> httpx2.Response:
        path = f"/v1/accounts/{about.account.id}"
        return await (by.http.delete(path) if change is None else by.http.patch(path, json=change))

    for admin in admins:
        await admin.http.get("/v1/accounts/me")
    others = [*admins[1:], admins[0]]
    answers = await asyncio.gather(*(ask(by, about) for by, about in zip(admins, others, strict=True)))
    left = await Account.find({"tenant": town.tenant, "role": "admin", "disabled": False}).to_list()
    done = [answer for answer in answers if answer.status_code == 200]
    assert len(left) == 4 - len(done) >= 1
    while len(left) > 1:
        [last, *rest] = left
        [by] = [admin for admin in admins if admin.account.id == last.id]
        for account in rest:
            [about] = [admin for admin in admins if admin.account.id == account.id]
            assert (await ask(by, about)).status_code == 200
        left = [last]
    [last] = [admin for admin in admins if admin.account.id == left[0].id]
    assert reasons(await ask(last, last), 409) == [("", "last_administrator")]
    assert (await changed(last, last.account.id, role="admin", disabled=False)).status_code == 200


async def test_two_administrators_who_disable_each_other_do_not_both_succeed(town: Town) -> None:
    one, other = await town.person(), await town.person()
    for person in (one, other):
        await person.http.get("/v1/accounts/me")
    answers = await asyncio.gather(
        changed(one, other.account.id, disabled=True), changed(other, one.account.id, disabled=True)
    )
    assert [answer.status_code for answer in answers].count(200) == 1


async def test_ones_own_password_is_changed_with_the_old_one_and_ends_other_sessions(town: Town) -> None:
    person = await town.person(Role.READER)
    mine, other = await person.session(), await person.session()
    me = town.calling(mine["accessToken"])
    new = "staple battery horse"

    async def change(old: str, to: str) -> httpx2.Response:
        return await me.post("/v1/accounts/me/password", json={"oldPassword": old, "newPassword": to})

    assert reasons(await change("wrong", new), 422) == [("oldPassword", "wrong_password")]
    assert reasons(await change(PASSWORD, "short"), 422) == [("newPassword", "too_short")]
    assert (await change(PASSWORD, new)).status_code == 200
    assert await town.status(mine["accessToken"]) == 200
    assert await town.status(other["accessToken"]) == 401
    assert (await logged_in(person, PASSWORD), await logged_in(person, new)) == (401, 201)
    by_key = await person.http.post("/v1/accounts/me/password", json={"oldPassword": new, "newPassword": PASSWORD})
    assert reasons(by_key, 403) == [("Authorization", "session_required")]


async def test_an_administrator_gives_somebody_another_password(town: Town) -> None:
    admin, person = await town.person(), await town.person(Role.READER)
    token = (await person.session())["accessToken"]
    new = "staple battery horse"
    assert (await changed(admin, person.account.id, password=new)).status_code == 200
    assert await town.status(token) == 401
    assert (await logged_in(person, PASSWORD), await logged_in(person, new)) == (401, 201)


async def test_a_limited_key_makes_and_changes_nobody_who_may_do_more(town: Town) -> None:
    admin = await town.person()
    limited = await town.person(scopes=[Operation.ACCESS_WRITE, *OPERATIONS[Role.READER]])
    assert (await limited.http.post("/v1/accounts", json=new_account(role="reader"))).status_code == 201
    for role in ("operator", "admin"):
        refused = await limited.http.post("/v1/accounts", json=new_account(role=role))
        assert reasons(refused, 403) == [("role", "more_than_own")]
    refused = await changed(limited, admin.account.id, password="staple battery horse")
    assert reasons(refused, 403) == [("role", "more_than_own")]


async def test_the_audit_log_says_what_changed_and_never_to_what(town: Town) -> None:
    admin = await town.person()
    made = await admin.made("/v1/accounts", **new_account())
    secret = f"secret-{new_id()}"
    await changed(admin, made["id"], role="reader", password=secret)
    await changed(admin, made["id"])
    await admin.http.delete(f"/v1/accounts/{made['id']}")
    listed = await admin.http.get("/v1/audit-log", params={"thing": "account", "thingId": made["id"]})
    entries = listed.json()["payload"]["items"]
    assert [(entry["operation"], entry["fields"]) for entry in entries] == [
        ("account.deleted", []),
        ("account.changed", ["password", "role"]),
        ("account.created", ["email", "role"]),
    ]
    assert {entry["accountId"] for entry in entries} == {admin.account.id}
    assert secret not in listed.text


async def test_an_account_of_nobody_or_another_tenant_is_not_found(town: Town, stranger: httpx2.AsyncClient) -> None:
    person = await town.person()
    for http, account_id in ((person.http, ABSENT_ID), (stranger, person.account.id)):
        path = f"/v1/accounts/{account_id}"
        for call in (http.get(path), http.patch(path, json={"disabled": True}), http.delete(path)):
            assert reasons(await call, 404) == [("id", "not_found")]


async def test_wherever_a_password_is_set_a_weak_one_is_refused_by_its_field(town: Town) -> None:
    person = await town.person()
    address = person.account.email
    made = await person.http.post(
        "/v1/accounts", json={"email": "b@iris.example.com", "password": " " * 12, "role": "reader"}
    )
    assert reasons(made, 422) == [("password", "password_too_common")]
    changed = await person.http.patch(f"/v1/accounts/{person.account.id}", json={"password": address})
    assert reasons(changed, 422) == [("password", "password_has_address")]
    mine = town.calling((await person.session())["accessToken"])
    old = person.login["password"]
    own = await mine.post("/v1/accounts/me/password", json={"oldPassword": old, "newPassword": "password1234"})
    assert reasons(own, 422) == [("newPassword", "password_too_common")]
