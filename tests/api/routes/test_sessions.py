"""Sessions: login, single-use refresh tokens and logout; limits on password attempts."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pytest

from api.app import create_app
from api.limits import logins
from api.limits.logins import ACCOUNT_FROM_NETWORK_LIMIT, ACCOUNT_LIMIT, NETWORK_LIMIT
from api.routes.sessions import REFRESH_GRACE_PERIOD
from domain.clock import to_wire, utc_now
from domain.identifiers import new_id
from models.access import RefreshToken, Session
from models.throttle import KnownNetwork, LoginTries
from security.credential_encryption import hash_secret
from tests.api.account_factories import PASSWORD, Town
from tests.api.support import reasons, refusal
from tests.iris import Iris, calling, open_database
from tests.served import serving


async def refreshed(iris: Iris, token: str) -> httpx2.Response:
    return await iris.http.post("/v1/sessions/refresh", json={"refreshToken": token}, headers={"Authorization": ""})


async def vendor_login(iris: Iris, login: dict[str, str], **headers: str) -> httpx2.Response:
    return await iris.http.post("/user/login", json=login, headers={"Authorization": "", **headers})


async def begun(iris: Iris, login: dict[str, str], **headers: str) -> httpx2.Response:
    return await iris.http.post("/v1/sessions", json=login, headers={"Authorization": "", **headers})


async def test_a_session_gives_a_token_to_call_with_and_one_for_the_next(iris: Iris, town: Town) -> None:
    person = await town.person()
    tokens = await person.session()
    assert await town.status(tokens["accessToken"]) == 200
    assert tokens["expiresIn"] == 3600
    renewed = await refreshed(iris, tokens["refreshToken"])
    assert renewed.status_code == 200
    assert await town.status(renewed.json()["payload"]["accessToken"]) == 200
    assert renewed.json()["payload"]["refreshToken"] != tokens["refreshToken"]


async def test_a_refresh_token_that_comes_again_ends_its_session(iris: Iris, town: Town) -> None:
    person = await town.person()
    other, stolen = await person.session(), await person.session()
    newest = (await refreshed(iris, stolen["refreshToken"])).json()["payload"]
    long_ago = utc_now() - REFRESH_GRACE_PERIOD - timedelta(seconds=1)
    used = {"_id": hash_secret(stolen["refreshToken"])}
    await RefreshToken.collection().update_one(used, {"$set": {"used": long_ago}})
    assert reasons(await refreshed(iris, stolen["refreshToken"]), 401) == [("refreshToken", "session_over")]
    assert reasons(await refreshed(iris, newest["refreshToken"]), 401) == [("refreshToken", "session_over")]
    assert await town.status(newest["accessToken"]) == 401
    assert await town.status(stolen["accessToken"]) == 401
    assert await town.status(other["accessToken"]) == 200


async def test_many_refreshes_at_once_log_nobody_out(iris: Iris, town: Town) -> None:
    tokens = await (await town.person()).session()
    answers = await asyncio.gather(*(refreshed(iris, tokens["refreshToken"]) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        assert (await refreshed(iris, answer.json()["payload"]["refreshToken"])).status_code == 200
    assert await town.status(tokens["accessToken"]) == 200


@pytest.mark.parametrize("token", ["", "irisr_nonsense", "ñ", "x" * 200])
async def test_a_refresh_token_that_is_none_is_refused(iris: Iris, token: str) -> None:
    assert reasons(await refreshed(iris, token), 401) == [("refreshToken", "session_over")]


async def test_a_session_that_expired_is_over_before_the_database_removes_it(iris: Iris, town: Town) -> None:
    person = await town.person()
    tokens = await person.session()
    past = {"$set": {"expires": utc_now() - timedelta(seconds=1)}}
    await Session.collection().update_many({"account_id": person.account.id}, past)
    assert (await refreshed(iris, tokens["refreshToken"])).status_code == 401
    assert await town.status(tokens["accessToken"]) == 401


async def test_a_logout_ends_the_session_of_its_token_alone(iris: Iris, town: Town) -> None:
    person = await town.person()
    mine, other = await person.session(), await person.session()
    vendors = (await vendor_login(iris, person.login)).json()["payload"]
    for token in (mine["accessToken"], vendors):
        assert await town.status(token) == 200
        assert (await town.calling(token).delete("/v1/sessions/current")).status_code == 200
        assert await town.status(token) == 401
    assert (await refreshed(iris, mine["refreshToken"])).status_code == 401
    assert await town.status(other["accessToken"]) == 200


async def test_an_api_key_cannot_log_out(town: Town) -> None:
    person = await town.person()
    refused = await person.http.delete("/v1/sessions/current")
    assert reasons(refused, 403) == [("Authorization", "session_required")]


async def test_a_refresh_token_is_no_key_and_an_access_token_refreshes_nothing(iris: Iris, town: Town) -> None:
    tokens = await (await town.person()).session()
    assert await town.status(tokens["refreshToken"]) == 401
    over_long = reasons(await refreshed(iris, tokens["accessToken"]), 422)
    assert over_long == [("refreshToken", "too_long")]


async def test_only_the_hash_of_a_refresh_token_is_stored_until_it_expires(iris: Iris, town: Town) -> None:
    tokens = await (await town.person()).session()
    kept = await RefreshToken.find_one({"_id": hash_secret(tokens["refreshToken"])})
    assert kept is not None
    assert to_wire(kept.expires) == tokens["refreshExpires"]
    assert kept.expires - utc_now() > iris.settings.refresh_lifetime - timedelta(minutes=1)
    for document in (RefreshToken, Session, LoginTries, KnownNetwork):
        indexes = (await document.collection().index_information()).values()
        assert [index["expireAfterSeconds"] for index in indexes if "expireAfterSeconds" in index] == [0]


async def test_the_token_names_its_session(iris: Iris, town: Town) -> None:
    person = await town.person()
    secret = iris.settings.jwt_secret.get_secret_value()
    token = (await person.session())["accessToken"]
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience="iris")
    assert await Session.find_one({"_id": claims["sid"], "account_id": person.account.id}) is not None
    del claims["sid"]
    assert await town.status(jwt.encode(claims, secret, algorithm="HS256")) == 401


HERE, ELSEWHERE = "127.0.0.1", "203.0.113.9"
"""The network of the tests' clients, and another."""


async def count(login: Mapping[str, str], tries: int, network: str = HERE) -> None:
    """Count attempts with wrong passwords from a network, without the time of checking them."""
    for _ in range(tries):
        await LoginTries.add(("account", login["tenant"], login["email"], network), ACCOUNT_FROM_NETWORK_LIMIT)


async def count_everywhere(login: Mapping[str, str]) -> None:
    """Use up an account's attempts from all networks together."""
    for _ in range(ACCOUNT_LIMIT.number):
        await LoginTries.add(("account", login["tenant"], login["email"]), ACCOUNT_LIMIT)


async def count_in_network(network: str) -> None:
    """Use up the attempts from a network."""
    for _ in range(NETWORK_LIMIT.number):
        await LoginTries.add(("network", network), NETWORK_LIMIT)


def coming_from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def test_too_many_wrong_passwords_slow_both_logins_whether_the_account_exists_or_not(
    iris: Iris, town: Town
) -> None:
    person = await town.person()
    absent = {**person.login, "email": f"nobody-{new_id()}@iris.example.com"}
    answered: list[list[tuple[int, dict[str, Any]]]] = []
    for login, right in ((person.login, PASSWORD), (absent, PASSWORD)):
        wrong = {**login, "password": "wrong"}
        calls = (begun, vendor_login)
        await count(login, ACCOUNT_FROM_NETWORK_LIMIT.number - len(calls))
        tries = [await call(iris, wrong) for call in calls]
        assert {answer.status_code for answer in tries} == {401}
        closed = [await call(iris, {**login, "password": right}) for call in calls]
        for answer in closed:
            assert 0 < int(answer.headers["Retry-After"]) <= ACCOUNT_FROM_NETWORK_LIMIT.pace.total_seconds()
        answered.append([(answer.status_code, refusal(answer, answer.status_code)) for answer in (*tries, *closed)])
        assert [status for status, _ in answered[-1][-2:]] == [429, 429]
    assert answered[0] == answered[1]


async def test_a_slowed_caller_may_try_again_once_in_a_while(iris: Iris, town: Town) -> None:
    login = (await town.person()).login
    await count(login, ACCOUNT_FROM_NETWORK_LIMIT.number)
    assert (await begun(iris, login)).status_code == 429
    a_moment_ago = {"$set": {"next_at": utc_now() - timedelta(seconds=1)}}
    await LoginTries.collection().update_many({"number": {"$gte": ACCOUNT_FROM_NETWORK_LIMIT.number}}, a_moment_ago)
    wrong = {**login, "password": "wrong"}
    assert [(await begun(iris, wrong)).status_code for _ in range(2)] == [401, 429]
    await LoginTries.collection().update_many({"number": {"$gte": ACCOUNT_FROM_NETWORK_LIMIT.number}}, a_moment_ago)
    assert (await begun(iris, login)).status_code == 201


async def test_an_attacker_in_one_network_keeps_no_victim_in_another_out(iris: Iris, town: Town) -> None:
    login = (await town.person()).login
    await count(login, ACCOUNT_FROM_NETWORK_LIMIT.number, ELSEWHERE)
    assert (await begun(iris, login, **coming_from(ELSEWHERE))).status_code == 429
    assert (await begun(iris, login)).status_code == 201


async def test_attackers_in_many_networks_do_not_keep_a_victim_out_of_where_it_logged_in_before(
    iris: Iris, town: Town
) -> None:
    login = (await town.person()).login
    assert (await begun(iris, login)).status_code == 201
    await count_everywhere(login)
    assert reasons(await begun(iris, login, **coming_from(ELSEWHERE)), 429) == [("", "too_many_logins")]
    assert (await begun(iris, login)).status_code == 201


async def test_many_wrong_passwords_at_once_are_no_more_than_one_after_another(iris: Iris, town: Town) -> None:
    login = {**(await town.person()).login, "password": "wrong"}
    await count(login, ACCOUNT_FROM_NETWORK_LIMIT.number - 3)
    answers = await asyncio.gather(*(begun(iris, login) for _ in range(3 + 5)))
    assert Counter(answer.status_code for answer in answers) == {401: 3, 429: 5}


async def test_a_right_password_ends_the_count_of_its_account(iris: Iris, town: Town) -> None:
    login = (await town.person()).login
    for _ in range(2):
        await count(login, ACCOUNT_FROM_NETWORK_LIMIT.number - 1)
        assert (await begun(iris, login)).status_code == 201


async def test_one_network_is_slowed_for_each_tenant_alone_and_others_are_not(
    iris: Iris, town: Town, another_town: Town
) -> None:
    ours, theirs = (await town.person()).login, (await another_town.person()).login
    here, next_door, elsewhere = "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"
    await count_in_network("2001:db8:1:2::/64")
    wrong = {**ours, "password": "wrong"}
    assert (await begun(iris, wrong, **coming_from(here))).status_code == 401
    slowed = await begun(iris, ours, **coming_from(next_door))
    assert reasons(slowed, 429) == [("", "too_many_logins")]
    assert int(slowed.headers["Retry-After"]) <= 2
    assert (await begun(iris, theirs, **coming_from(here))).status_code == 201
    assert (await begun(iris, theirs, **coming_from(next_door))).status_code == 201  # it logged in there before
    assert (await begun(iris, ours, **coming_from(elsewhere))).status_code == 201


async def test_right_passwords_do_not_count_against_their_network(iris: Iris, town: Town) -> None:
    address = f"198.51.100.{secrets.randbelow(250)}"
    for _ in range(3):
        login = (await town.person()).login
        assert (await begun(iris, login, **coming_from(address))).status_code == 201
    assert (await LoginTries.add(("network", address), NETWORK_LIMIT)).number == 1


@pytest.mark.parametrize(("headers", "is_warned"), [({}, False), (coming_from("203.0.113.1"), True)])
async def test_a_proxy_that_is_not_named_is_warned_of_once(
    iris: Iris, town: Town, caplog: pytest.LogCaptureFixture, headers: dict[str, str], *, is_warned: bool
) -> None:
    logins.forget_warnings()
    login = (await town.person()).login
    async with open_database(iris.settings), serving(create_app(iris.settings)) as url, calling(url) as http:
        for _ in range(2):
            assert (await http.post("/v1/sessions", json=login, headers=headers)).status_code == 201
    warnings = [record.message for record in caplog.records if "IRIS_TRUSTED_PROXIES" in record.message]
    assert len(warnings) == is_warned


async def test_attempts_expire(town: Town) -> None:
    for _ in range(3):
        await LoginTries.add(("account", town.tenant), ACCOUNT_LIMIT)
    past = {"$set": {"until": utc_now() - timedelta(seconds=1)}}
    await LoginTries.collection().update_many({"number": 3}, past)
    again = await LoginTries.add(("account", town.tenant), ACCOUNT_LIMIT)
    assert (again.number, again.until > utc_now()) == (1, True)
