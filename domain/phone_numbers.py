"""Phone numbers, read from the spellings of people and of networks.

Reading uses the numbering plans of `phonenumbers`, which change with each release, so workflows must not do it.
The form for comparison (`normal_form`) follows fixed rules and may be computed anywhere.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import phonenumbers
from pydantic import BaseModel, ConfigDict

COUNTRIES: Final = frozenset[str](phonenumbers.SUPPORTED_REGIONS)
"""Countries with known numbering plans: ISO 3166-1 alpha-2 codes."""

_FULL_WIDTH: Final = {0xFF01 + offset: 0x21 + offset for offset in range(0x5E)}
"""Full-width forms of ASCII (https://www.unicode.org/charts/PDF/UFF00.pdf), as Asian keyboards write them."""

_ORNAMENTS: Final = re.compile(
    r"[\s().\-/"
    "\u00ad\u2010-\u2015\u2212"  # hyphens, dashes and the minus sign
    "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # invisible characters, such as copied direction marks
    "]"
)
_SCHEME: Final = re.compile("tel:", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[1-9]\d{6,14}", re.ASCII)

_Rewriting = tuple[re.Pattern[str], str]

_AS_DIALLED: Final[Sequence[_Rewriting]] = (
    # Mexico dials no 1 before mobile numbers since 2019; WhatsApp keeps it in older ids.
    (re.compile(r"521(\d{10})"), r"52\1"),
    # Brazil put a 9 before the eight digits of mobile numbers until 2016; WhatsApp keeps the older ids without it.
    (re.compile(r"55(\d\d)([6-9]\d{7})"), r"55\g<1>9\2"),
)
"""Rewriting of spellings that networks no longer dial to those that they dial today
(https://developers.facebook.com/docs/whatsapp/cloud-api/reference/phone-numbers).
"""

# Argentina's mobile numbers have a 9 when they are dialled from abroad, and none in a text message.
_AS_COMPARED: Final[Sequence[_Rewriting]] = (*_AS_DIALLED, (re.compile(r"549(\d{10})"), r"54\1"))

_OTHERWISE: Final[Sequence[_Rewriting]] = (
    (re.compile(r"52(\d{10})"), r"521\1"),
    (re.compile(r"55(\d\d)9([6-9]\d{7})"), r"55\1\2"),
    (re.compile(r"54(\d{10})"), r"549\1"),
)
"""Rewriting of a number's normal form to its other spelling."""

_Test = Callable[[phonenumbers.PhoneNumber], bool]


class PhoneNumberRules(BaseModel):
    """Rules for reading a caller's phone numbers.

    Attributes:
        default_country: the country in which a national number is read; without one it is refused.
        accept_possible: whether a number without `+` or `00` needs only a possible length in its country: for ranges
            that are newer than the known numbering plans.
    """

    model_config = ConfigDict(frozen=True)

    default_country: str | None = None
    accept_possible: bool = False


INTERNATIONAL: Final = PhoneNumberRules()
"""Rules that require a country code in every number."""


def read_phone_number(text: str, rules: PhoneNumberRules = INTERNATIONAL) -> str | None:
    """Return the digits of a number with its country code; None if it is not a number.

    After `+` or `00` the length must be possible in the country. Without them the number must be valid: in the default
    country if there is one, else with the country code that it begins with.
    """
    digits, is_international = _cleaned(text)
    if is_international:
        return _international(digits, phonenumbers.is_possible_number)
    tests: list[_Test] = [phonenumbers.is_valid_number]
    if rules.accept_possible:
        tests.append(phonenumbers.is_possible_number)
    readings = (
        reading
        for test in tests
        for reading in (_national(digits, rules.default_country, test), _with_country_code(digits, test))
    )
    return next((reading for reading in readings if reading is not None), None)


def reported_phone_number(text: str) -> str:
    """Return a number that a network reports, without validation: it may be a short code or a name.

    `phonenumbers` does not check it; only a national zero is removed where the country has one.
    """
    digits, _ = _cleaned(text)
    if not (digits.isascii() and digits.isdigit()):
        return text.strip()
    return _international(digits, phonenumbers.is_possible_number) or digits


def dialled(digits: str) -> str:
    """Return the number as telephone networks dial it today."""
    return _rewritten(digits, _AS_DIALLED)


def normal_form(digits: str) -> str:
    """Return the form in which numbers are compared: the same for every spelling."""
    return _rewritten(digits, _AS_COMPARED)


def spellings(digits: str) -> set[str]:
    """Return every spelling of a number, including itself."""
    normal = normal_form(digits)
    return {digits, normal, dialled(digits), _rewritten(normal, _OTHERWISE)}


def country_of(digits: str) -> str | None:
    """Return the country of a number, or the main one of its country code if its range is unknown; None if it has none.

    Satellite and other global numbers belong to no country.
    """
    for number in _parsed([digits]):
        region = phonenumbers.region_code_for_number(number)
        country = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
        return country if country in COUNTRIES else None
    return None


def earns_from_calls(digits: str) -> bool:
    """Whether a number is of premium rate or shared cost, so that somebody may earn from what is sent to it."""
    costly = {phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST}
    return any(phonenumbers.number_type(number) in costly for number in _parsed([digits]))


def _rewritten(digits: str, rewritings: Sequence[_Rewriting]) -> str:
    return next((found.expand(to) for form, to in rewritings if (found := form.fullmatch(digits))), digits)


def _cleaned(text: str) -> tuple[str, bool]:
    """Return a text without punctuation and international prefix, and whether it had that prefix."""
    bare = _SCHEME.sub("", _ORNAMENTS.sub("", text.translate(_FULL_WIDTH)), count=1)
    if bare.startswith("+"):
        return bare.removeprefix("+"), True
    return bare.removeprefix("00"), bare.startswith("00")


def _international(digits: str, test: _Test) -> str | None:
    """Return the number as dialled from abroad: `+44 (0)20 …` has no zero there; Italian numbers keep theirs."""
    if not _DIGITS.fullmatch(digits) or not any(map(test, _parsed(spellings(digits)))):
        return None
    from_abroad = next((_e164(number) for number in _parsed([digits])), digits)
    return digits if from_abroad == digits else _international(from_abroad, test)


def _with_country_code(digits: str, test: _Test) -> str | None:
    """Return the number with the country code that it begins with, if it has no national zero after it.

    Without `+` or `00`, such a zero shows that the country code is none: a Spanish 630 200 000 is no +63 200000.
    """
    reading = _international(digits, test)
    return reading if reading is not None and normal_form(reading) == normal_form(digits) else None


def _national(digits: str, country: str | None, test: _Test) -> str | None:
    if country is None or not (digits.isascii() and digits.isdigit()):
        return None
    number = next((_e164(number) for number in _parsed([digits], country) if test(number)), "")
    return number if _DIGITS.fullmatch(number) else None


def _parsed(numbers: Sequence[str] | set[str], country: str | None = None) -> Iterator[phonenumbers.PhoneNumber]:
    for number in numbers:
        try:
            yield phonenumbers.parse(number if country else f"+{number}", country)
        except phonenumbers.NumberParseException:
            continue


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
