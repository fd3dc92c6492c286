"""Time zone of a recipient: what is known, else what the phone number or its country says, else the tenant's.

The numbering plans and the zones change with their releases, so workflows must not choose zones.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import phonenumbers

from domain.destinations import Destination, DestinationKind, country_of
from domain.gate.schedule import RECIPIENT, Window
from domain.gate.windows import shared_time
from domain.gate.zone_choice import ZoneChoice, ZoneGuess
from domain.local_time import is_zone

MIN_SHARED_TIME: Final = timedelta(hours=2)
"""Time a day that several zones must share for their shared hours to count."""

MAIN_ZONES: Final[Mapping[str, str]] = {
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Lubumbashi",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Chuuk",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Hebron",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
}
"""Most populous zone of each country with several zones. `zone.tab` puts it first only where geography agrees."""

_UNKNOWN: Final = "Etc/Unknown"
"""What `phonenumbers` says of a number without a zone."""

_SHARED: Final[Mapping[ZoneGuess, ZoneGuess]] = {
    ZoneGuess.NUMBER: ZoneGuess.NUMBER_SHARED,
    ZoneGuess.COUNTRY: ZoneGuess.COUNTRY_SHARED,
}
_MAIN: Final[Mapping[ZoneGuess, ZoneGuess]] = {
    ZoneGuess.NUMBER: ZoneGuess.NUMBER_MAIN,
    ZoneGuess.COUNTRY: ZoneGuess.COUNTRY_MAIN,
}


class KnownZones(NamedTuple):
    """IANA names of the time zones that are known for a recipient, and that of the tenant."""

    tenant: str
    destination: str | None = None
    user: str | None = None
    request: str | None = None


class RecipientZones(NamedTuple):
    """Possible time zones of a recipient.

    Attributes:
        basis: what they are known from; one of the guesses of a single zone.
        zones: at least one IANA name.
        country: the recipient's country (ISO 3166-1 alpha-2) if it is known.
    """

    basis: ZoneGuess
    zones: Sequence[str]
    country: str | None

    @property
    def main(self) -> str:
        """Return the country's most populous zone, or the first zone if that is not possible."""
        main = MAIN_ZONES.get(self.country or "", "")
        return main if main in self.zones else self.zones[0]

    def one(self) -> ZoneChoice:
        """Choose one zone, for a local time that the recipient's clock must show."""
        guess = self.basis if len(self.zones) == 1 else _MAIN[self.basis]
        return ZoneChoice(guess=guess, zones=(self.main,), zone=self.main, possible=len(self.zones))

    def for_windows(self, windows: Sequence[Window], at: datetime) -> ZoneChoice:
        """Choose the zones for windows: all if they share enough time with the offsets of `at`, else the main one."""
        local = [window for window in windows if window.time_zone == RECIPIENT]
        if len(self.zones) == 1 or not local or shared_time(local, self.zones, at) < MIN_SHARED_TIME:
            return self.one()
        return ZoneChoice(guess=_SHARED[self.basis], zones=tuple(self.zones), zone=self.main, possible=len(self.zones))


def zones_of(destination: Destination, known: KnownZones) -> RecipientZones:
    """Return the possible zones of a recipient: the known one, else those of its number or country, else the tenant's.

    Of the zones that `phonenumbers` gives, only those of the number's country count: Moroccan numbers come out in the
    zone of the Canary Islands, and toll-free American ones in those of half a continent.
    """
    country = country_of(destination)
    for basis, zone in (
        (ZoneGuess.DESTINATION, known.destination),
        (ZoneGuess.USER, known.user),
        (ZoneGuess.REQUEST, known.request),
    ):
        if zone is not None:
            return RecipientZones(basis, [zone], country)
    by_number = _zones_of_number(destination.value, country) if destination.key is DestinationKind.PHONE_NUMBER else []
    if by_number:
        return RecipientZones(ZoneGuess.NUMBER, by_number, country)
    by_country = country_zones().get(country or "")
    if by_country is not None:
        return RecipientZones(ZoneGuess.COUNTRY, by_country, country)
    return RecipientZones(ZoneGuess.TENANT, [known.tenant], country)


@cache
def country_zones() -> Mapping[str, Sequence[str]]:
    """Return the zones of each country, from `zone.tab` of tzdata."""
    zones: defaultdict[str, list[str]] = defaultdict(list)
    for line in _tzdata("zone.tab"):
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            zones[country].append(zone)
    return dict(zones)


def _zones_of_number(digits: str, country: str | None) -> list[str]:
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415 - its data take 0.3 s to load

    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return []
    zones = [zone for zone in time_zones_for_number(number) if zone != _UNKNOWN and is_zone(zone)]
    of_country = country_zones().get(country or "")
    if of_country is None:
        return zones
    meant = {_canonical(zone) for zone in zones}
    return [zone for zone in of_country if _canonical(zone) in meant]


def _canonical(zone: str) -> str:
    """Return the zone of which a name is an alias; `phonenumbers` uses older names, such as Asia/Calcutta."""
    return _aliases().get(zone, zone)


@cache
def _aliases() -> Mapping[str, str]:
    links = (line.split() for line in _tzdata("tzdata.zi") if line.startswith("L "))
    return {alias: zone for _, zone, alias in links}


def _tzdata(name: str) -> list[str]:
    return files("tzdata.zoneinfo").joinpath(name).read_text(encoding="utf-8").splitlines()
