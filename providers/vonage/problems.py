"""How Vonage says that something went wrong: problem details (RFC 9457), in answers and in statuses alike."""

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

_TYPE: Final = re.compile(r"https://[\w.-]+/[\w/-]*api-errors(?:/messages)?/?(?:#([\w.-]+))?", re.ASCII)
_UNNAMED: Final = "problem"


class _Parameter(BaseModel):
    name: str = ""
    reason: str = ""


class Problem(BaseModel):
    """One problem (https://developer.vonage.com/en/api-errors).

    Attributes:
        type: an address whose fragment is the code: a number or a name.
        title: the code itself in a status, else a few words.
        detail: a sentence.
        invalid_parameters: which fields of the request were wrong, and why.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    type: Annotated[str, Field(max_length=1_000)] = ""
    title: Annotated[str, Field(max_length=1_000)] = ""
    detail: str | None = None
    invalid_parameters: list[_Parameter] | None = None

    @property
    def is_vonages(self) -> bool:
        """Whether Vonage wrote it, and not somebody else who speaks RFC 9457, such as a proxy."""
        return _TYPE.fullmatch(self.type) is not None

    @property
    def code(self) -> str:
        """The number of the error, else its name."""
        found = _TYPE.fullmatch(self.type)
        fragment = (found and found[1]) or ""
        numbers = (text for text in (fragment, self.title) if text.isascii() and text.isdigit())
        return next(numbers, fragment.lower() or _UNNAMED)

    @property
    def text(self) -> str:
        """What it says, with the fields that were wrong."""
        wrong = [f"{parameter.name}: {parameter.reason}" for parameter in self.invalid_parameters or ()]
        return "; ".join([self.detail or self.title, *wrong])
