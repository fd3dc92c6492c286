"""Time zones chosen for a recipient, and the guess that was made."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.texts import Forms, Language, both, say


class ZoneGuess(StrEnum):
    """Basis on which the time zone of a recipient was chosen, from knowledge to guesses.

    `…_SHARED` means the hours that several possible zones share, `…_MAIN` one zone out of several.
    """

    DESTINATION = "destination"
    USER = "user"
    REQUEST = "request"
    NUMBER = "number"
    NUMBER_SHARED = "number_shared"
    NUMBER_MAIN = "number_main"
    COUNTRY = "country"
    COUNTRY_SHARED = "country_shared"
    COUNTRY_MAIN = "country_main"
    TENANT = "tenant"


GUESSES: Final[Mapping[ZoneGuess, Forms]] = {
    ZoneGuess.DESTINATION: both("Zona horaria de su destino: {zone}", "Time zone of the destination: {zone}"),
    ZoneGuess.USER: both("Zona horaria de su usuario: {zone}", "Time zone of the user: {zone}"),
    ZoneGuess.REQUEST: both("Zona horaria de la petición: {zone}", "Time zone of the request: {zone}"),
    ZoneGuess.NUMBER: both("Zona horaria de su número de teléfono: {zone}", "Time zone of the phone number: {zone}"),
    ZoneGuess.NUMBER_SHARED: both(
        "Horas que comparten las {count} zonas horarias posibles de su número de teléfono, como {zone}",
        "Hours that the {count} possible time zones of the phone number share, such as {zone}",
    ),
    ZoneGuess.NUMBER_MAIN: both(
        "La principal de las {count} zonas horarias posibles de su número de teléfono: {zone}",
        "The main one of the {count} possible time zones of the phone number: {zone}",
    ),
    ZoneGuess.COUNTRY: both("Zona horaria de su país: {zone}", "Time zone of the country: {zone}"),
    ZoneGuess.COUNTRY_SHARED: both(
        "Horas que comparten las {count} zonas horarias de su país, como {zone}",
        "Hours that the {count} time zones of the country share, such as {zone}",
    ),
    ZoneGuess.COUNTRY_MAIN: both(
        "La principal de las {count} zonas horarias de su país: {zone}",
        "The main one of the {count} time zones of the country: {zone}",
    ),
    ZoneGuess.TENANT: both(
        "Sin zona horaria conocida: se usa la de su organización, {zone}",
        "No time zone is known: that of the organisation is used, {zone}",
    ),
}
"""Texts by the guess."""


class ZoneChoice(BaseModel):
    """Time zones whose hours a message respects.

    Attributes:
        zones: the chosen zones; several if their shared hours count.
        zone: the one to name: the only one, or the main one.
        possible: the number of zones among which the choice was made.
    """

    model_config = ConfigDict(frozen=True)

    guess: ZoneGuess
    zones: tuple[str, ...]
    zone: str
    possible: int = 1

    def sentence(self, language: Language = Language.SPANISH) -> str:
        """Describe the choice."""
        return say(GUESSES[self.guess], language, {"zone": self.zone, "count": self.possible})
