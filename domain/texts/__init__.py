"""Texts for people, each in Spanish and in English."""

from collections.abc import Mapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Final

from pydantic_core import PydanticCustomError
from typing_extensions import override


class Language(StrEnum):
    """Languages of the API's texts; Spanish unless the caller asks otherwise."""

    SPANISH = "es"
    ENGLISH = "en"


Forms = Mapping[Language, str]
"""Text in both languages; `{limit:item|items}` in it is a number with its noun in the singular or the plural."""


def both(spanish: str, english: str) -> Forms:
    """Return one text in both languages."""
    return {Language.SPANISH: spanish, Language.ENGLISH: english}


EXPECTED: Final[Mapping[str, Forms]] = {
    "string": both("un texto", "a string"),
    "boolean": both("true o false", "true or false"),
    "integer": both("un número entero", "an integer"),
    "number": both("un número", "a number"),
    "array": both("una lista", "an array"),
    "object": both("un objeto", "an object"),
    "YYYY-MM-DD": both("una fecha AAAA-MM-DD", "a date YYYY-MM-DD"),
    "http(s) URL": both("una URL http o https", "an http or https URL"),
}
"""Names of the types for `{expected}`."""


class _Count(int):
    """Number that formats with a noun in agreement."""

    @override
    def __format__(self, spec: str) -> str:
        one, separator, several = spec.partition("|")
        return f"{int(self)} {one if self == 1 else several}" if separator else format(int(self), spec)


_language: ContextVar[Language] = ContextVar("language", default=Language.SPANISH)


def choose_language(language: Language) -> None:
    """Set the language of all texts while this request is answered."""
    _language.set(language)


def chosen_language() -> Language:
    """Return the language of the current request; Spanish outside requests."""
    return _language.get()


def say(forms: Forms, language: Language, details: Mapping[str, str | int]) -> str:
    """Render a text in a language with its parameters."""
    return forms[language].format_map({name: _said(name, value, language) for name, value in details.items()})


def _said(name: str, value: str | int, language: Language) -> str | int:
    if isinstance(value, int):
        return _Count(value)
    return EXPECTED[value][language] if name == "expected" and value in EXPECTED else value


def reason(spanish: str, english: str) -> dict[str, str | int]:
    """Return the parameters of a text that includes a reason, `{es}` or `{en}`."""
    return {Language.SPANISH.value: spanish, Language.ENGLISH.value: english}


def invalid_value(spanish: str, english: str) -> PydanticCustomError:
    """Return the error by which a validator refuses a value, with its reason in both languages."""
    return PydanticCustomError("invalid", "{en}", {"es": spanish, "en": english})
