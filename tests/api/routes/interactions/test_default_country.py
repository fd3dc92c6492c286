"""National phone numbers: read in the tenant's default country, and refused without one."""

import secrets
from dataclasses import replace
from typing import Any

import pytest

from domain.access import Role
from tests.api.account_factories import Person, Town
from tests.api.support import reasons
from tests.iris import Iris


async def chosen(person: Person, country: str) -> str | None:
    response = await person.http.patch("/v1/tenant", json={"defaultCountry": country})
    assert response.status_code == 200, response.text
    return response.json()["payload"]["defaultCountry"]


def mobile() -> str:
    """A Spanish mobile number whose national form is no international number: no country has +693 to +699."""
    return f"346{93_000_000 + secrets.randbelow(7_000_000)}"


def national(number: str) -> str:
    """A Spanish number as it is written in Spain."""
    return f"{number[2:5]} {number[5:8]} {number[8:]}"


@pytest.fixture
async def admin(town: Town) -> Person:
    return await town.person()


@pytest.fixture
async def iris_of_town(iris: Iris, town: Town, admin: Person) -> Iris:
    """The product with the tenant administrator's client and an SMS integration."""
    ours = replace(iris, demo=replace(iris.demo, tenant=town.tenant), http=admin.http)
    integration_id = await ours.sandbox(iris.gateway_url)
    return replace(ours, demo=replace(ours.demo, integrations={"sms": integration_id}))


async def created(person: Person, number: str) -> dict[str, Any]:
    return await person.made("/v1/users", name="Ana", primaryKey={"PhoneNumber": [number]})


async def test_a_national_number_is_sent_to_in_the_default_country(iris_of_town: Iris, admin: Person) -> None:
    number = mobile()
    refused = await iris_of_town.post(iris_of_town.request("sms", national(number)))
    assert reasons(refused, 422) == [("Destinations[0]", "bad_phone_number")]

    assert await chosen(admin, " es ") == "ES"
    assert (await admin.http.get("/v1/tenant")).json()["payload"]["defaultCountry"] == "ES"
    sent = await iris_of_town.send("sms", national(number))
    assert [one["value"] for one in sent["destinations"]] == [number]
    assert (await iris_of_town.send("sms", "+52 55 1234 5678"))["destinations"][0]["value"] == "525512345678"
    for spelling in (national(number), number, f"+{number}"):
        found = await admin.http.get("/v1/interactions", params={"destination": spelling})
        assert [one["id"] for one in found.json()["payload"]["items"]] == [sent["id"]]

    assert await chosen(admin, "") is None
    again = await iris_of_town.post(iris_of_town.request("sms", national(number)))
    assert reasons(again, 422) == [("Destinations[0]", "bad_phone_number")]


async def test_a_user_is_made_and_found_by_a_national_number(admin: Person) -> None:
    number = mobile()
    assert await chosen(admin, "ES") == "ES"
    user = await created(admin, national(number))
    assert user["primaryKey"] == {"PhoneNumber": [number]}
    for parameter in ("destination", "primaryKey.PhoneNumber"):
        found = await admin.http.get("/v1/users", params={parameter: national(number)})
        assert [one["id"] for one in found.json()["payload"]["items"]] == [user["id"]]


async def test_one_tenants_country_is_not_anothers(admin: Person, another_town: Town) -> None:
    assert await chosen(admin, "ES") == "ES"
    other = await another_town.person()
    assert (await other.http.get("/v1/tenant")).json()["payload"]["defaultCountry"] is None
    body = {"name": "Ana", "primaryKey": {"PhoneNumber": [national(mobile())]}}
    refused = await other.http.post("/v1/users", json=body)
    assert [code for _, code in reasons(refused, 422)] == ["bad_phone_number"]


@pytest.mark.parametrize("country", ["Spain", "XX", "34", 34])
async def test_an_unknown_country_is_refused(admin: Person, country: object) -> None:
    refused = await admin.http.patch("/v1/tenant", json={"defaultCountry": country})
    assert [field for field, _ in reasons(refused, 422)] == ["defaultCountry"]


async def test_the_country_is_chosen_by_administrators(town: Town) -> None:
    operator = await town.person(Role.OPERATOR)
    assert (await operator.http.patch("/v1/tenant", json={"defaultCountry": "ES"})).status_code == 403
