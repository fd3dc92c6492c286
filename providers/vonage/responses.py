"""Vonage's errors: problem details (RFC 9457), in answers and in statuses alike."""

import re
from typing import Final

from providers.lenient import Part, Text, Values, each

_TYPE: Final = re.compile(r"https?://[\w.-]+/(?:[\w-]+/)*api-errors(?:/[\w-]+)*/?(?:#([\w.-]+))?", re.ASCII)
"""Type URL; `api-errors` precedes the API's name: `messages`, and `messages-olympus` in older answers."""
_UNNAMED: Final = "problem"


MAX_TEXT: Final = 1_000
"""Characters of a type or a title that are read."""


class _Parameter(Part):
    name: Text = ""
    reason: Text = ""


class Problem(Part):
    """Problem (https://developer.vonage.com/en/api-errors).

    Attributes:
        type: a URL whose fragment is the code: a number or a name.
        title: the code itself in a status, else a short text.
        detail: a sentence.
        invalid_parameters: the invalid fields of the request, with reasons.
    """

    type: Text = ""
    title: Text = ""
    detail: Text = ""
    invalid_parameters: Values = ()

    @property
    def is_vonages(self) -> bool:
        """Whether Vonage wrote it, and not another RFC 9457 source such as a proxy."""
        return _TYPE.fullmatch(self.type[:MAX_TEXT]) is not None

    @property
    def code(self) -> str:
        """Return the number of the error, else its name."""
        found = _TYPE.fullmatch(self.type[:MAX_TEXT])
        fragment = (found and found[1]) or ""
        numbers = (text for text in (fragment, self.title) if text.isascii() and text.isdigit())
        return next(numbers, fragment.lower() or _UNNAMED)

    @property
    def text(self) -> str:
        """Return the error's text with the invalid fields."""
        wrong = [f"{parameter.name}: {parameter.reason}" for parameter in each(_Parameter, self.invalid_parameters)]
        return "; ".join([self.detail or self.title, *wrong])
