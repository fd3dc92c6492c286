"""Time zone of a recipient: known, else guessed from its number or country, and the choice says so."""

from datetime import UTC, datetime

import phonenumbers
import pytest

from domain.destinations import Destination, DestinationKind
from domain.gate.schedule import Window
from domain.gate.zone_choice import GUESSES, ZoneGuess
from domain.gate.zones import MAIN_ZONES, KnownZones, country_zones, zones_of
from domain.local_time import is_zone
from domain.texts import Language

WINTER = datetime(2026, 12, 1, tzinfo=UTC)
OFFICE_HOURS = Window.model_validate({"from": "09:00", "to": "18:00"})
TENANT = KnownZones(tenant="Europe/Madrid")


def phone(number: str) -> Destination:
    return Destination(key=DestinationKind.PHONE_NUMBER, value=number)


@pytest.mark.parametrize(
    ("number", "guess", "zone", "possible"),
    [
        ("34871000000", ZoneGuess.NUMBER, "Europe/Madrid", 1),
        ("34928123456", ZoneGuess.NUMBER, "Atlantic/Canary", 1),
        ("34600000001", ZoneGuess.NUMBER_SHARED, "Europe/Madrid", 2),
        ("12125550100", ZoneGuess.NUMBER, "America/New_York", 1),
        ("919812345678", ZoneGuess.NUMBER, "Asia/Kolkata", 1),  # phonenumbers: Asia/Calcutta
        ("18005550100", ZoneGuess.NUMBER_SHARED, "America/New_York", 11),  # phonenumbers: 42 zones of North America
        ("79161234567", ZoneGuess.NUMBER_MAIN, "Europe/Moscow", 13),  # from Kaliningrad to Kamchatka
        ("212612345678", ZoneGuess.COUNTRY, "Africa/Casablanca", 1),  # phonenumbers: Atlantic/Canary
        ("56912345678", ZoneGuess.COUNTRY_SHARED, "America/Santiago", 4),  # phonenumbers: Etc/Unknown
        ("262692123456", ZoneGuess.NUMBER, "Indian/Reunion", 1),
        ("76161234567", ZoneGuess.COUNTRY_MAIN, "Europe/Moscow", 26),  # a range that nobody uses
        ("38344123456", ZoneGuess.NUMBER, "Europe/Belgrade", 1),  # Kosovo is not in zone.tab
        ("870773111632", ZoneGuess.TENANT, "Europe/Madrid", 1),  # a satellite telephone
    ],
)
def test_a_number_says_the_zone(number: str, guess: ZoneGuess, zone: str, possible: int) -> None:
    choice = zones_of(phone(number), TENANT).for_windows([OFFICE_HOURS], WINTER)
    assert (choice.guess, choice.zone, choice.possible) == (guess, zone, possible)
    assert len(choice.zones) == (possible if guess.endswith("_shared") else 1)


def test_what_is_known_comes_before_every_guess() -> None:
    known = KnownZones("Europe/Madrid", "Asia/Tokyo", "Asia/Seoul", "Asia/Manila")
    order: list[tuple[str, str]] = []
    for name in ("destination", "user", "request"):
        choice = zones_of(phone("34600000001"), known).one()
        order.append((choice.guess, choice.zone))
        known = known._replace(**{name: None})
    assert order == [("destination", "Asia/Tokyo"), ("user", "Asia/Seoul"), ("request", "Asia/Manila")]
    assert zones_of(phone("34600000001"), known).basis is ZoneGuess.NUMBER


def test_the_country_of_a_number_is_known_even_if_its_zone_is_given() -> None:
    assert zones_of(phone("34600000001"), KnownZones("Europe/Madrid", user="Asia/Tokyo")).country == "ES"


def test_the_zones_of_a_business_scoped_id_are_those_of_its_country() -> None:
    identifier = Destination(key=DestinationKind.BUSINESS_SCOPED_ID, value="FR.1349")
    assert zones_of(identifier, TENANT).one().zone == "Europe/Paris"


@pytest.mark.parametrize("value", ["ana@example.com", "123456"])
def test_without_number_and_country_the_zone_is_the_tenants(value: str) -> None:
    kind = DestinationKind.EMAIL if "@" in value else DestinationKind.PAGE_SCOPED_ID
    assert zones_of(Destination(key=kind, value=value), TENANT).one().guess is ZoneGuess.TENANT


def test_a_local_time_needs_one_zone_so_the_main_one_is_guessed() -> None:
    choice = zones_of(phone("34600000001"), TENANT).one()
    assert (choice.guess, choice.zones) == (ZoneGuess.NUMBER_MAIN, ("Europe/Madrid",))


def test_a_window_with_a_zone_of_its_own_needs_no_shared_hours() -> None:
    fixed = Window.model_validate({"from": "09:00", "to": "18:00", "timeZone": "Asia/Tokyo"})
    assert len(zones_of(phone("34600000001"), TENANT).for_windows([fixed], WINTER).zones) == 1


def test_every_country_with_several_zones_has_a_main_one() -> None:
    several = {country: zones for country, zones in country_zones().items() if len(zones) > 1}
    assert several.keys() & phonenumbers.SUPPORTED_REGIONS == MAIN_ZONES.keys()
    assert all(zone in several[country] for country, zone in MAIN_ZONES.items())


def test_every_zone_of_a_country_can_be_read() -> None:
    assert all(is_zone(zone) for zones in country_zones().values() for zone in zones)


@pytest.mark.parametrize("language", Language)
def test_every_guess_has_a_sentence(language: Language) -> None:
    assert GUESSES.keys() == set(ZoneGuess)
    choice = zones_of(phone("79161234567"), TENANT).for_windows([OFFICE_HOURS], WINTER)
    assert "Europe/Moscow" in choice.sentence(language)
    assert "13" in choice.sentence(language)
