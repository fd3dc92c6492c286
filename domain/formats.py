"""Template filters for dates, times, numbers and money: `{{name|filter:argument}}`, in the formats of the Unicode CLDR.

Workflow code never imports this module: the CLDR's data changes from one release of babel to the next
(`docs/decisions/0034`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Annotated, Final, Literal, cast, get_args
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, list_currencies
from pydantic import AfterValidator, JsonValue, StringConstraints

from domain.local_time import is_zone
from domain.texts import invalid_value

NUMBER: Final = re.compile(r"-?\d{1,15}([.,]\d{1,15})?", re.ASCII)
"""Number in the form of a text."""

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?", re.ASCII)
_TIME: Final = re.compile(r"\d{2}:\d{2}(?::\d{2})?", re.ASCII)

_SPACES: Final = str.maketrans(dict.fromkeys("\u00a0\u202f", " "))
"""Replaces the CLDR's no-break spaces by spaces: with one of them an SMS holds 70 characters instead of 160."""

_Length = Literal["short", "medium", "long", "full"]

LENGTHS: Final[tuple[str, ...]] = get_args(_Length)
"""Lengths of a date; the default is `medium`."""

INSTANT: Final = "YYYY-MM-DDThh:mm[:ss][Z|±hh:mm]"
_EXPECTED: Final[Mapping[str, str]] = {
    "date": f"YYYY-MM-DD | {INSTANT}",
    "time": f"hh:mm[:ss] | {INSTANT}",
    "number": "number",
    "currency": "number",
}
"""Type of value that each filter reads."""

ALLOWED: Final = ", ".join(["date", *(f"date:{length}" for length in LENGTHS), "time", "number", "currency:EUR"])


class UnreadableError(ValueError):
    """Value that a filter cannot read.

    Attributes:
        expected: the type that the filter reads.
    """

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Style:
    """Language of a template, and the time zone in which it shows instants.

    Attributes:
        language: a BCP 47 tag that the CLDR knows, such as `es` or `pt-BR`.
        time_zone: a name of the IANA time zone database. An instant with an offset is shown in this zone; one without
            is local time already, and shown as written.
    """

    language: str = "es"
    time_zone: str = "Europe/Madrid"


DEFAULT_STYLE: Final = Style()


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Variable, and its filter if it has one."""

    name: str
    filter: str = ""
    argument: str = ""

    @classmethod
    def parse(cls, text: str) -> "Placeholder":
        """Parse the text between the braces: `name`, `name|filter` or `name|filter:argument`."""
        name, _, how = text.partition("|")
        filter_name, _, argument = how.partition(":")
        return cls(name.strip(), filter_name.strip(), argument.strip())

    @property
    def is_known(self) -> bool:
        """Whether the filter exists and accepts the argument."""
        match self.filter:
            case "" | "time" | "number":
                return not self.argument
            case "date":
                return self.argument in {"", *LENGTHS}
            case "currency":
                return self.argument in list_currencies()
            case _:
                return False

    def write(self, value: JsonValue, style: Style) -> str:
        """Format the value with the filter; an absent value is empty.

        Raises:
            UnreadableError: if the filter cannot read the value.
        """
        if value is None or not self.filter:
            return "" if value is None else str(value)
        try:
            written = _WRITERS[self.filter](value, self.argument, style)
        except (ValueError, OverflowError) as error:
            raise UnreadableError(_EXPECTED[self.filter]) from error
        return written.translate(_SPACES)


def is_instant(text: str) -> bool:
    """Whether a text is a date with a time of day, with or without an offset."""
    try:
        return _INSTANT.fullmatch(text) is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _instant(text: str, style: Style) -> datetime:
    if not is_instant(text):
        raise ValueError(text)
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is None else instant.astimezone(ZoneInfo(style.time_zone))


def _write_date(value: JsonValue, length: str, style: Style) -> str:
    text = str(value)
    day = date.fromisoformat(text) if _DAY.fullmatch(text) else _instant(text, style).date()
    return format_date(day, cast("_Length", length or "medium"), _locale(style.language))


def _write_time(value: JsonValue, _: str, style: Style) -> str:
    text = str(value)
    moment = time.fromisoformat(text) if _TIME.fullmatch(text) else _instant(text, style).time()
    return format_time(moment, "short", locale=_locale(style.language))


def _write_number(value: JsonValue, _: str, style: Style) -> str:
    return format_decimal(_number(value), locale=_locale(style.language), decimal_quantization=False)


def _write_currency(value: JsonValue, currency: str, style: Style) -> str:
    return format_currency(_number(value), currency, locale=_locale(style.language))


def _number(value: JsonValue) -> Decimal:
    text = str(value)
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text.replace(",", "."))


_WRITERS: Final[Mapping[str, Callable[[JsonValue, str, Style], str]]] = {
    "date": _write_date,
    "time": _write_time,
    "number": _write_number,
    "currency": _write_currency,
}


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


def _known_language(tag: str) -> str:
    try:
        Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError) as error:
        raise invalid_value("no es un idioma conocido, como es o pt-BR", "not a known language, as es or pt-BR") from (
            error
        )
    return tag


def _known_time_zone(name: str) -> str:
    if not is_zone(name):
        raise invalid_value(
            "no es una zona horaria conocida, como Europe/Madrid", "not a known time zone, as Europe/Madrid"
        )
    return name


LanguageTag = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$"), AfterValidator(_known_language)
]
"""BCP 47 language tag that the CLDR knows."""

TimeZoneName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}$"),
    AfterValidator(_known_time_zone),
]
"""Name in the IANA time zone database."""
