"""`iris users`: output for people and for programs."""

from domain.identifiers import new_id
from tests.api.account_factories import Town
from tests.api.support import mobile
from tests.cli.running import Command, payload
from tests.iris import Iris


async def test_a_user_is_created_found_changed_and_shown(command: Command) -> None:
    number, word = mobile(), new_id()
    options = ("--phone", number, "--metadata", f"customer={word}", "--time-zone", "America/Lima")
    user = await payload(command, "users", "create", f"José {word}", *options)
    for option in (("--name", word), ("--destination", number), ("--metadata", f"customer={word}")):
        assert (await payload(command, "users", "list", *option))["items"] == [user]
        assert number in await command("users", "list", *option)
    changed = await payload(command, "users", "update", user["id"], "--name", "Ana", "--time-zone", "Europe/Madrid")
    assert changed == user | {"name": "Ana", "timeZone": "Europe/Madrid"}
    shown = await command("users", "show", user["id"])
    assert all(text in shown for text in (user["id"], "Ana", number, word, "Europe/Madrid"))


async def test_destinations_come_and_go(command: Command) -> None:
    user, address = await payload(command, "users", "create", "Ana"), f"{new_id()}@dominio.com"
    added = await payload(command, "users", "add-destination", user["id"], "email", address)
    assert added["primaryKey"] == {"Email": [address]}
    removed = await payload(command, "users", "remove-destination", user["id"], "email", address)
    assert removed["primaryKey"] == {}


async def test_two_users_are_merged_and_the_one_that_is_left_is_erased(command: Command) -> None:
    number = mobile()
    stays = await payload(command, "users", "create", "Ana")
    goes = await payload(command, "users", "create", "Otra", "--phone", number)
    merged = await payload(command, "users", "merge", stays["id"], goes["id"])
    assert (merged["id"], merged["primaryKey"]) == (stays["id"], {"PhoneNumber": [number]})
    assert (await payload(command, "users", "erase", "--yes", stays["id"]))["requested"]
    assert "interactions: 0" in await command("users", "erase", "--yes", stays["id"])
    assert number not in await command("users", "list", "--destination", number)


async def test_the_default_country_is_chosen_and_national_numbers_are_read_in_it(command: Command, iris: Iris) -> None:
    async with Town(str(iris.http.base_url)) as town:
        key = (await town.person()).http.headers["authorization"].removeprefix("Bearer ")
        number, as_town = mobile(), ("--api-key", key)
        assert await command("users", "default-country", *as_town) == "none\n"
        assert await command("users", "default-country", "es", *as_town) == "ES\n"
        assert (await payload(command, "users", "default-country", *as_town))["defaultCountry"] == "ES"
        user = await payload(command, "users", "create", "Ana", "--phone", number.removeprefix("34"), *as_town)
        assert user["primaryKey"] == {"PhoneNumber": [number]}
        assert await command("users", "default-country", "", *as_town) == "none\n"
