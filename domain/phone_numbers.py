"""Phone numbers as people and networks write them.

Reading one asks the numbering plans of `phonenumbers`, which change with each release of it: workflows must not do so.
What a number is compared by (`normal_form`) is found by fixed rules, and may be asked anywhere.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import phonenumbers
from pydantic import BaseModel, ConfigDict

COUNTRIES: Final = frozenset[str](phonenumbers.SUPPORTED_REGIONS)
"""The countries whose numbering plans are known: ISO 3166-1 alpha-2 codes."""

_FULL_WIDTH: Final = {0xFF01 + offset: 0x21 + offset for offset in range(0x5E)}
"""The full-width forms of ASCII (https://www.unicode.org/charts/PDF/UFF00.pdf), as Asian keyboards write them."""

_ORNAMENTS: Final = re.compile(
    r"[\s().\-/"
    "\u00ad\u2010-\u2015\u2212"  # hyphens, dashes and the minus sign
    "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # what is invisible, such as the marks that telephones copy along
    "]"
)
_SCHEME: Final = re.compile("tel:", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[1-9]\d{6,14}", re.ASCII)

_Rewriting = tuple[re.Pattern[str], str]

_AS_DIALLED: Final[Sequence[_Rewriting]] = (
    # Mexico dials no 1 before mobile numbers since 2019; WhatsApp keeps it in the ids of those days.
    (re.compile(r"521(\d{10})"), r"52\1"),
    # Brazil put a 9 before the eight digits of mobile numbers until 2016; WhatsApp keeps the older ids without it.
    (re.compile(r"55(\d\d)([6-9]\d{7})"), r"55\g<1>9\2"),
)
"""How a spelling that networks no longer dial is dialled today
(https://developers.facebook.com/docs/whatsapp/cloud-api/reference/phone-numbers)."""

# Argentina's mobile numbers have a 9 when they are dialled from abroad, and none in a text message.
_AS_COMPARED: Final[Sequence[_Rewriting]] = (*_AS_DIALLED, (re.compile(r"549(\d{10})"), r"54\1"))

_OTHERWISE: Final[Sequence[_Rewriting]] = (
    (re.compile(r"52(\d{10})"), r"521\1"),
    (re.compile(r"55(\d\d)9([6-9]\d{7})"), r"55\1\2"),
    (re.compile(r"54(\d{10})"), r"549\1"),
)
"""The other spelling of a number's normal form."""

_Test = Callable[[phonenumbers.PhoneNumber], bool]


class PhoneNumberRules(BaseModel):
    """How the phone numbers of a caller are read.

    Attributes:
        default_country: the country in which a national number is read; without one it is refused.
        accept_possible: whether a number without `+` or `00` needs only the length of one in its country: for ranges
            that are newer than the numbering plans that are known.
    """

    model_config = ConfigDict(frozen=True)

    default_country: str | None = None
    accept_possible: bool = False


INTERNATIONAL: Final = PhoneNumberRules()
"""Every number has its country code."""


def read_phone_number(text: str, rules: PhoneNumberRules = INTERNATIONAL) -> str | None:
    """The digits of a number with its country code; None if it is none.

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
        for reading in (_national(digits, rules.default_country, test), _international(digits, test))
    )
    return next((reading for reading in readings if reading is not None), None)


def reported_phone_number(text: str) -> str:
    """A number that a network names: whoever it knows is somebody, such as a short code or a name instead of a number.

    `phonenumbers` does not judge it: a zero of the country's own is left out where it is known, and nothing else.
    """
    digits, _ = _cleaned(text)
    if not (digits.isascii() and digits.isdigit()):
        return text.strip()
    return _international(digits, phonenumbers.is_possible_number) or digits


def dialled(digits: str) -> str:
    """The number as telephone networks dial it today."""
    return _rewritten(digits, _AS_DIALLED)


def normal_form(digits: str) -> str:
    """What the number is compared by: the same for every spelling of it."""
    return _rewritten(digits, _AS_COMPARED)


def spellings(digits: str) -> set[str]:
    """Every spelling of a number, itself included."""
    normal = normal_form(digits)
    return {digits, normal, dialled(digits), _rewritten(normal, _OTHERWISE)}


def _rewritten(digits: str, rewritings: Sequence[_Rewriting]) -> str:
    return next((found.expand(to) for form, to in rewritings if (found := form.fullmatch(digits))), digits)


def _cleaned(text: str) -> tuple[str, bool]:
    """What is left of a text without ornaments and the prefix of an international number; whether it had one."""
    bare = _SCHEME.sub("", _ORNAMENTS.sub("", text.translate(_FULL_WIDTH)), count=1)
    if bare.startswith("+"):
        return bare.removeprefix("+"), True
    return bare.removeprefix("00"), bare.startswith("00")


def _international(digits: str, test: _Test) -> str | None:
    """The number as it is dialled from abroad: `+44 (0)20 …` has no zero there, while Italy's numbers keep theirs."""
    if not _DIGITS.fullmatch(digits) or not any(map(test, _parsed(spellings(digits)))):
        return None
    from_abroad = next((_e164(number) for number in _parsed([digits])), digits)
    return digits if from_abroad == digits else _international(from_abroad, test)


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
