"""How Vonage says that something went wrong: problem details (RFC 9457), in answers and in statuses alike."""

import re
from typing import Final

from providers.lenient import Part, Text, Values, each

_TYPE: Final = re.compile(r"https?://[\w.-]+/(?:[\w-]+/)*api-errors(?:/[\w-]+)*/?(?:#([\w.-]+))?", re.ASCII)
"""After `api-errors` comes the API's name: `messages`, and `messages-olympus` in older answers."""
_UNNAMED: Final = "problem"


MAX_TEXT: Final = 1_000
"""Characters of an address or a title that are looked at."""


class _Parameter(Part):
    name: Text = ""
    reason: Text = ""


class Problem(Part):
    """One problem (https://developer.vonage.com/en/api-errors).

    Attributes:
        type: an address whose fragment is the code: a number or a name.
        title: the code itself in a status, else a few words.
        detail: a sentence.
        invalid_parameters: which fields of the request were wrong, and why.
    """

    type: Text = ""
    title: Text = ""
    detail: Text = ""
    invalid_parameters: Values = ()

    @property
    def is_vonages(self) -> bool:
        """Whether Vonage wrote it, and not somebody else who speaks RFC 9457, such as a proxy."""
        return _TYPE.fullmatch(self.type[:MAX_TEXT]) is not None

    @property
    def code(self) -> str:
        """The number of the error, else its name."""
        found = _TYPE.fullmatch(self.type[:MAX_TEXT])
        fragment = (found and found[1]) or ""
        numbers = (text for text in (fragment, self.title) if text.isascii() and text.isdigit())
        return next(numbers, fragment.lower() or _UNNAMED)

    @property
    def text(self) -> str:
        """What it says, with the fields that were wrong."""
        wrong = [f"{parameter.name}: {parameter.reason}" for parameter in each(_Parameter, self.invalid_parameters)]
        return "; ".join([self.detail or self.title, *wrong])
